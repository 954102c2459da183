//! A line of its own for each agent, by predicted work and learned speeds.

use std::collections::VecDeque;
use std::time::Duration;

use nexus_base::Time;
use nexus_coord::coordinate::{Crew, NoPlan, Plan};

use super::waiting::Waiting;

/// Steps that planning anew may take in one batch, each of which looks at one agent for
/// one item. Source: a guess; about a tenth of a second.
pub const PLAN_STEPS_MAX: u64 = 1 << 26;

/// What has not begun is planned anew when an agent is off by this share of the time
/// that the whole batch has still to go. Measured on the batches of the tests: from
/// 0.02 to 0.1 makespans differ by less than half a percent, and what planning costs
/// grows as this falls.
const TOLERANCE: f64 = 0.05;

/// An agent that takes so many times what was predicted is late, though nothing ended.
/// A guess: twice is seldom chance.
const OVERDUE: f64 = 2.0;

/// Plans by booking each item, longest first, where it is expected to be done first.
/// A slow agent is left idle where all that waits would be done earlier elsewhere.
///
/// # Source
/// Gonzalez, Ibarra and Sahni, "Bounds for LPT Schedules on Uniform Processors", 1977:
/// at most twice the least makespan there is.
#[derive(Clone, Debug)]
pub(super) struct BySpeed {
    waiting: Waiting,
    /// By agent.
    speeds: Vec<f64>,
    lines: Vec<Line>,
    planned_at: Time,
    /// When the last agent was planned to be done, in seconds from `planned_at`.
    until_s: f64,
    is_stale: bool,
    steps_left: u64,
    replanned: u64,
    fault: Option<NoPlan>,
}

/// Between two looks at who is late, at least. A guess: to plan anew more often is not
/// worth what it costs.
const LOOK_MIN_S: f64 = 0.001;

/// What one agent is to do.
#[derive(Clone, Debug)]
struct Line {
    items: VecDeque<usize>,
    /// Expected of all of them, in seconds of an ordinary agent.
    expected_s: f64,
    /// When it was planned to be done with all it had, in seconds from the plan.
    free_s: f64,
    /// When what it is at takes too long.
    overdue_at: Time,
}

impl Line {
    fn free_in(free_s: f64) -> Line {
        Line { items: VecDeque::new(), expected_s: 0.0, free_s, overdue_at: Time::MAX }
    }
}

impl BySpeed {
    pub(super) fn new(now: Time, crew: &Crew, waiting: Waiting, speeds: Vec<f64>) -> BySpeed {
        let mut plan = BySpeed {
            waiting,
            speeds,
            lines: Vec::new(),
            planned_at: now,
            until_s: 0.0,
            is_stale: false,
            steps_left: PLAN_STEPS_MAX,
            replanned: 0,
            fault: None,
        };
        plan.plan(now, crew);
        plan
    }

    /// What is known of an agent's speed now.
    pub(super) fn set_speed(&mut self, agent: usize, speed: f64) {
        self.speeds[agent] = speed;
    }

    /// What was known of speeds does not hold any more.
    pub(super) fn set_speeds(&mut self, speeds: Vec<f64>) {
        self.speeds = speeds;
        self.is_stale = true;
    }

    fn plan(&mut self, now: Time, crew: &Crew) {
        self.planned_at = now;
        self.lines =
            (0..crew.len()).map(|agent| Line::free_in(self.free_in_s(now, crew, agent))).collect();
        let members: Vec<usize> = crew.members().collect();
        for item in self.waiting.iter() {
            let expected_s = self.waiting.expected_s(item);
            let done_s =
                |&agent: &usize| self.lines[agent].free_s + expected_s / self.speeds[agent];
            let ends = members.iter().map(|agent| (*agent, done_s(agent)));
            let soonest = ends.min_by(|(_, one), (_, other)| one.total_cmp(other));
            let Some((agent, free_s)) = soonest else { break };
            let line = &mut self.lines[agent];
            line.items.push_back(item);
            line.expected_s += expected_s;
            line.free_s = free_s;
        }
        self.until_s = self.lines.iter().map(|line| line.free_s).fold(0.0, f64::max);
        (0..crew.len()).for_each(|agent| self.watch(now, crew, agent));
        self.is_stale = false;
    }

