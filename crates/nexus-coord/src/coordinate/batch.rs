//! The books of one batch: what waits, who has what, what is to be sent.

use std::collections::VecDeque;

use nexus_base::{AgentId, Time};

use super::line::Line;
use super::turns::Turns;
use super::{
    Account, CoordinationLevel, Crew, Done, Ended, Fall, Item, Job, NoPlan, NotBegun, Plan,
    Planner, Run,
};

/// Agents in one batch, at most. Source: a guess; each decision looks at all of them.
pub const AGENTS_MAX: usize = 1 << 10;

/// Items in one batch, at most. Source: a guess; who has more has several batches.
pub const ITEMS_MAX: usize = 1 << 16;

/// Items that one agent may have in hand, at most. Source: a guess; what is in hand
/// can be given to nobody else, and one or two keep an agent busy.
pub const IN_FLIGHT_EACH_MAX: usize = 64;

/// How often an item is begun that may be repeated. Source: a guess; what was not
/// answered three times is not bad luck.
pub const ATTEMPTS_MAX: u32 = 3;

/// An agent that did not answer so many items in a row is given nothing more: it
/// would be the first to be free each time. Source: a guess.
pub const CRASHES_MAX: u32 = 3;

/// How a batch is coordinated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchSpec {
    /// The level to begin with.
    pub level: CoordinationLevel,
    /// Items that one agent has in hand at one time, from 1 to [`IN_FLIGHT_EACH_MAX`].
    pub in_flight_each: usize,
    /// When what has not begun is given up.
    pub deadline: Time,
}

impl BatchSpec {
    /// At this level, with one item in each hand and without a deadline.
    pub const fn new(level: CoordinationLevel) -> BatchSpec {
        BatchSpec { level, in_flight_each: 1, deadline: Time::MAX }
    }
}

/// Why there is no batch. Nothing was done; trying again will not help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The number of agents makes no sense.
    #[error("a batch has 1 to {AGENTS_MAX} agents, not {0}; nothing was done")]
    Agents(usize),
    /// One agent was given twice.
    #[error("agent {0} was given twice; nothing was done")]
    Twice(AgentId),
    /// There are too many items.
    #[error("a batch has up to {ITEMS_MAX} items, not {0}; nothing was done")]
    Items(usize),
    /// The number of items in hand makes no sense.
    #[error("an agent has 1 to {IN_FLIGHT_EACH_MAX} items in hand, not {0}; nothing was done")]
    InFlight(usize),
}

/// What is to be done outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Effect {
    /// Send this item to this agent, and tell [`Batch::handle_ended`] how that ends.
    Send {
        /// Index of the item.
        item: usize,
        /// Index of the agent.
        agent: usize,
    },
    /// The item is not sent, or not again: what its last attempt came to, if there
    /// was one, is all that will be known of it.
    GiveUp {
        /// Index of the item.
        item: usize,
        /// Why.
        why: NotBegun,
    },
}

/// One batch on its way; see [`Unlearned`](super::Unlearned) for an example.
///
/// Each item is sent until it is answered, or may have run and is not repeatable, or
/// there is no time or nobody left. Whoever could not run what it was given, or did
/// not answer [`CRASHES_MAX`] items in a row, is given nothing more.
#[derive(Debug)]
pub struct Batch<P: Planner> {
    spec: BatchSpec,
    planner: P,
    crew: Crew,
    items: Vec<Item>,
    stages: Vec<Stage>,
    waiting: usize,
    used: CoordinationLevel,
    way: Way<P::Plan>,
    falls: Vec<Fall>,
    placed: usize,
    /// Of plans that are not followed any more.
    replanned: u64,
    effects: VecDeque<Effect>,
    began: Time,
    ended: Time,
}

/// Where an item is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// It waits, after so many attempts.
    Waits(u32),
    InHand(u32),
    Closed,
}

/// The plan being followed.
#[derive(Debug)]
enum Way<P> {
    Turns(Turns),
    Line(Line),
    Learned(P),
}

impl<P: Plan> Way<P> {
    fn plan(&self) -> &dyn Plan {
        match self {
            Way::Turns(plan) => plan,
            Way::Line(plan) => plan,
            Way::Learned(plan) => plan,
        }
    }

    fn plan_mut(&mut self) -> &mut dyn Plan {
        match self {
            Way::Turns(plan) => plan,
            Way::Line(plan) => plan,
            Way::Learned(plan) => plan,
        }
    }
}

