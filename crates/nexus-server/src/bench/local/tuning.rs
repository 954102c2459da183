//! A steady load, with and without a tuner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nexus::prelude::*;
use nexus::{NodeSpec, TUNE_EVERY_MIN, TrialOutcome};

use super::super::agents::{Add, Counter};
use super::super::harness::{Sheet, now};

/// Agents that are asked.
const AGENTS: usize = 10_000;

/// Who asks: enough to leave a backlog on either worker.
const ASKERS: usize = 256;

/// Time for the tuner to find out, at readings twice a second: four trials.
const TUNED_FOR: Duration = Duration::from_secs(100);

/// Time in which the load is measured then.
const MEASURED_FOR: Duration = Duration::from_secs(20);

/// With a tuner.
pub fn on(sheet: &mut Sheet) {
    load(sheet, super::spec().tune_every(Some(TUNE_EVERY_MIN)));
}

/// Without.
pub fn off(sheet: &mut Sheet) {
    load(sheet, super::spec());
}

fn load(sheet: &mut Sheet, spec: NodeSpec) {
    let node = super::start(&spec);
    let spawn = |key: usize| node.spawn::<Counter>(&key.to_string()).expect("a new name");
    let agents: Arc<[Handle<Counter>]> = (0..AGENTS).map(spawn).collect();
    let stop = Arc::new(AtomicBool::new(false));
    for asker in 0..ASKERS {
        let (agents, stop) = (agents.clone(), stop.clone());
        let ask = async move {
            // A step that shares no factor with their number visits them all.
            let mut at = asker * 37;
            while !stop.load(Ordering::Relaxed) {
                at = (at + 7_919) % AGENTS;
                let _ = agents[at].ask(Add(1)).queued().await;
            }
        };
        drop(node.task(ask).expect("the node is running"));
    }
    wait(TUNED_FOR);
    let handled = || node.counts()["counter"].handled;
    let (start, before) = (now(), handled());
    wait(MEASURED_FOR);
    sheet.put_rate(
        "ask queued, 256 at once",
        "msg/s",
        (handled() - before) as usize,
        start.elapsed(),
    );
    if let Some(report) = node.tuning() {
        let ended = |outcome| report.trials.iter().filter(|one| one.outcome == outcome).count();
        sheet.put("trials", "trials", report.trials.len() as f64);
        sheet.put("trials kept", "trials", ended(TrialOutcome::Kept) as f64);
        for trial in &report.trials {
            tracing::warn!("{trial}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    std::mem::forget(node);
}

/// Lets time pass while the node is at work.
fn wait(time: Duration) {
    let start = now();
    while let Some(left) = time.checked_sub(start.elapsed()) {
        std::thread::park_timeout(left);
    }
}
