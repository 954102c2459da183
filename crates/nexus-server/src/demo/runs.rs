//! Many runs over all cores, in an order nobody can see.
//!
//! Runs share nothing that changes. Results are put in place by number, so they
//! do not depend on which thread was quicker.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use super::CampaignError;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// How long a signal may go unnoticed, and how often the bar moves by itself.
const LOOK_UP: Duration = Duration::from_millis(100);

/// A run's number and what came of it.
type Done<T> = (usize, Result<T, CampaignError>);

/// Carries out runs 0 to `run_count`, one alone at a time if they are `timed`, so
/// that they do not disturb each other.
///
/// # Errors
/// The first [`CampaignError`]. Runs still under way are then abandoned, since only
/// the end of the process can follow.
///
/// # Panics
/// If a run panics.
pub fn all<T: Send + 'static>(
    run_count: usize,
    timed: bool,
    progress: &Progress,
    interrupt: &Interrupt,
    run: impl Fn(usize) -> Result<T, CampaignError> + Send + Sync + 'static,
) -> Result<Vec<T>, CampaignError> {
    let _attention = interrupt.attend();
    let (run, next) = (Arc::new(run), Arc::new(AtomicUsize::new(0)));
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..thread_count(run_count, timed))
        .map(|_| {
            let (run, next, sender) = (run.clone(), next.clone(), sender.clone());
            thread::spawn(move || work(run_count, &next, &*run, &sender))
        })
        .collect();
    drop(sender);
    let mut results: Vec<Option<T>> = (0..run_count).map(|_| None).collect();
    let mut done = 0;
    loop {
        if interrupt.is_asked() {
            return Err(CampaignError::Interrupted { done, run_count });
        }
        match receiver.recv_timeout(LOOK_UP) {
            Ok((index, result)) => {
                results[index] = Some(result?);
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
    Ok(results.into_iter().map(|one| one.expect("every run was taken and none panicked")).collect())
}

/// Takes runs until there are none, or nobody wants to know any more.
fn work<T>(
    run_count: usize,
    next: &AtomicUsize,
    run: &dyn Fn(usize) -> Result<T, CampaignError>,
    done: &Sender<Done<T>>,
) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= run_count || done.send((index, run(index))).is_err() {
            return;
        }
    }
}

/// As many threads as there are cores.
fn thread_count(run_count: usize, timed: bool) -> usize {
    if timed {
        return 1;
    }
    thread::available_parallelism().map_or(1, NonZero::get).min(run_count)
}
