//! All runs of a plan, over all cores, in an order nobody can see.
//!
//! Runs share nothing but the trace. Results are put in place by number, so
//! they do not depend on which thread was quicker.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, mpsc::Sender};
use std::thread;
use std::time::Duration;

use super::simulate::{Serve, ServeError, Setup};
use super::{Figures, Panel, Plan, Study};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::trace::Trace;

/// How long a signal may go unnoticed, and how often the bar moves by itself.
const LOOK_UP: Duration = Duration::from_millis(100);

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
    let jobs = Arc::new(Jobs { trace, plan, serve, next: AtomicUsize::new(0) });
    let figures = collect(&jobs, progress, interrupt)?;
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
    /// The number of the next run that nobody has taken.
    next: AtomicUsize,
}

/// A run's number and what came of it.
type Done = (usize, Result<Figures, CampaignError>);

impl Jobs {
    /// Takes runs until there are none, or nobody wants to know any more.
    fn work(&self, done: &Sender<Done>) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.plan.run_count() || done.send((index, self.run(index))).is_err() {
                return;
            }
        }
    }

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

fn collect(
    jobs: &Arc<Jobs>,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Vec<Figures>, CampaignError> {
    let run_count = jobs.plan.run_count();
    let _attention = interrupt.attend();
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..thread_count(&jobs.plan))
        .map(|_| {
            let (jobs, sender) = (jobs.clone(), sender.clone());
            thread::spawn(move || jobs.work(&sender))
        })
        .collect();
    drop(sender);
    let mut figures = vec![None; run_count];
    let mut done = 0;
    loop {
        if interrupt.is_asked() {
            return Err(CampaignError::Interrupted { done, run_count });
        }
        match receiver.recv_timeout(LOOK_UP) {
            Ok((index, result)) => {
                figures[index] = Some(result?);
                done += 1;
                progress.step();
            }
            Err(RecvTimeoutError::Timeout) => progress.tick(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    for thread in threads {
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
    Ok(figures.into_iter().map(|one| one.expect("every run was taken and none panicked")).collect())
}

/// As many threads as there are cores; one alone where time is measured, so
/// that runs do not disturb each other.
fn thread_count(plan: &Plan) -> usize {
    if plan.timing {
        return 1;
    }
    thread::available_parallelism().map_or(1, NonZero::get).min(plan.run_count())
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
