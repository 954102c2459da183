//! The layers of a pool, looked at while they work.

use std::sync::{Arc, Mutex, PoisonError};

use nexus_base::{Level, Rng, Time};
use nexus_coord::balance::{
    Arrival, Choice, Finished, Release, Report, ServerIndex, Strategy, Ticket, View,
};
use nexus_intel::layers::PoolLayers;

use super::poison::{ServerSpeeds, Work};

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

/// Layers that tell what becomes of them.
pub struct Watched {
    layers: PoolLayers<Work, ServerSpeeds>,
    watch: Option<Watch>,
    /// For each server, how many changes have been noticed.
    noticed: Vec<usize>,
    used: Level,
    outcomes: u64,
    seen: Arc<Mutex<Seen>>,
}

impl Watched {
    /// Looks at `layers`, and writes into `seen`.
    pub fn new(
        layers: PoolLayers<Work, ServerSpeeds>,
        watch: Option<Watch>,
        seen: Arc<Mutex<Seen>>,
    ) -> Watched {
        let servers = watch.as_ref().map_or(0, |watch| watch.servers.len());
        let used = layers.used();
        Watched { layers, watch, noticed: vec![0; servers], used, outcomes: 0, seen }
    }

    fn look(&mut self, now: Time) {
        let used = self.layers.used();
        if used != self.used {
            let reason = self.layers.ladder().reason(self.used).map(ToString::to_string);
            let reason = reason.filter(|_| used < self.used);
            let step = Step { at: now, outcomes: self.outcomes, from: self.used, to: used, reason };
            self.note(|seen| seen.steps.push(step));
            self.used = used;
        }
        self.look_at_speeds(now);
    }

    fn look_at_speeds(&mut self, now: Time) {
        let Some(watch) = self.watch.take() else { return };
        for (index, &server) in watch.servers.iter().enumerate() {
            let Some(&(changed_at, slower)) = watch.changes.get(self.noticed[index]) else {
                continue;
            };
            let speed = self.layers.scheduled().speeds().learned(server);
            if changed_at <= now && (speed < watch.between) == slower {
                self.noticed[index] += 1;
                self.note(|seen| seen.noticed.push(Noticed { changed_at, at: now }));
            }
        }
        self.watch = Some(watch);
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let size_bytes = self.layers.size_bytes();
        self.note(|seen| seen.size_bytes = size_bytes);
    }
}

impl Strategy for Watched {
    fn name(&self) -> &'static str {
        self.layers.name()
    }

    fn pick(&mut self, view: &View<'_>, arrival: &Arrival, rng: &mut Rng) -> Choice {
        self.layers.pick(view, arrival, rng)
    }

    fn handle_held(&mut self, view: &View<'_>, ticket: Ticket, arrival: &Arrival) {
        self.layers.handle_held(view, ticket, arrival);
    }

    fn handle_given_up(&mut self, view: &View<'_>, ticket: Ticket) {
        self.layers.handle_given_up(view, ticket);
    }

    fn poll_release(&mut self, view: &View<'_>) -> Option<Release> {
        self.layers.poll_release(view)
    }

    fn handle_joined(&mut self, view: &View<'_>, server: ServerIndex) {
        self.layers.handle_joined(view, server);
    }

    fn handle_left(&mut self, view: &View<'_>, server: ServerIndex) {
        self.layers.handle_left(view, server);
    }

    fn handle_sent(
        &mut self,
        view: &View<'_>,
        server: ServerIndex,
        ticket: Ticket,
        arrival: &Arrival,
    ) {
        self.layers.handle_sent(view, server, ticket, arrival);
    }

    fn handle_finished(&mut self, view: &View<'_>, server: ServerIndex, finished: &Finished) {
        self.layers.handle_finished(view, server, finished);
        self.outcomes += 1;
        self.look(view.now());
    }

    fn handle_report(&mut self, view: &View<'_>, server: ServerIndex, report: &Report) {
        self.layers.handle_report(view, server, report);
    }
}
