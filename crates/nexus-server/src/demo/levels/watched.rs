//! The layers of a pool, looked at while they work.

use nexus_base::{Level, Time};
use nexus_coord::balance::{Balancer, ServerIndex};

use super::contender::Layers;
use crate::demo::simulate::Look;

/// What was seen of the layers in one run.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Seen {
    /// Every change of the level that places requests.
    pub steps: Vec<Step>,
    /// After each change of speed: when it was noticed, for each server that changed.
    pub noticed: Vec<Noticed>,
    /// Bytes that the layers have come to.
    pub size_bytes: usize,
}

/// One change of the level that places requests.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// When.
    pub at: Time,
    /// After how many outcomes.
    pub outcomes: u64,
    /// From which level.
    pub from: Level,
    /// To which.
    pub to: Level,
    /// Why, if it went down.
    pub reason: Option<String>,
}

/// One change of one server's speed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Noticed {
    /// When it changed.
    pub changed_at: Time,
    /// When what was learned came nearer to the new speed than to the old one.
    pub at: Time,
}

/// How soon one change was noticed, over servers and seeds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Delays {
    /// When the speed changed.
    pub changed_at: Time,
    /// By how many it was noticed.
    pub count: usize,
    /// Half of them noticed within so many seconds.
    pub median_s: f64,
    /// All of them did.
    pub max_s: f64,
}

impl Noticed {
    /// The delays of each change, in order.
    pub fn by_change(all: &[Noticed]) -> Vec<Delays> {
        let mut changes: Vec<Time> = all.iter().map(|one| one.changed_at).collect();
        changes.sort_unstable();
        changes.dedup();
        let of = |changed_at| {
            let after = all.iter().filter(|one| one.changed_at == changed_at);
            let mut delays: Vec<f64> =
                after.map(|one| one.at.since(one.changed_at).as_secs_f64()).collect();
            delays.sort_unstable_by(f64::total_cmp);
            let count = delays.len();
            Delays { changed_at, count, median_s: delays[count / 2], max_s: delays[count - 1] }
        };
        changes.into_iter().map(of).collect()
    }
}

/// Changes of speed that are waited for.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Servers that change.
    pub servers: Vec<ServerIndex>,
    /// When they do, and whether they are slower from then on, in order.
    pub changes: Vec<(Time, bool)>,
    /// The speed between the two.
    pub between: f64,
}

/// Looks at the layers of a pool after each end.
#[derive(Debug)]
pub struct Watcher {
    watch: Option<Watch>,
    /// For each server, how many changes have been noticed.
    noticed: Vec<usize>,
    used: Level,
    outcomes: u64,
    seen: Seen,
}

impl Watcher {
    /// One for layers that begin at level `used`.
    pub fn new(used: Level, watch: Option<Watch>) -> Watcher {
        let servers = watch.as_ref().map_or(0, |watch| watch.servers.len());
        Watcher { watch, noticed: vec![0; servers], used, outcomes: 0, seen: Seen::default() }
    }

    /// What it has seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    fn look_at_level(&mut self, now: Time, layers: &Layers) {
        let (from, to) = (self.used, layers.used());
        if from != to {
            let reason = layers.ladder().reason(from).map(ToString::to_string);
            let reason = reason.filter(|_| to < from);
            self.seen.steps.push(Step { at: now, outcomes: self.outcomes, from, to, reason });
            self.used = to;
        }
    }

    fn look_at_speeds(&mut self, now: Time, layers: &Layers) {
        let Some(watch) = &self.watch else { return };
        for (noticed, &server) in self.noticed.iter_mut().zip(&watch.servers) {
            let Some(&(changed_at, slower)) = watch.changes.get(*noticed) else { continue };
            let speed = layers.scheduled().speeds().learned(server);
            if changed_at <= now && (speed < watch.between) == slower {
                *noticed += 1;
                self.seen.noticed.push(Noticed { changed_at, at: now });
            }
        }
    }
}

impl Look for Watcher {
    fn look(&mut self, now: Time, balancer: &mut Balancer) {
        let Some(layers) = balancer.strategy_as::<Layers>(0) else { return };
        self.outcomes += 1;
        self.look_at_level(now, layers);
        self.look_at_speeds(now, layers);
        self.seen.size_bytes = layers.size_bytes();
    }
}
