//! What goes wrong now and then, and how it ends: the same in every simulated cluster.

use std::time::Duration;

use nexus_base::{Rng, Time};

use super::clock::Clock;
use super::event::{Blow, Event};
use super::family::{Families, Family, FaultCounts};
use super::links::Links;
use super::node::Death;
use super::outside::node_id;
use super::plan::{BlowDose, CLOCK_PPM_MAX, Plan};
use super::ploy::Plays as _;
use super::store::SharedDisk;
use super::trace::ClusterTrace;
use super::world::ClusterWorld;

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
    /// One for what they do together.
    pub(crate) ploys: Rng,
}

impl Nemesis {
    pub(crate) fn new(rng: &Rng) -> Nemesis {
        let fork = |family: &Family| rng.fork_index("nemesis", *family as u64);
        Nemesis { rngs: Family::ALL.iter().map(fork).collect(), ploys: rng.fork("ploys") }
    }

    pub(crate) fn rng(&mut self, family: Family) -> &mut Rng {
        &mut self.rngs[family as usize]
    }

    fn about(&mut self, family: Family, mean: Duration) -> Duration {
        mean.mul_f64(self.rng(family).exponential().min(LASTS_MAX))
    }
}

/// What blows change, of all that is around nodes.
pub(crate) struct Air<'a> {
    pub(crate) now: Time,
    pub(crate) nemesis: &'a mut Nemesis,
    pub(crate) plan: &'a mut Plan,
    pub(crate) links: &'a mut Links,
    pub(crate) counts: &'a mut FaultCounts,
    pub(crate) trace: &'a mut ClusterTrace,
}

/// What blows change of one node.
pub(crate) struct Victim<'a> {
    pub(crate) is_up: bool,
    pub(crate) clock: &'a mut Clock,
    pub(crate) disk: &'a SharedDisk,
    /// Until when it stands still.
    pub(crate) stalled: &'a mut Option<Time>,
    /// How long a sync takes at least.
    pub(crate) slow: &'a mut Duration,
}

/// A world in which things go wrong.
pub(crate) trait Attacked {
    fn node_count(&self) -> u32;
    fn air(&mut self) -> Air<'_>;
    fn victim(&mut self, node: u32) -> Victim<'_>;
    /// Plans a blow for later.
    fn plan_later(&mut self, later: Duration, blow: Blow);
    /// Has a node that is up die.
    fn die(&mut self, node: u32, death: Death);
    /// Has a node that is down start; false if its disk does not let it.
    fn start(&mut self, node: u32) -> bool;
    /// Has a node's clock run at another rate.
    fn bend(&mut self, node: u32, ppm: i64);
    /// Gives a node all that has come while it stood still.
    fn catch_up(&mut self, node: u32);

    /// Somebody wants something changed, of this family of wishes.
    fn wish(&mut self, _family: Family) {}

    /// Clients are drawn to a node, which is cut off and may not know it until then.
    fn lure(&mut self, _node: u32, _until: Time) {}

    /// Plans the first blow of each family.
    fn plan_blows(&mut self) {
        for dose in self.air().plan.blows.clone() {
            self.plan_blow(dose);
        }
    }

    fn plan_blow(&mut self, dose: BlowDose) {
        let later = self.air().nemesis.about(dose.family, dose.every);
        self.plan_later(later, Blow::Strike(dose.family));
    }

    fn handle_blow(&mut self, blow: Blow) {
        match blow {
            Blow::Strike(family) => {
                let doses = &self.air().plan.blows;
                let dose = doses.iter().find(|dose| dose.family == family).copied();
                // None once the cluster is healed.
                if let Some(dose) = dose {
                    if family.is_wish() {
                        self.wish(family);
                    } else {
                        self.strike(dose);
                    }
                    self.plan_blow(dose);
                }
            }
            Blow::Restart { node } => self.start_node(node),
            Blow::Resume { node, until } => {
                if *self.victim(node).stalled == Some(until) {
                    self.resume(node);
                }
            }
            Blow::Lose { from, to, until, dies } => {
                let lasts = until.since(self.air().now);
                self.lose((from, to), lasts, dies);
            }
            Blow::Mend { cut } => {
                let air = self.air();
                for (from, to) in air.links.mend(cut) {
                    let (from, to) = (node_id(from), node_id(to));
                    air.trace.say(air.now, format_args!("{to} hears {from} again"));
                }
            }
            Blow::Room { node } => self.set_full(node, false),
            Blow::Quick { node } => *self.victim(node).slow = Duration::ZERO,
        }
    }