    /// Plans what has not begun anew, if that may be paid for.
    fn replan(&mut self, now: Time, crew: &Crew) {
        let steps = (self.waiting.len() * crew.len()) as u64;
        if steps > self.steps_left {
            self.fault = Some(NoPlan::TooCostly { times: self.replanned });
            return;
        }
        self.steps_left -= steps;
        self.replanned += 1;
        self.plan(now, crew);
    }

    fn free_in_s(&self, now: Time, crew: &Crew, agent: usize) -> f64 {
        self.waiting.free_in_s(now, crew, agent, self.speeds[agent])
    }

    /// Sets when what the agent is at takes too long.
    fn watch(&mut self, now: Time, crew: &Crew, agent: usize) {
        let first = crew.in_hand(agent).next();
        self.lines[agent].overdue_at = first.map_or(Time::MAX, |held| {
            let worked = crew.worked(now, agent).unwrap_or_default();
            self.overdue_at(now, agent, held.item, worked)
        });
    }

    fn overdue_at(&self, now: Time, agent: usize, item: usize, worked: Duration) -> Time {
        let takes_s = self.waiting.expected_s(item) / self.speeds[agent];
        let worked_s = worked.as_secs_f64();
        // Who is late is looked at again after half of the time that it has had.
        let left_s = (OVERDUE * takes_s - worked_s).max(worked_s / 2.0).max(LOOK_MIN_S);
        now.after(Duration::try_from_secs_f64(left_s).unwrap_or(Duration::MAX))
    }

    /// Whether the agent is off from the plan by more than is tolerated.
    fn is_off(&self, now: Time, crew: &Crew, agent: usize) -> bool {
        let (line, gone_s) = (&self.lines[agent], now.since(self.planned_at).as_secs_f64());
        let to_do_s = self.free_in_s(now, crew, agent) + line.expected_s / self.speeds[agent];
        let left_s = (self.until_s - gone_s).max(0.0);
        (gone_s + to_do_s - line.free_s).abs() > TOLERANCE * left_s
    }
}

impl Plan for BySpeed {
    fn poll_next(&mut self, now: Time, crew: &Crew) -> Option<(usize, usize)> {
        if self.is_stale {
            self.replan(now, crew);
        }
        if self.fault.is_some() {
            return None;
        }
        let mut members = crew.members();
        let agent =
            members.find(|&agent| crew.has_room(agent) && !self.lines[agent].items.is_empty())?;
        let item = self.lines[agent].items.pop_front()?;
        let expected_s = self.waiting.expected_s(item);
        if crew.in_hand_len(agent) == 0 {
            self.lines[agent].overdue_at = self.overdue_at(now, agent, item, Duration::ZERO);
        }
        let line = &mut self.lines[agent];
        // Nothing is left of nothing, whatever rounding says.
        line.expected_s = if line.items.is_empty() { 0.0 } else { line.expected_s - expected_s };
        self.waiting.remove(item);
        Some((agent, item))
    }

    fn handle_back(&mut self, _: &Crew, item: usize) {
        self.waiting.insert(item);
        self.is_stale = true;
    }

    fn handle_left(&mut self, _: &Crew, _: usize) {
        self.is_stale = true;
    }

    fn handle_ended(&mut self, now: Time, crew: &Crew, agent: usize) {
        self.watch(now, crew, agent);
        let has_nothing = crew.has_room(agent) && self.lines[agent].items.is_empty();
        if self.waiting.len() > 0 && (has_nothing || self.is_off(now, crew, agent)) {
            self.is_stale = true;
        }
    }

    fn next_timeout(&self, _: &Crew) -> Option<Time> {
        // Only where something waits for who is late can it be of use to look.
        let lines = self.lines.iter().filter(|line| !line.items.is_empty());
        lines.map(|line| line.overdue_at).min().filter(|&at| at < Time::MAX)
    }

    fn handle_timeout(&mut self, now: Time, _: &Crew) {
        let mut lines = self.lines.iter().filter(|line| !line.items.is_empty());
        self.is_stale |= lines.any(|line| line.overdue_at <= now);
    }

    fn fault(&self) -> Option<NoPlan> {
        self.fault.clone()
    }

    fn replanned(&self) -> u64 {
        self.replanned
    }
}
