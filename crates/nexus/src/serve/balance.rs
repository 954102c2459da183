//! When connections are passed from one worker to another.
//!
//! They stay together on as few workers as carry them. On a machine whose CPUs
//! are all busy a second worker gains nothing: it takes its CPU from somebody,
//! and who loses a CPU keeps all its connections waiting until it has one again.
//! So a worker passes some of its own on only while it has all it can do and a
//! CPU has nothing to do; and where no CPU has, workers that nevertheless do not
//! come to all they could do give theirs up one by one.
//!
//! Absent on purpose: clocks, sockets, the reading of `/proc`.

/// How busy a worker is that has all it can do, in thousandths of its time. Its
/// way in and out of sleep takes some of the rest. A guess.
const SATURATED: u32 = 850;

/// Readings in a row that must say the same before anything is done about it:
/// one may have caught the start of a load, with CPUs idle that soon are not.
const STREAK: u32 = 2;

/// Idle time that makes passing on worth while, in thousandths of one CPU. A guess:
/// half a CPU. `/proc/stat` counts in steps of a tenth of that between two readings.
const IDLE_MIN: u32 = 500;

/// How much less busy, in thousandths, than who passes on the taker has to be. A
/// guess: with less nobody would notice.
const GAP: u32 = 250;

/// Readings for which both rest after one has passed on to the other: one to do it,
/// two to see what it came to.
const REST: u32 = 3;

/// Readings that they rest for at most. A worker that passes on what it was given
/// rests twice as long from the second time on: one busy connection would else go
/// round and round.
const REST_MAX: u32 = 64;

/// Readings without saturation after which a worker's rests are short again, and of
/// little load after which one worker less takes new connections. A guess: 10 s. More
/// than [`REST_MAX`], or what goes round would be forgotten while it is elsewhere.
const CALM: u32 = 100;

/// How busy the workers that take new connections are, all together, when one fewer
/// would do, in thousandths of one. Far below [`SATURATED`]: the load may come back.
const LITTLE: u32 = 400;

/// How busy workers are on average, in thousandths, below which one of them is too
/// many on a machine without idle CPUs: they wait for CPUs that others have. Measured
/// 2026-11 with a client as busy as the node, two CPUs: two workers came to 530 each.
const CROWDED: u32 = 750;

/// Readings in a row that must say so. A guess: a second, since who gathers and has
/// to spread again has gained nothing.
const CROWDED_STREAK: u32 = 10;

/// What was measured since the reading before.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) workers: Vec<WorkerReading>,
    /// Idle time of the CPUs that there are for us, in thousandths of one CPU.
    pub(super) idle: u32,
}

/// What was measured of one worker.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct WorkerReading {
    /// Thousandths of the time that it was at work.
    pub(super) busy: u32,
    /// Whether it was in one and the same handler all the time.
    pub(super) stuck: bool,
    pub(super) connections: usize,
    /// Agents that wait for it.
    pub(super) backlog: usize,
}

/// What a worker is to do with its connections until the next reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// As it was told before.
    AsBefore,
    /// They stay.
    Stay,
    /// So many go to that worker, each when it is between two requests.
    Pass {
        /// Who takes them.
        to: usize,
        /// How many.
        count: usize,
    },
}

/// Decides, reading by reading.
pub(super) struct Balance {
    workers: Vec<Past>,
    /// Readings of little load in a row.
    little: u32,
    /// Readings in a row with a worker too many.
    crowded: u32,
}

/// What is remembered of a worker.
#[derive(Clone, Default)]
struct Past {
    /// Whether it takes new connections while it is not stuck.
    open: bool,
    /// Readings in a row that found it saturated and a CPU idle.
    streak: u32,
    /// Readings in a row that did not.
    calm: u32,
    /// Readings it still rests for.
    rests: u32,
    /// How often it has passed on after it was given.
    returns: u32,
    /// Whether it was given since it last passed on.
    was_given: bool,
    /// Whether what it was told to pass on is all it has, as one worker too many.
    gives_up: bool,
    stuck: bool,
}

impl Balance {
    /// For so many workers, of which the first takes connections.
    pub(super) fn new(workers: usize) -> Balance {
        let mut workers = vec![Past::default(); workers];
        if let Some(first) = workers.first_mut() {
            first.open = true;
        }
        Balance { workers, little: 0, crowded: 0 }
    }

    /// Takes in a reading, and says what each worker is to do.
    pub(super) fn read(&mut self, reading: &Reading) -> Vec<Order> {
        let is_full = reading.idle < IDLE_MIN;
        for (past, now) in self.workers.iter_mut().zip(&reading.workers) {
            past.note(now, is_full);
        }
        self.open_or_close(reading);
        let mut orders: Vec<Order> = self.workers.iter().map(|past| past.order(is_full)).collect();
        if let Some((from, to)) = self.gather(reading, is_full) {
            orders[from] = Order::Pass { to, count: reading.workers[from].connections };
        }
        for (from, to, count) in self.passes(reading) {
            orders[from] = Order::Pass { to, count };
        }
        orders
    }

