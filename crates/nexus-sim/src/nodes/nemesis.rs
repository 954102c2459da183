//! What goes wrong with nodes now and then, and how it ends; drawn from the same plan as in
//! worlds of groups.

use std::time::Duration;

use nexus_base::{Rng, Time};

use super::event::Event;
use super::world::NodesWorld;
use crate::cluster::{Blow, BlowDose, Clock, Death, Families, Family, draw_ppm};

/// How much longer than usual a sync takes on a slow disk, at most.
const SLOW_SYNC_MAX: Duration = Duration::from_millis(400);
/// The longest that a blow lasts, as a multiple of its mean.
const LASTS_MAX: f64 = 4.0;
/// How long until a node that could not start tries again.
const RETRY_START: Duration = Duration::from_secs(1);
/// Up to where a clock counts when its node starts: about a day.
const CLOCK_START_MAX: u64 = 1 << 46;

/// What strikes, and from what chance.
pub(crate) struct Nemesis {
    /// A generator for each family, so that none moves another.
    rngs: Vec<Rng>,
}

impl Nemesis {
    pub(crate) fn new(rng: &Rng) -> Nemesis {
        let fork = |family: &Family| rng.fork_index("nemesis", *family as u64);
        Nemesis { rngs: Family::ALL.iter().map(fork).collect() }
    }

    fn rng(&mut self, family: Family) -> &mut Rng {
        &mut self.rngs[family as usize]
    }

    fn about(&mut self, family: Family, mean: Duration) -> Duration {
        mean.mul_f64(self.rng(family).exponential().min(LASTS_MAX))
    }
}

impl NodesWorld {
    /// Plans the first blow of each family.
    pub(crate) fn plan_blows(&mut self) {
        for dose in self.out.plan.blows.clone() {
            self.plan_blow(dose);
        }
    }

    fn plan_blow(&mut self, dose: BlowDose) {
        let later = self.nemesis.about(dose.family, dose.every);
        self.out.after(later, Event::Nemesis(Blow::Strike(dose.family)));
    }

    pub(crate) fn handle_blow(&mut self, blow: Blow) {
        match blow {
            Blow::Strike(family) => {
                let doses = &self.out.plan.blows;
                let dose = doses.iter().find(|dose| dose.family == family).copied();
                // None once the cluster is healed.
                if let Some(dose) = dose {
                    self.strike(dose);
                    self.plan_blow(dose);
                }
            }
            Blow::Restart { node } => self.start_node(node),
            Blow::Resume { node, until } => {
                if self.nodes[node as usize].stalled == Some(until) {
                    self.resume(node);
                }
            }
            Blow::Mend { cut } => self.out.links.mend(cut),
            Blow::Room { node } => self.set_full(node, false),
            Blow::Quick { node } => self.nodes[node as usize].slow = Duration::ZERO,
            // Faults come together in the world of bare groups alone, which plans this.
            Blow::Lose { .. } => {}
        }
    }

    fn strike(&mut self, dose: BlowDose) {
        let family = dose.family;
        let lasts = self.nemesis.about(family, dose.lasts);
        let node = self.nemesis.rng(family).below(u64::from(self.spec.nodes)) as u32;
        self.out.counts.count(family);
        self.out.trace.say(self.out.now, format_args!("{family} strikes, first at node {node}"));
        match family {
            Family::Kill => self.kill(node, Death::Process, lasts),
            Family::Power => self.kill(node, Death::Power, lasts),
            Family::Torn => self.kill(node, Death::Torn, lasts),
            Family::OneWay => self.cut_one_way(node, lasts),
            Family::Partition => self.cut_in_two(lasts),
            Family::Full => {
                self.set_full(node, true);
                self.out.after(lasts, Event::Nemesis(Blow::Room { node }));
            }
            Family::SlowSync => {
                let slow = SLOW_SYNC_MAX.mul_f64(self.nemesis.rng(family).unit());
                self.nodes[node as usize].slow = slow;
                self.out.after(lasts, Event::Nemesis(Blow::Quick { node }));
            }
            Family::Pause => self.pause(node, lasts),
            Family::ClockRate => {
                let ppm = draw_ppm(self.nemesis.rng(family));
                self.nodes[node as usize].bend(&mut self.out, ppm);
            }
            // These strike frames and restarts, not now and then.
            Family::Delay
            | Family::Loss
            | Family::Duplicate
            | Family::Reorder
            | Family::Corrupt
            | Family::ClockOffset => {}
        }
    }