    fn strike(&mut self, dose: BlowDose) {
        let family = dose.family;
        let count = u64::from(self.node_count());
        let air = self.air();
        let lasts = air.nemesis.about(family, dose.lasts);
        let node = air.nemesis.rng(family).below(count) as u32;
        air.counts.count(family);
        match family {
            // It has no first one.
            Family::Partition => air.trace.say(air.now, format_args!("{family} strikes")),
            _ => air.trace.say(air.now, format_args!("{family} strikes {}", node_id(node))),
        }
        match family {
            Family::Kill => self.kill(node, Death::Process, lasts),
            Family::Power => self.kill(node, Death::Power, lasts),
            Family::Torn => self.kill(node, Death::Torn, lasts),
            Family::OneWay if self.play_with_links(node, lasts) => {}
            Family::OneWay => self.cut_one_way(node, lasts),
            Family::Partition => self.cut_in_two(lasts),
            Family::Full => {
                self.set_full(node, true);
                self.plan_later(lasts, Blow::Room { node });
            }
            Family::SlowSync => {
                let slow = SLOW_SYNC_MAX.mul_f64(self.air().nemesis.rng(family).unit());
                *self.victim(node).slow = slow;
                self.plan_later(lasts, Blow::Quick { node });
            }
            Family::Pause => self.pause(node, lasts),
            Family::ClockRate => {
                let ppm = draw_ppm(self.air().nemesis.rng(family));
                self.bend(node, ppm);
            }
            // These strike frames and restarts, not now and then; and wishes do not strike.
            Family::Delay
            | Family::Loss
            | Family::Duplicate
            | Family::Reorder
            | Family::Corrupt
            | Family::ClockOffset
            | Family::Split
            | Family::Merge
            | Family::Move
            | Family::Transfer
            | Family::Members => {}
        }
    }

    /// Has a node die, and start again later.
    fn kill(&mut self, node: u32, death: Death, down: Duration) {
        if self.victim(node).is_up {
            let (air, id) = (self.air(), node_id(node));
            air.trace.say(air.now, format_args!("{id} dies: {death}"));
            self.die(node, death);
            self.plan_later(down, Blow::Restart { node });
        }
    }

    /// Starts a node, if it is down.
    fn start_node(&mut self, node: u32) {
        if self.victim(node).is_up {
            return;
        }
        let air = self.air();
        let now = air.now;
        if air.plan.families.has(Family::ClockOffset) {
            let rng = air.nemesis.rng(Family::ClockOffset);
            let start = Time::from_nanos(rng.below(CLOCK_START_MAX));
            air.counts.count(Family::ClockOffset);
            let clock = self.victim(node).clock;
            *clock = Clock::new(now, start, clock.ppm());
        }
        self.air().trace.say(now, format_args!("{} starts", node_id(node)));
        if !self.start(node) {
            let id = node_id(node);
            self.air().trace.say(now, format_args!("{id} does not start: its disk is full"));
            self.plan_later(RETRY_START, Blow::Restart { node });
        }
    }

    fn set_full(&mut self, node: u32, full: bool) {
        self.victim(node).disk.with(|disk| disk.full = full);
    }

    fn pause(&mut self, node: u32, lasts: Duration) {
        let until = self.air().now.after(lasts);
        let stalls = self.victim(node);
        if stalls.is_up {
            *stalls.stalled = Some(until);
            let (air, id) = (self.air(), node_id(node));
            air.trace.say(air.now, format_args!("{id} stands still until {until}"));
            self.plan_later(lasts, Blow::Resume { node, until });
        }
    }

