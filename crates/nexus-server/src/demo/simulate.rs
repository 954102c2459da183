//! One run: a trace, a pool and a seed in; how long each request took out.

use super::Strategy;
use super::speeds::Speed;
use crate::trace::Trace;

/// What one run is made of, beside the trace and the seed.
#[derive(Clone, PartialEq, Debug)]
#[allow(dead_code, reason = "read by the simulation")]
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
    /// Mean wall-clock nanoseconds of one balancing decision, if asked for.
    pub decision_ns: Option<f64>,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// This build has no simulation in it.
    #[error("the simulation is not part of this build")]
    Unavailable,
}

/// Something that can carry out a run: the simulation, or a stand-in in tests.
/// Equal arguments give equal results, but for `decision_ns`.
pub type Serve = fn(&Trace, &Setup, u64) -> Result<Served, ServeError>;

/// Serves every request of `trace` by a pool of agents, in virtual time.
///
/// # Errors
/// [`ServeError`] if the run cannot be finished.
pub fn serve(_trace: &Trace, _setup: &Setup, _seed: u64) -> Result<Served, ServeError> {
    Err(ServeError::Unavailable)
}
