//! Queues by their names in the books, served by the pool.

use nexus::Time;
use nexus_base::{Rng, math};

use super::PoolSpec;
use super::surrogate::Surrogate;
use crate::demo::Strategy;
use crate::demo::simulate::job::{Answer, Job};
use crate::demo::simulate::pool::Pool;
use crate::demo::speeds::{Speed, SpeedPlan};

/// A mean service time: the unit of all figures here.
const UNIT_NS: f64 = 1e9;

/// Jobs between two collections of answers, which bounds memory.
const JOBS_PER_TAKE: u32 = 8_192;

/// A share of the jobs is served before anything is counted: one in …
const WARM_UP_OF: u32 = 10;

/// How service times are distributed, with mean 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// Memoryless.
    Exponential,
    /// All the same.
    Constant,
    /// One of two exponentials with balanced means; squared coefficient of variation 4.
    Hyperexponential,
}

impl Service {
    /// Its variance, which is also its squared coefficient of variation.
    pub const fn variance(self) -> f64 {
        match self {
            Service::Exponential => 1.0,
            Service::Constant => 0.0,
            Service::Hyperexponential => 4.0,
        }
    }

    fn draw(self, rng: &mut Rng) -> f64 {
        match self {
            Service::Exponential => rng.exponential(),
            Service::Constant => 1.0,
            Service::Hyperexponential => {
                // Balanced means: each of the two brings half of the work.
                let excess = (self.variance() - 1.0) / (self.variance() + 1.0);
                let short = 0.5 * (1.0 + math::sqrt(excess));
                let share = if rng.unit() < short { short } else { 1.0 - short };
                rng.exponential() / (2.0 * share)
            }
        }
    }
}

/// A pool of equal servers under Poisson arrivals.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    strategy: Strategy,
    /// How many, all at speed 1.
    pub servers: usize,
    /// The share of time each is busy.
    pub load: f64,
    /// How long they take.
    pub service: Service,
}

/// What one replication measured, in service times, and what it drew.
#[derive(Clone, PartialEq, Debug)]
pub struct Replication {
    /// Mean time from arrival to the beginning of service.
    pub wait: f64,
    /// Mean square of the same.
    pub wait_squared: f64,
    /// Mean time from arrival to answer.
    pub in_system: f64,
    /// Means of what was drawn or follows from it alone, less what they are
    /// expected to be: zero on average.
    pub controls: Vec<f64>,
}

impl Queue {
    /// A queue of these.
    pub fn new(strategy: Strategy, servers: usize, load: f64, service: Service) -> Queue {
        Queue { strategy, servers, load, service }
    }

    /// Serves `jobs` jobs after a warm-up.
    pub fn run(&self, seed: u64, jobs: u32) -> Replication {
        let warm_up = jobs / WARM_UP_OF;
        let mut sums = [0.0; 3];
        let input = self.serve(seed, warm_up + jobs, |answer| {
            if answer.number >= warm_up {
                let wait = answer.waited_ns() as f64 / UNIT_NS;
                let in_system = answer.in_system().as_nanos() as f64 / UNIT_NS;
                for (sum, value) in sums.iter_mut().zip([wait, wait * wait, in_system]) {
                    *sum += value;
                }
            }
        });
        let [wait, wait_squared, in_system] = sums.map(|sum| sum / f64::from(jobs));
        let controls = self.controls(&input[warm_up as usize..]);
        Replication { wait, wait_squared, in_system, controls }
    }

    /// Serves `jobs` jobs from the first; gives each answer to `heard` in the
    /// order they came, and returns what was drawn.
    pub fn serve(&self, seed: u64, jobs: u32, mut heard: impl FnMut(&Answer)) -> Vec<Drawn> {
        let speeds = vec![SpeedPlan::from(Speed::NORMAL); self.servers];
        let spec = PoolSpec::named(self.strategy, &speeds);
        let mut pool = Pool::new(&spec, seed);
        let mut source = Source::new(self, seed);
        let mut input = Vec::with_capacity(jobs as usize);
        let mut at = 0.0;
        for number in 0..jobs {
            let drawn = source.draw();
            at += drawn.gap;
            let service_ns = (drawn.service * UNIT_NS) as u64;
            let job = Job { number, context_tokens: 0, service_ns, deadline_ns: u64::MAX };
            pool.offer(Time::from_nanos((at * UNIT_NS) as u64), job);
            input.push(drawn);
            if number % JOBS_PER_TAKE == 0 {
                pool.take_answers().iter().for_each(&mut heard);
            }
        }
        pool.finish().iter().for_each(&mut heard);
        input
    }

    fn arrival_rate(&self) -> f64 {
        self.load * self.servers as f64
    }

    fn controls(&self, input: &[Drawn]) -> Vec<f64> {
        let mean =
            |of: &dyn Fn(&Drawn) -> f64| input.iter().map(of).sum::<f64>() / input.len() as f64;
        let mut controls = vec![mean(&|drawn| drawn.gap) * self.arrival_rate() - 1.0];
        if self.service.variance() > 0.0 {
            controls.push(mean(&|drawn| drawn.service) - 1.0);
        }
        controls.push(Surrogate::of(self).excess(input));
        controls
    }
}

/// What was drawn for one job, in service times.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// From the arrival before it.
    pub gap: f64,
    /// What it takes.
    pub service: f64,
}

/// Draws jobs: gaps and services from generators of their own.
struct Source {
    gaps: Rng,
    services: Rng,
    mean_gap: f64,
    service: Service,
}

impl Source {
    fn new(queue: &Queue, seed: u64) -> Source {
        let rng = Rng::new(seed).fork("theory");
        Source {
            gaps: rng.fork("gaps"),
            services: rng.fork("services"),
            mean_gap: 1.0 / queue.arrival_rate(),
            service: queue.service,
        }
    }

    fn draw(&mut self) -> Drawn {
        let gap = self.gaps.exponential() * self.mean_gap;
        Drawn { gap, service: self.service.draw(&mut self.services) }
    }
}
