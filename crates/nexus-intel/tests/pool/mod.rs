//! The shipped hour of requests, served in virtual time by servers whose speeds change.

use std::time::Duration;

use nexus_base::{Rng, Time};
use nexus_coord::balance::{Arrival, Balancer, Strategy};
use nexus_intel::replay::{self, Replayed};

pub use nexus_intel::replay::Call;

#[path = "../shipped/mod.rs"]
mod shipped;

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// A request: when it comes, what is known of it, and how much work it is.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub at: Time,
    pub context_tokens: u32,
    /// At a server of speed 1.
    pub work_s: f64,
    /// When its answer stops being of use.
    pub deadline: Time,
}

/// How fast a server is from which second on, in order.
pub type Speeds = Vec<(f64, f64)>;

/// The shipped hour of requests.
pub fn shipped() -> Vec<Request> {
    let request = |one: &shipped::Request| Request {
        at: one.arrival,
        context_tokens: one.context,
        work_s: one.work().as_secs_f64(),
        deadline: Time::MAX,
    };
    shipped::trace().iter().map(request).collect()
}

/// 31 servers, of which the first fourteen, shuffled, are as told.
pub fn servers(seed: u64, first: &Speeds, second: &Speeds) -> Vec<Speeds> {
    let mut servers = vec![vec![(0.0, 1.0)]; 31];
    servers[..7].fill(first.clone());
    servers[7..14].fill(second.clone());
    Rng::new(seed).fork("servers").shuffle(&mut servers);
    servers
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Served {
    /// Seconds from arrival to answer by request; endless if it was refused.
    pub seconds: Vec<f64>,
}

impl Served {
    pub fn mean_s(&self) -> f64 {
        self.seconds.iter().sum::<f64>() / self.seconds.len() as f64
    }

    pub fn p99_s(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[(sorted.len() * 99).div_ceil(100) - 1]
    }

    /// The share that took no longer than this.
    pub fn within(&self, seconds: f64) -> f64 {
        let count = self.seconds.iter().filter(|&&one| one <= seconds).count();
        count as f64 / self.seconds.len() as f64
    }
}

/// Serves `requests`; one more is refused where `in_pool_max` are in the pool.
pub fn serve(
    requests: &[Request],
    servers: &[Speeds],
    strategy: Box<dyn Strategy>,
    in_pool_max: usize,
    seed: u64,
) -> Served {
    let seconds = |cost: &Option<Duration>| cost.map_or(f64::INFINITY, |cost| cost.as_secs_f64());
    let served = replay(requests, servers, strategy, in_pool_max, seed, &mut |_| {});
    Served { seconds: served.costs.iter().map(seconds).collect() }
}

/// As [`serve`], and hands back the balancer with its strategy.
pub fn serve_whole(
    requests: &[Request],
    servers: &[Speeds],
    strategy: Box<dyn Strategy>,
    seed: u64,
) -> Balancer {
    serve_watched(requests, servers, strategy, seed, &mut |_| {})
}

/// As [`serve_whole`], with `watch` called before and after each call to the balancer
/// that a request costs.
pub fn serve_watched(
    requests: &[Request],
    servers: &[Speeds],
    strategy: Box<dyn Strategy>,
    seed: u64,
    watch: &mut dyn FnMut(Call),
) -> Balancer {
    replay(requests, servers, strategy, usize::MAX, seed, watch).balancer
}

fn replay(
    requests: &[Request],
    servers: &[Speeds],
    strategy: Box<dyn Strategy>,
    in_pool_max: usize,
    seed: u64,
    watch: &mut dyn FnMut(Call),
) -> Replayed {
    let request = |one: &Request| replay::Request {
        at: one.at,
        arrival: Arrival { deadline: one.deadline, ..Arrival::new(one.context_tokens) },
        work_s: one.work_s,
    };
    let requests: Vec<_> = requests.iter().map(request).collect();
    let takes_s = |now, server: usize, work_s| takes_s(now, work_s, &servers[server]);
    let (count, rng) = (servers.len(), Rng::new(seed));
    replay::serve_watched(&requests, count, strategy, &takes_s, in_pool_max, rng, watch)
}

/// How long work takes that begins now, at a server whose speed changes.
fn takes_s(now: Time, work_s: f64, speeds: &Speeds) -> f64 {
    let (start, mut left) = (now.as_secs_f64(), work_s);
    for (place, &(from, speed)) in speeds.iter().enumerate() {
        let until = speeds.get(place + 1).map_or(f64::INFINITY, |next| next.0);
        let from = from.max(start);
        if until <= start {
            continue;
        }
        if left <= (until - from) * speed {
            return from + left / speed - start;
        }
        left -= (until - from) * speed;
    }
    unreachable!("the last speed is for ever")
}