    /// Has a node die, and start again later.
    pub(crate) fn kill(&mut self, node: u32, death: Death, down: Duration) {
        let dead = &mut self.nodes[node as usize];
        if dead.life.is_some() {
            dead.die(&mut self.out, death);
            self.out.after(down, Event::Nemesis(Blow::Restart { node }));
        }
    }

    /// Starts a node, if it is down.
    pub(crate) fn start_node(&mut self, node: u32) {
        let starts = &mut self.nodes[node as usize];
        if starts.life.is_some() {
            return;
        }
        if self.out.plan.families.has(Family::ClockOffset) {
            let rng = self.nemesis.rng(Family::ClockOffset);
            let start = Time::from_nanos(rng.below(CLOCK_START_MAX));
            let ppm = starts.clock.ppm();
            starts.clock = Clock::new(self.out.now, start, ppm);
            self.out.counts.count(Family::ClockOffset);
        }
        self.out.trace.say(self.out.now, format_args!("node {node} starts"));
        if !starts.start(&mut self.out) {
            self.out.trace.say(self.out.now, format_args!("node {node} finds its disk full"));
            self.out.after(RETRY_START, Event::Nemesis(Blow::Restart { node }));
        }
    }

    fn set_full(&mut self, node: u32, full: bool) {
        self.nodes[node as usize].disk.with(|disk| disk.full = full);
    }

    fn pause(&mut self, node: u32, lasts: Duration) {
        let until = self.out.now.after(lasts);
        let stalls = &mut self.nodes[node as usize];
        if stalls.life.is_some() {
            stalls.stalled = Some(until);
            self.out.after(lasts, Event::Nemesis(Blow::Resume { node, until }));
        }
    }

    /// Has a node go on, with all that has come meanwhile.
    fn resume(&mut self, node: u32) {
        let goes_on = &mut self.nodes[node as usize];
        goes_on.stalled = None;
        for event in std::mem::take(&mut goes_on.held) {
            self.dispatch(event);
        }
    }

    fn cut_one_way(&mut self, from: u32, lasts: Duration) {
        let nodes = self.spec.nodes;
        let rng = self.nemesis.rng(Family::OneWay);
        // To one other, or to all; or from all.
        let other = (from + 1 + rng.below(u64::from(nodes) - 1) as u32) % nodes;
        let others = (0..nodes).filter(|&node| node != from);
        let pairs = match rng.below(3) {
            0 => others.map(|to| (from, to)).collect(),
            1 => others.map(|to| (to, from)).collect(),
            _ => vec![(from, other)],
        };
        self.cut(pairs, lasts);
    }

    fn cut_in_two(&mut self, lasts: Duration) {
        let nodes = self.spec.nodes;
        let mut order: Vec<u32> = (0..nodes).collect();
        let rng = self.nemesis.rng(Family::Partition);
        rng.shuffle(&mut order);
        let (left, right) = order.split_at(1 + rng.below(u64::from(nodes) - 1) as usize);
        let both = |&one: &u32| right.iter().flat_map(move |&other| [(one, other), (other, one)]);
        let pairs = left.iter().flat_map(both).collect();
        self.cut(pairs, lasts);
    }

    fn cut(&mut self, pairs: Vec<(u32, u32)>, lasts: Duration) {
        let cut = self.out.links.cut(pairs);
        self.out.after(lasts, Event::Nemesis(Blow::Mend { cut }));
    }

    /// Ends all that goes wrong.
    pub(crate) fn end_blows(&mut self) {
        self.out.plan.blows.clear();
        self.out.plan.families = Families::NONE;
        self.out.links.mend_all();
        for node in 0..self.spec.nodes {
            self.nodes[node as usize].slow = Duration::ZERO;
            self.set_full(node, false);
            if self.nodes[node as usize].stalled.is_some() {
                self.resume(node);
            }
            self.start_node(node);
        }
    }
}