    /// Has a node go on, with all that has come meanwhile.
    fn resume(&mut self, node: u32) {
        *self.victim(node).stalled = None;
        let air = self.air();
        air.trace.say(air.now, format_args!("{} goes on", node_id(node)));
        self.catch_up(node);
    }

    fn cut_one_way(&mut self, from: u32, lasts: Duration) {
        let nodes = self.node_count();
        let rng = self.air().nemesis.rng(Family::OneWay);
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
        let nodes = self.node_count();
        let mut order: Vec<u32> = (0..nodes).collect();
        let rng = self.air().nemesis.rng(Family::Partition);
        rng.shuffle(&mut order);
        let (left, right) = order.split_at(1 + rng.below(u64::from(nodes) - 1) as usize);
        let both = |&one: &u32| right.iter().flat_map(move |&other| [(one, other), (other, one)]);
        self.cut(left.iter().flat_map(both).collect(), lasts);
    }

    fn cut(&mut self, pairs: Vec<(u32, u32)>, lasts: Duration) {
        let air = self.air();
        for (from, to) in &pairs {
            let (from, to) = (node_id(*from), node_id(*to));
            air.trace.say(air.now, format_args!("{to} does not hear {from} any more"));
        }
        let cut = air.links.cut(pairs);
        self.plan_later(lasts, Blow::Mend { cut });
    }

    /// One node is heard no more by another, which dies if it is told for how long. Not once
    /// the cluster is healed.
    fn lose(&mut self, pair: (u32, u32), lasts: Duration, dies: Option<Duration>) {
        if self.air().plan.families == Families::NONE {
            return;
        }
        self.cut(vec![pair], lasts);
        if let Some(down) = dies {
            self.air().counts.count(Family::Kill);
            self.kill(pair.1, Death::Process, down);
        }
    }

    /// Ends all that goes wrong.
    fn end_blows(&mut self) {
        let air = self.air();
        air.plan.blows.clear();
        air.plan.families = Families::NONE;
        air.links.mend_all();
        for node in 0..self.node_count() {
            self.set_full(node, false);
            let healed = self.victim(node);
            *healed.slow = Duration::ZERO;
            if healed.stalled.is_some() {
                self.resume(node);
            }
            self.start_node(node);
        }
    }
}

impl Attacked for ClusterWorld {
    fn node_count(&self) -> u32 {
        self.spec.nodes
    }

    fn air(&mut self) -> Air<'_> {
        let (out, nemesis) = (&mut self.out, &mut self.nemesis);
        let (plan, links) = (&mut out.plan, &mut out.links);
        let (counts, trace) = (&mut out.counts, &mut out.trace);
        Air { now: out.now, nemesis, plan, links, counts, trace }
    }

    fn victim(&mut self, node: u32) -> Victim<'_> {
        let node = &mut self.nodes[node as usize];
        let (clock, disk) = (&mut node.clock, &node.disk);
        let (stalled, slow) = (&mut node.stalled, &mut node.slow);
        Victim { is_up: node.up, clock, disk, stalled, slow }
    }

    fn plan_later(&mut self, later: Duration, blow: Blow) {
        self.out.after(later, Event::Nemesis(blow));
    }

    fn die(&mut self, node: u32, death: Death) {
        self.nodes[node as usize].die(&mut self.out, death);
    }

    fn start(&mut self, node: u32) -> bool {
        self.nodes[node as usize].start(&mut self.out)
    }

    fn bend(&mut self, node: u32, ppm: i64) {
        self.nodes[node as usize].bend(&mut self.out, ppm);
    }

    fn catch_up(&mut self, node: u32) {
        for event in std::mem::take(&mut self.nodes[node as usize].held) {
            self.dispatch(event);
        }
    }
}

/// By how many millionths a clock runs fast.
pub(crate) fn draw_ppm(rng: &mut Rng) -> i64 {
    let span = CLOCK_PPM_MAX.unsigned_abs();
    match rng.below(4) {
        // The ends are where it matters.
        0 => CLOCK_PPM_MAX,
        1 => -CLOCK_PPM_MAX,
        _ => rng.below(2 * span + 1) as i64 - CLOCK_PPM_MAX,
    }
}