    /// Whether a new connection may go to `worker`.
    pub(super) fn takes(&self, worker: usize) -> bool {
        let wants = |past: &Past| past.open && !past.stuck;
        let past = &self.workers[worker];
        if self.workers.iter().any(wants) {
            return wants(past);
        }
        // Behind a handler that goes on and on nobody would be served, so it is
        // the others' turn; where all are stuck it is all the same.
        !past.stuck || self.workers.iter().all(|past| past.stuck)
    }

    fn open_or_close(&mut self, reading: &Reading) {
        let busy = |worker: usize| reading.workers[worker].busy;
        let open: Vec<usize> = (0..self.workers.len()).filter(|&w| self.workers[w].open).collect();
        if open.iter().all(|&worker| self.workers[worker].streak >= STREAK) {
            let closed = (0..self.workers.len()).filter(|&worker| !self.workers[worker].open);
            if let Some(least) = closed.min_by_key(|&worker| busy(worker)) {
                self.workers[least].open = true;
            }
        }
        let all: u32 = open.iter().map(|&worker| busy(worker)).sum();
        self.little = if all < LITTLE && open.len() > 1 { self.little + 1 } else { 0 };
        if self.little >= CALM
            && let Some(&least) = open.iter().min_by_key(|&&w| reading.workers[w].connections)
        {
            self.little = 0;
            self.workers[least].open = false;
        }
    }

    /// Who gives all up to whom, if there are more workers than CPUs for them.
    fn gather(&mut self, reading: &Reading, is_full: bool) -> Option<(usize, usize)> {
        let readings = &reading.workers;
        let users: Vec<usize> =
            (0..readings.len()).filter(|&worker| readings[worker].connections > 0).collect();
        let busy: u32 = users.iter().map(|&worker| readings[worker].busy).sum();
        let crowded = is_full && users.len() > 1 && busy < CROWDED * users.len() as u32;
        self.crowded = if crowded { self.crowded + 1 } else { 0 };
        if self.crowded < CROWDED_STREAK {
            return None;
        }
        self.crowded = 0;
        let from = users.iter().copied().min_by_key(|&worker| readings[worker].connections)?;
        let others = users.iter().copied().filter(|&w| w != from && !readings[w].stuck);
        let to = others.min_by_key(|&worker| readings[worker].busy)?;
        self.workers[from].pass();
        (self.workers[from].open, self.workers[from].gives_up) = (false, true);
        self.workers[to].take(REST);
        Some((from, to))
    }

    /// Who passes how many on to whom, the busiest first, as far as idle time goes.
    fn passes(&mut self, reading: &Reading) -> Vec<(usize, usize, usize)> {
        let readings = &reading.workers;
        let mut givers: Vec<usize> = (0..readings.len())
            .filter(|&w| self.workers[w].streak >= STREAK && self.workers[w].rests == 0)
            .collect();
        givers.sort_by_key(|&w| std::cmp::Reverse((readings[w].busy, readings[w].connections)));
        let mut takers: Vec<usize> = (0..readings.len()).filter(|&w| !readings[w].stuck).collect();
        let mut idle = reading.idle;
        let mut passes = Vec::new();
        for from in givers {
            let least = takers.iter().copied().min_by_key(|&w| readings[w].busy);
            let Some(to) = least.filter(|_| idle >= IDLE_MIN) else { break };
            let count = count(&readings[from], &readings[to]);
            if count == 0 {
                continue;
            }
            idle -= IDLE_MIN;
            takers.retain(|&worker| worker != to);
            let rest = self.workers[from].pass();
            self.workers[to].take(rest);
            passes.push((from, to, count));
        }
        passes
    }
}

impl Past {
    fn note(&mut self, now: &WorkerReading, is_full: bool) {
        self.stuck = now.stuck;
        self.rests = self.rests.saturating_sub(1);
        if now.busy >= SATURATED && !is_full {
            (self.streak, self.calm) = (self.streak + 1, 0);
            return;
        }
        (self.streak, self.calm) = (0, self.calm + 1);
        if self.calm >= CALM {
            (self.returns, self.was_given) = (0, false);
        }
    }

    /// What it is to do if nothing new is decided.
    fn order(&self, is_full: bool) -> Order {
        if self.rests > 0 && (!is_full || self.gives_up) { Order::AsBefore } else { Order::Stay }
    }

    /// It passes on; how long it rests then.
    fn pass(&mut self) -> u32 {
        self.gives_up = false;
        self.returns += u32::from(std::mem::take(&mut self.was_given));
        self.rests = (REST << self.returns.saturating_sub(1).min(8)).min(REST_MAX);
        self.streak = 0;
        self.rests
    }

    fn take(&mut self, rest: u32) {
        self.open = true;
        self.was_given = true;
        self.rests = self.rests.max(rest);
    }
}

/// How many go so that both are as busy, if all connections take the same: one at
/// least and half at most, since what is measured may not be the connections' doing.
fn count(from: &WorkerReading, to: &WorkerReading) -> usize {
    let gap = from.busy.saturating_sub(to.busy);
    if gap < GAP {
        return 0;
    }
    // The only one takes its load along, unless that is of agents it waits behind.
    let most = match from.backlog {
        0 => from.connections / 2,
        _ => from.connections.div_ceil(2),
    };
    let even = from.connections * gap as usize / (2 * from.busy.max(1) as usize);
    even.max(1).min(most)
}

#[cfg(test)]
mod tests;