impl<P: Planner> Batch<P> {
    /// Begins: the first effects are there at once.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn new(
        now: Time,
        spec: BatchSpec,
        agents: Vec<AgentId>,
        items: Vec<Item>,
        planner: P,
    ) -> Result<Batch<P>, BatchError> {
        check(&spec, &agents, &items)?;
        let waiting: Vec<usize> = (0..items.len()).collect();
        let mut batch = Batch {
            spec,
            planner,
            crew: Crew::new(now, agents, spec.in_flight_each),
            stages: vec![Stage::Waits(0); items.len()],
            waiting: items.len(),
            items,
            used: spec.level,
            way: Way::Line(Line::new(&waiting)),
            falls: Vec::new(),
            placed: 0,
            replanned: 0,
            effects: VecDeque::new(),
            began: now,
            ended: now,
        };
        batch.settle(now, spec.level);
        batch.place(now);
        Ok(batch)
    }

    /// An item's time with an agent has ended. False, and nothing changes, if that
    /// agent does not have it in hand.
    pub fn handle_ended(&mut self, now: Time, agent: usize, item: usize, ended: Ended) -> bool {
        let Some(worked) = self.crew.handle_ended(now, agent, item) else { return false };
        self.ended = now;
        self.count(agent, ended.run);
        let service_s = worked.map_or(0.0, |worked| worked.as_secs_f64());
        if ended.run == Run::Done && service_s > 0.0 {
            self.learn(now, agent, item, service_s);
        }
        self.way.plan_mut().handle_ended(now, &self.crew, agent);
        self.move_on(item, ended.run);
        if let Some(why) = self.why_leaves(agent, ended)
            && self.crew.leave(agent, why)
        {
            self.way.plan_mut().handle_left(&self.crew, agent);
        }
        self.place(now);
        true
    }

    /// Gives up what waits beyond the deadline, and lets the plan look again.
    pub fn handle_timeout(&mut self, now: Time) {
        self.way.plan_mut().handle_timeout(now, &self.crew);
        self.place(now);
    }

    /// When to call [`Self::handle_timeout`] next; `None` while nothing waits.
    pub fn next_timeout(&self) -> Option<Time> {
        if self.waiting == 0 {
            return None;
        }
        let planned = self.way.plan().next_timeout(&self.crew);
        let until = planned.unwrap_or(Time::MAX).min(self.spec.deadline);
        (until < Time::MAX).then_some(until)
    }

    /// The oldest thing that is yet to be carried out.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether nothing waits and nobody has anything in hand.
    pub fn is_over(&self) -> bool {
        self.waiting == 0 && self.crew.in_flight() == 0
    }

    /// The agents.
    pub fn crew(&self) -> &Crew {
        &self.crew
    }

    /// How it has gone so far.
    pub fn account(&self) -> Account {
        Account {
            asked: self.spec.level,
            used: self.used,
            falls: self.falls.clone(),
            makespan: self.ended.since(self.began),
            replanned: self.replanned + self.way.plan().replanned(),
            shares: self.crew.shares().cloned().collect(),
        }
    }

    fn count(&mut self, agent: usize, run: Run) {
        let share = self.crew.share_mut(agent);
        match run {
            Run::Done => share.done += 1,
            Run::No => share.not_run += 1,
            Run::Unknown => share.unknown += 1,
        }
    }

    fn learn(&mut self, now: Time, agent: usize, item: usize, service_s: f64) {
        let (crew, item) = (&self.crew, &self.items[item]);
        let done = Done { crew, agent, item, service_s };
        let Way::Learned(plan) = &mut self.way else {
            // Nothing that was learned is being followed.
            let _ = self.planner.handle_done(None, &done);
            return;
        };
        if let Err(why) = self.planner.handle_done(Some(plan), &done)
            && self.waiting > 0
        {
            self.fall(now, &why);
        }
    }

    /// The item is closed, or waits again.
    fn move_on(&mut self, item: usize, run: Run) {
        let Stage::InHand(attempts) = self.stages[item] else {
            unreachable!("what an agent has in hand was sent")
        };
        // What has surely not run costs no attempt: whoever had it leaves, which
        // bounds how often that can happen.
        let attempts = attempts + u32::from(run != Run::No);
        let is_again = match run {
            Run::Done => false,
            Run::No => true,
            Run::Unknown => self.items[item].is_repeatable && attempts < ATTEMPTS_MAX,
        };
        self.stages[item] = if is_again { Stage::Waits(attempts) } else { Stage::Closed };
        if is_again {
            self.waiting += 1;
            self.way.plan_mut().handle_back(&self.crew, item);
        }
    }

    /// Why an agent is to be given nothing more, if so.
    fn why_leaves(&mut self, agent: usize, ended: Ended) -> Option<String> {
        let crashes = self.crew.note_crash(agent, ended.run == Run::Unknown);
        let of_itself = match ended.run {
            Run::No => Some("it did not take what it was given".to_owned()),
            Run::Unknown if crashes >= CRASHES_MAX => {
                Some(format!("it did not answer {crashes} items in a row"))
            }
            _ => None,
        };
        ended.leaves.or(of_itself)
    }

    /// Sends what the plan says is to be sent.
    fn place(&mut self, now: Time) {
        if now >= self.spec.deadline {
            return self.give_up(NotBegun::Deadline);
        }
        while self.waiting > 0 {
            if self.crew.members().next().is_none() {
                return self.give_up(NotBegun::NoAgent);
            }
            let next = self.way.plan_mut().poll_next(now, &self.crew);
            match (next, self.way.plan().fault()) {
                (Some((agent, item)), _) => self.send(now, agent, item),
                (None, Some(why)) => self.fall(now, &why),
                (None, None) if self.crew.in_flight() == 0 => self.fall(now, &NoPlan::Stalled),
                (None, None) => return,
            }
        }
    }

    fn send(&mut self, now: Time, agent: usize, item: usize) {
        let Stage::Waits(attempts) = self.stages[item] else {
            unreachable!("a plan sends what waits, and once")
        };
        self.crew.handle_sent(now, agent, item);
        self.stages[item] = Stage::InHand(attempts);
        self.waiting -= 1;
        self.placed += 1;
        self.effects.push_back(Effect::Send { item, agent });
    }

    fn give_up(&mut self, why: NotBegun) {
        for item in self.list_waiting() {
            self.stages[item] = Stage::Closed;
            self.effects.push_back(Effect::GiveUp { item, why });
        }
        self.waiting = 0;
    }

    fn list_waiting(&self) -> Vec<usize> {
        let stages = self.stages.iter().enumerate();
        stages.filter(|(_, stage)| matches!(stage, Stage::Waits(_))).map(|(item, _)| item).collect()
    }

    /// The level in use cannot go on.
    fn fall(&mut self, now: Time, why: &NoPlan) {
        self.falls.push(Fall::new(self.used, why, self.placed));
        let below = self.used.below().expect("in turn everybody with room has something");
        self.settle(now, below);
    }

    /// Follows a plan of this level, or of the highest below that has one.
    fn settle(&mut self, now: Time, level: CoordinationLevel) {
        self.replanned += self.way.plan().replanned();
        let waiting = self.list_waiting();
        let mut level = level;
        self.way = loop {
            let why = match level {
                CoordinationLevel::Basic => break Way::Turns(Turns::new(&self.crew, &waiting)),
                CoordinationLevel::Optimized => break Way::Line(Line::new(&waiting)),
                CoordinationLevel::Emergent => NoPlan::NotBuilt { level },
                CoordinationLevel::Intelligent | CoordinationLevel::Adaptive => {
                    let (crew, items) = (&self.crew, &self.items);
                    let job = Job { now, crew, items, waiting: &waiting };
                    match self.planner.plan(level, &job) {
                        Ok(plan) => break Way::Learned(plan),
                        Err(why) => why,
                    }
                }
            };
            self.falls.push(Fall::new(level, &why, self.placed));
            level = level.below().expect("basic has a plan");
        };
        self.used = level;
    }
}

fn check(spec: &BatchSpec, agents: &[AgentId], items: &[Item]) -> Result<(), BatchError> {
    if !(1..=AGENTS_MAX).contains(&agents.len()) {
        return Err(BatchError::Agents(agents.len()));
    }
    if items.len() > ITEMS_MAX {
        return Err(BatchError::Items(items.len()));
    }
    if !(1..=IN_FLIGHT_EACH_MAX).contains(&spec.in_flight_each) {
        return Err(BatchError::InFlight(spec.in_flight_each));
    }
    let mut sorted = agents.to_vec();
    sorted.sort_unstable();
    let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]);
    twice.map_or(Ok(()), |pair| Err(BatchError::Twice(pair[0])))
}

#[cfg(test)]
mod tests;
