//! A pool in virtual time, to serve again what was served.
//!
//! An event queue, servers that do one thing after the other as agents do, and a
//! balancer: thousands of times faster than waiting. It says what its maker thought,
//! so [`Shadow`](crate::measure::Shadow) asks whether it is to be believed.
//!
//! Absent on purpose: whatever else may happen in a pool. Nobody crashes, joins or
//! leaves here, and nothing is ever lost.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use nexus_base::{Rng, Time};
use nexus_coord::balance::{
    Arrival, Balancer, Effect, Limits, Outcome, Placement, ServerId, Strategy, Ticket,
};

/// A request to be served again.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// When it comes; none comes before the one ahead of it.
    pub at: Time,
    /// What is known of it then.
    pub arrival: Arrival,
    /// How much work it is, in seconds of an ordinary server.
    pub work_s: f64,
}

/// What became of a replay.
pub struct Replayed {
    /// From arrival to end by request; `None` of one that was refused, or that no
    /// server began before its deadline.
    pub costs: Vec<Option<Duration>>,
    /// The balancer, with the strategy as it is now.
    pub balancer: Balancer,
}

/// Serves `requests` by `servers` servers as `strategy` says. One that begins with
/// so much work then takes `takes_s(now, server, work_s)` seconds. One more is refused
/// where `in_pool_max` are in the pool.
///
/// ```
/// use nexus_base::{Rng, Time};
/// use nexus_coord::balance::{Arrival, StrategyName, strategy};
/// use nexus_intel::replay::{Request, serve};
///
/// let at = |second: u64| Time::from_nanos(second * 1_000_000_000);
/// let request = |second| Request { at: at(second), arrival: Arrival::new(374), work_s: 2.0 };
/// let strategy = strategy(StrategyName::LeastConnections);
/// let half_as_fast = |_, _, work_s: f64| work_s / 0.5;
/// let requests = [request(0), request(1)];
/// let served = serve(&requests, 1, strategy, &half_as_fast, usize::MAX, Rng::new(7));
/// let costs: Vec<u64> = served.costs.iter().map(|cost| cost.expect("served").as_secs()).collect();
/// assert_eq!(costs, [4, 7]);
/// ```
pub fn serve(
    requests: &[Request],
    servers: usize,
    strategy: Box<dyn Strategy>,
    takes_s: &dyn Fn(Time, usize, f64) -> f64,
    in_pool_max: usize,
    rng: Rng,
) -> Replayed {
    serve_watched(requests, servers, strategy, takes_s, in_pool_max, rng, &mut |_| {})
}

/// As [`serve`], with `watch` called before and after each call to the balancer that a
/// request costs: for whoever measures those and nothing else.
#[allow(clippy::too_many_arguments, reason = "those of `serve`, and one")]
pub fn serve_watched(
    requests: &[Request],
    servers: usize,
    strategy: Box<dyn Strategy>,
    takes_s: &dyn Fn(Time, usize, f64) -> f64,
    in_pool_max: usize,
    rng: Rng,
    watch: &mut dyn FnMut(Call),
) -> Replayed {
    let mut balancer = Balancer::new(strategy, Limits::default());
    for _ in 0..servers {
        balancer.handle_join(Time::ZERO).expect("a pool that was there fits");
    }
    let mut pool = Pool {
        requests,
        takes_s,
        watch,
        balancer,
        rng,
        lines: vec![VecDeque::new(); servers],
        ends: BinaryHeap::new(),
        held: BTreeMap::new(),
        costs: vec![None; requests.len()],
    };
    pool.serve(in_pool_max);
    Replayed { costs: pool.costs, balancer: pool.balancer }
}

/// Where a watched call to the balancer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// It begins.
    Begins,
    /// It has ended.
    Ends,
}

struct Pool<'a> {
    requests: &'a [Request],
    takes_s: &'a dyn Fn(Time, usize, f64) -> f64,
    watch: &'a mut dyn FnMut(Call),
    balancer: Balancer,
    rng: Rng,
    /// What each server has, by place in `requests`; the first is worked on.
    lines: Vec<VecDeque<(usize, Ticket)>>,
    /// When which server is done with the first in its line.
    ends: BinaryHeap<Reverse<(Time, usize)>>,
    held: BTreeMap<Ticket, usize>,
    costs: Vec<Option<Duration>>,
}

impl Pool<'_> {
    fn serve(&mut self, in_pool_max: usize) {
        for index in 0..self.requests.len() {
            self.finish_until(self.requests[index].at);
            if self.balancer.in_flight_count() + self.balancer.held_count() < in_pool_max {
                self.arrive(index);
            }
        }
        self.finish_until(Time::MAX);
    }

    fn arrive(&mut self, index: usize) {
        let Request { at, arrival, .. } = &self.requests[index];
        (self.watch)(Call::Begins);
        let placed = self.balancer.handle_request(*at, arrival, &mut self.rng);
        (self.watch)(Call::Ends);
        match placed {
            Ok(Placement::Sent { ticket, server }) => self.send(*at, server, index, ticket),
            Ok(Placement::Held { ticket }) => {
                self.held.insert(ticket, index);
            }
            // It costs what was refused costs.
            Err(_) => {}
        }
        self.carry_out(*at);
    }

    fn send(&mut self, now: Time, server: ServerId, index: usize, ticket: Ticket) {
        let server = server.index().as_usize();
        self.lines[server].push_back((index, ticket));
        if self.lines[server].len() == 1 {
            self.begin(now, server);
        }
    }

    /// The server begins with the first in its line; those whose deadline has passed
    /// are left out.
    fn begin(&mut self, now: Time, server: usize) {
        while let Some(&(index, ticket)) = self.lines[server].front() {
            let Request { arrival, work_s, .. } = &self.requests[index];
            if now <= arrival.deadline {
                let takes_s = (self.takes_s)(now, server, *work_s);
                // A time that is none, or longer than there is, is never over.
                let takes = Duration::try_from_secs_f64(takes_s).unwrap_or(Duration::MAX);
                return self.ends.push(Reverse((now.after(takes), server)));
            }
            self.lines[server].pop_front();
            self.end(now, ticket, Outcome::Cancelled);
        }
    }

    fn end(&mut self, now: Time, ticket: Ticket, outcome: Outcome) {
        (self.watch)(Call::Begins);
        let ended = self.balancer.handle_finished(now, ticket, outcome);
        (self.watch)(Call::Ends);
        ended.expect("it ends once");
    }

    fn finish_until(&mut self, until: Time) {
        while let Some(&Reverse((now, server))) = self.ends.peek() {
            if now > until {
                return;
            }
            self.ends.pop();
            let (index, ticket) = self.lines[server].pop_front().expect("it was worked on");
            self.costs[index] = Some(now.since(self.requests[index].at));
            self.begin(now, server);
            self.end(now, ticket, Outcome::Done);
            self.carry_out(now);
        }
    }

    fn carry_out(&mut self, now: Time) {
        while let Some(effect) = self.balancer.poll_effect() {
            match effect {
                Effect::Assign { ticket, server } => {
                    let index = self.held.remove(&ticket).expect("it was held");
                    self.send(now, server, index, ticket);
                }
                Effect::Refuse { ticket } => {
                    self.held.remove(&ticket).expect("it was held");
                }
                // Nobody is there to be probed.
                _ => {}
            }
        }
    }
}
