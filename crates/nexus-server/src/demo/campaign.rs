//! All runs of a plan.

use std::sync::Arc;

use super::simulate::{Serve, ServeError, Setup};
use super::{Figures, Panel, Plan, Study, runs};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::trace::Trace;

/// Why the runs did not finish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CampaignError {
    /// The user asked to stop. The same command starts from the beginning.
    #[error("interrupted after {done} of {run_count} runs; nothing was written")]
    Interrupted {
        /// Runs that were finished.
        done: usize,
        /// Runs there were to be.
        run_count: usize,
    },
    /// One run failed.
    #[error(
        "the run of {strategy} with {speeds} speeds and seed {seed} failed\nnothing was written"
    )]
    Failed {
        /// Its strategy.
        strategy: &'static str,
        /// Its pool.
        speeds: &'static str,
        /// Its seed.
        seed: u64,
        /// What went wrong.
        source: ServeError,
    },
}

/// Carries out every run of `plan` with `serve`.
///
/// # Errors
/// [`CampaignError`]. Runs still under way are then abandoned, since only the
/// end of the process can follow.
///
/// # Panics
/// If a run panics.
pub fn run(
    trace: Arc<Trace>,
    plan: Plan,
    serve: Serve,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Study, CampaignError> {
    let jobs = Arc::new(Jobs { trace, plan, serve });
    let (run_count, timing) = (jobs.plan.run_count(), jobs.plan.timing);
    let to_run = jobs.clone();
    let figures =
        runs::all(run_count, timing, progress, interrupt, move |index| to_run.run(index))?;
    Ok(Study {
        trace: jobs.trace.clone(),
        panels: panels(&jobs.plan, figures),
        plan: jobs.plan.clone(),
    })
}

/// What the threads share.
struct Jobs {
    trace: Arc<Trace>,
    plan: Plan,
    serve: Serve,
}

impl Jobs {
    /// Carries out one run. Seeds vary fastest, then strategies, then pools.
    fn run(&self, index: usize) -> Result<Figures, CampaignError> {
        let plan = &self.plan;
        let (case_index, seed_index) =
            (index / plan.seed_count as usize, index % plan.seed_count as usize);
        let strategy = plan.strategies[case_index % plan.strategies.len()];
        let speeds = plan.speeds[case_index / plan.strategies.len()];
        let seed = plan.seed(seed_index);
        let pool = speeds.pool(plan.server_count, seed);
        let setup = Setup { strategy, speeds: pool, timing: plan.timing };
        match (self.serve)(&self.trace, &setup, seed) {
            Ok(served) => Ok(Figures::of_run(&self.trace, &served, plan.objective_s)),
            Err(source) => Err(CampaignError::Failed {
                strategy: strategy.name(),
                speeds: speeds.name(),
                seed,
                source,
            }),
        }
    }
}

/// Puts the runs of each pool and strategy together.
fn panels(plan: &Plan, figures: Vec<Figures>) -> Vec<Panel> {
    let mut means = figures.chunks(plan.seed_count as usize).map(Figures::mean);
    let mut results = || {
        let strategies = plan.strategies.iter().copied();
        strategies.zip(means.by_ref()).collect::<Vec<_>>()
    };
    plan.speeds.iter().map(|&speeds| Panel { speeds, results: results() }).collect()
}
