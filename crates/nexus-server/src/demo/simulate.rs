//! One run: a trace, a pool and a seed in; how long each request took out.
//!
//! The pool is made of agents in a simulated world, see [`pool`]; this is only
//! where requests become jobs and answers become seconds.

mod balancer;
mod contexts;
mod engine;
mod job;
mod pool;
mod server;
mod stopwatch;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod theory;

use super::Strategy;
use super::speeds::{Speed, SpeedPlan};
use super::work;
use crate::trace::{Request, Trace};
use job::{Answer, Job};
use pool::Pool;

pub use balancer::{Look, Terms};
pub use contexts::Contexts;
pub use pool::PoolSpec;

/// What one run is made of, beside the trace and the seed.
#[derive(Clone, PartialEq, Debug)]
pub struct Setup {
    /// How servers are chosen.
    pub strategy: Strategy,
    /// One server for each; at least one.
    pub speeds: Vec<Speed>,
    /// Whether to measure the time of balancing decisions by the wall clock.
    pub timing: bool,
}

/// What one run yields.
#[derive(Clone, PartialEq, Debug)]
pub struct Served {
    /// Seconds from arrival to answer, for every request, in order of arrival.
    pub seconds_in_system: Vec<f64>,
    /// Mean wall-clock nanoseconds of one balancing decision, outliers left out, if asked for.
    pub decision_ns: Option<f64>,
    /// The same of all that a request costs the balancer, its end included.
    pub cost_ns: Option<f64>,
}

/// Why a run failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A mistake of ours: a pool loses nothing.
    #[error("only {answered} of {requests} requests were answered; this is a bug in nexus")]
    Unanswered {
        /// Requests that were answered once.
        answered: usize,
        /// Requests that arrived.
        requests: usize,
    },
}

/// Something that can carry out a run: the simulation, or a stand-in in tests.
/// Equal arguments give equal results, but for what is measured by the wall clock.
pub type Serve = fn(&Trace, &Setup, u64) -> Result<Served, ServeError>;

/// Serves every request of `trace` by a pool of agents, in virtual time.
///
/// # Errors
/// [`ServeError`] if the run cannot be finished.
pub fn serve(trace: &Trace, setup: &Setup, seed: u64) -> Result<Served, ServeError> {
    let speeds: Vec<SpeedPlan> = setup.speeds.iter().map(|&speed| speed.into()).collect();
    let spec = PoolSpec { timing: setup.timing, ..PoolSpec::named(setup.strategy, &speeds) };
    serve_by(trace, &spec, seed)
}

/// As [`serve`], by any pool. A request that was refused has endless seconds.
///
/// # Errors
/// As [`serve`].
pub fn serve_by(trace: &Trace, spec: &PoolSpec<'_>, seed: u64) -> Result<Served, ServeError> {
    let requests = trace.requests();
    let mut pool = Pool::new(spec, seed);
    for (number, request) in (0..).zip(requests) {
        pool.offer(request.arrival, job(number, request));
    }
    let answers = pool.finish();
    Ok(Served {
        seconds_in_system: seconds_in_order(&answers, requests.len())?,
        decision_ns: pool.decision_ns(),
        cost_ns: pool.cost_ns(),
    })
}

fn job(number: u32, request: &Request) -> Job {
    let service_ns = work::service(request).as_nanos() as u64;
    Job { number, context_tokens: request.context_tokens, service_ns, deadline_ns: u64::MAX }
}

/// Seconds in the system by number of the job, each of which must be there once.
fn seconds_in_order(answers: &[Answer], requests: usize) -> Result<Vec<f64>, ServeError> {
    let mut seconds = vec![f64::NAN; requests];
    for answer in answers {
        let in_system = answer.in_system().as_secs_f64();
        let seconds = &mut seconds[answer.number as usize];
        *seconds = if answer.is_served { in_system } else { f64::INFINITY };
    }
    let answered = seconds.iter().filter(|one| !one.is_nan()).count();
    if answered < requests || answers.len() > requests {
        return Err(ServeError::Unanswered { answered, requests });
    }
    Ok(seconds)
}
