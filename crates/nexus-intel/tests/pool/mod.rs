//! A pool in virtual time: an event queue, servers that do one thing after the
//! other, and a balancer. Nothing of it knows agents.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use nexus_base::{Rng, Time};
use nexus_coord::balance::{
    Arrival, Balancer, Effect, Limits, Outcome, PickError, Placement, Strategy, Ticket,
};

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
    let mut pool = Pool::new(requests, servers, strategy, seed);
    pool.serve(in_pool_max);
    Served { seconds: pool.seconds }
}

/// As [`serve`], and hands back the balancer with its strategy.
pub fn serve_whole(
    requests: &[Request],
    servers: &[Speeds],
    strategy: Box<dyn Strategy>,
    seed: u64,
) -> Balancer {
    let mut pool = Pool::new(requests, servers, strategy, seed);
    pool.serve(usize::MAX);
    pool.balancer
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
    let mut pool = Pool::new(requests, servers, strategy, seed);
    pool.watch = Some(watch);
    pool.serve(usize::MAX);
    pool.balancer
}

/// Where a watched call to the balancer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    Begins,
    Ends,
}

struct Pool<'a> {
    requests: &'a [Request],
    servers: &'a [Speeds],
    balancer: Balancer,
    rng: Rng,
    lines: Vec<VecDeque<(usize, Ticket)>>,
    /// When which server is done with the first in its line.
    ends: BinaryHeap<Reverse<(Time, usize)>>,
    held: BTreeMap<Ticket, usize>,
    seconds: Vec<f64>,
    watch: Option<&'a mut dyn FnMut(Call)>,
}

impl<'a> Pool<'a> {
    fn new(
        requests: &'a [Request],
        servers: &'a [Speeds],
        strategy: Box<dyn Strategy>,
        seed: u64,
    ) -> Pool<'a> {
        let mut balancer = Balancer::new(strategy, Limits::default());
        for _ in servers {
            balancer.handle_join(Time::ZERO).expect("they fit");
        }
        Pool {
            requests,
            servers,
            balancer,
            rng: Rng::new(seed),
            lines: vec![VecDeque::new(); servers.len()],
            ends: BinaryHeap::new(),
            held: BTreeMap::new(),
            seconds: vec![f64::INFINITY; requests.len()],
            watch: None,
        }
    }

    fn tell(&mut self, call: Call) {
        if let Some(watch) = &mut self.watch {
            watch(call);
        }
    }

    /// A request comes to the balancer.
    #[inline(never)]
    fn place(&mut self, at: Time, arrival: &Arrival) -> Result<Placement, PickError> {
        self.tell(Call::Begins);
        let placed = self.balancer.handle_request(at, arrival, &mut self.rng);
        self.tell(Call::Ends);
        placed
    }

    /// The balancer learns that one has ended.
    #[inline(never)]
    fn end(&mut self, now: Time, ticket: Ticket, outcome: Outcome) {
        self.tell(Call::Begins);
        let ended = self.balancer.handle_finished(now, ticket, outcome);
        self.tell(Call::Ends);
        ended.expect("it ends once");
    }

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
        let Request { at, context_tokens, deadline, .. } = self.requests[index];
        let arrival = Arrival { deadline, ..Arrival::new(context_tokens) };
        match self.place(at, &arrival) {
            Ok(Placement::Sent { ticket, server }) => {
                self.send(at, server.index().as_usize(), index, ticket);
            }
            Ok(Placement::Held { ticket }) => {
                self.held.insert(ticket, index);
            }
            Err(PickError::TooLate) => {}
            Err(error) => panic!("{error}"),
        }
        self.carry_out(at);
    }

    fn send(&mut self, now: Time, server: usize, index: usize, ticket: Ticket) {
        self.lines[server].push_back((index, ticket));
        if self.lines[server].len() == 1 {
            self.begin(now, server);
        }
    }

    /// The server begins with the first in its line; those whose deadline has passed
    /// are left out.
    fn begin(&mut self, now: Time, server: usize) {
        while let Some(&(index, ticket)) = self.lines[server].front() {
            if now <= self.requests[index].deadline {
                let takes_s = takes_s(now, self.requests[index].work_s, &self.servers[server]);
                let takes = std::time::Duration::from_secs_f64(takes_s);
                return self.ends.push(Reverse((now.after(takes), server)));
            }
            self.lines[server].pop_front();
            self.end(now, ticket, Outcome::Cancelled);
        }
    }

    fn finish_until(&mut self, until: Time) {
        while let Some(&Reverse((now, server))) = self.ends.peek() {
            if now > until {
                return;
            }
            self.ends.pop();
            let (index, ticket) = self.lines[server].pop_front().expect("it was served");
            self.seconds[index] = now.since(self.requests[index].at).as_secs_f64();
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
                    self.send(now, server.index().as_usize(), index, ticket);
                }
                Effect::Refuse { ticket } => {
                    self.held.remove(&ticket).expect("it was held");
                }
                _ => {}
            }
        }
    }
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
