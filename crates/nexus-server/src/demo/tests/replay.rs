//! An independent replay of a pool: an event queue and nothing else.
//!
//! It shares no code with the simulation, so that where the two agree, neither
//! is likely to be wrong. For tests only.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use nexus_base::Rng;

use crate::demo::Strategy;
use crate::demo::simulate::{ServeError, Served, Setup};
use crate::demo::speeds::Speed;
use crate::demo::work::service_at;
use crate::trace::{Request, Trace};

struct Server {
    speed: Speed,
    line: VecDeque<usize>,
    /// Context tokens of those in line: what it reports to resource-aware.
    tokens: u64,
    /// Smoothed seconds of its answers.
    seconds: f64,
}

struct Pool<'a> {
    requests: &'a [Request],
    strategy: Strategy,
    servers: Vec<Server>,
    /// The line of all, for central-queue.
    shared: VecDeque<usize>,
    /// (moment, server) at which an answer is ready.
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    turn: usize,
    rng: Rng,
    answered_s: Vec<f64>,
}

/// Serves `trace` by a pool of `setup`.
pub fn serve(trace: &Trace, setup: &Setup, seed: u64) -> Result<Served, ServeError> {
    let server = |&speed: &Speed| Server { speed, line: VecDeque::new(), tokens: 0, seconds: 1.0 };
    let mut pool = Pool {
        requests: trace.requests(),
        strategy: setup.strategy,
        servers: setup.speeds.iter().map(server).collect(),
        shared: VecDeque::new(),
        ends: BinaryHeap::new(),
        turn: 0,
        rng: Rng::new(seed).fork("replay"),
        answered_s: vec![0.0; trace.requests().len()],
    };
    for index in 0..pool.requests.len() {
        let now = pool.requests[index].arrival.as_nanos();
        pool.finish_until(now);
        pool.arrive(now, index);
    }
    pool.finish_until(u64::MAX);
    Ok(Served {
        seconds_in_system: pool.answered_s,
        decision_ns: setup.timing.then_some(100.0),
        cost_ns: None,
    })
}

impl Pool<'_> {
    fn finish_until(&mut self, now: u64) {
        while let Some(&Reverse((end, server))) = self.ends.peek() {
            if end > now {
                return;
            }
            self.ends.pop();
            self.finish(end, server);
        }
    }

    fn finish(&mut self, now: u64, server_index: usize) {
        let server = &mut self.servers[server_index];
        let index = server.line.pop_front().expect("it was being served");
        let request = &self.requests[index];
        server.tokens -= u64::from(request.context_tokens);
        let seconds = (now - request.arrival.as_nanos()) as f64 / 1e9;
        server.seconds += (seconds - server.seconds) / 10.0;
        self.answered_s[index] = seconds;
        if let Some(next) = self.shared.pop_front() {
            self.join(now, server_index, next);
        } else if !self.servers[server_index].line.is_empty() {
            self.begin(now, server_index);
        }
    }

    fn arrive(&mut self, now: u64, index: usize) {
        match self.pick() {
            Some(server) => self.join(now, server, index),
            None => self.shared.push_back(index),
        }
    }

    fn join(&mut self, now: u64, server_index: usize, index: usize) {
        let server = &mut self.servers[server_index];
        server.tokens += u64::from(self.requests[index].context_tokens);
        server.line.push_back(index);
        if server.line.len() == 1 {
            self.begin(now, server_index);
        }
    }

    fn begin(&mut self, now: u64, server_index: usize) {
        let server = &self.servers[server_index];
        let service = service_at(&self.requests[server.line[0]], server.speed);
        self.ends.push(Reverse((now + service.as_nanos() as u64, server_index)));
    }

    fn pick(&mut self) -> Option<usize> {
        let count = self.servers.len();
        self.turn += 1;
        let length = |server: &Server| server.line.len() as f64;
        match self.strategy {
            Strategy::Random => Some(self.rng.below(count as u64) as usize),
            Strategy::RoundRobin => Some(self.turn % count),
            Strategy::TwoChoices => {
                let mut drawn: Vec<usize> = (0..count).collect();
                self.rng.shuffle(&mut drawn);
                drawn.truncate(2);
                Some(self.least(drawn, length))
            }
            Strategy::LeastConnections => Some(self.least(0..count, length)),
            Strategy::WeightedResponseTime => {
                Some(self.least(0..count, |server| (length(server) + 1.0) * server.seconds))
            }
            Strategy::ResourceAware => Some(self.least(0..count, |server| server.tokens as f64)),
            Strategy::Prequal => {
                let mut probed: Vec<usize> = (0..count).collect();
                self.rng.shuffle(&mut probed);
                probed.truncate(4);
                Some(self.least(probed, |server| (length(server) + 0.2) * server.seconds))
            }
            Strategy::CentralQueue => {
                let mut idle: Vec<usize> = (0..count).collect();
                idle.retain(|&server| self.servers[server].line.is_empty());
                self.rng.shuffle(&mut idle);
                idle.first().copied()
            }
        }
    }

    /// The server of least cost; of equals, any.
    fn least(
        &mut self,
        among: impl IntoIterator<Item = usize>,
        cost: impl Fn(&Server) -> f64,
    ) -> usize {
        let mut best = Vec::new();
        let mut least = f64::INFINITY;
        for index in among {
            let cost = cost(&self.servers[index]);
            if cost < least {
                least = cost;
                best.clear();
            }
            if cost <= least {
                best.push(index);
            }
        }
        best[self.rng.below(best.len() as u64) as usize]
    }
}
