//! Timers, and what a thousand quietly busy agents cost.

use std::sync::Arc;
use std::time::Duration;

use nexus::KindSpec;
use nexus::prelude::*;

use super::agents::Gate;
use super::harness::{Sheet, now};

const TIMERS: usize = 1_000_000;

/// Timers set by one agent.
const TIMERS_EACH: usize = 1_000;

struct Alarm;

impl Agent for Alarm {
    const KIND: &'static str = "alarm";
    fn new(_key: &str) -> Alarm {
        Alarm
    }
}

#[derive(Message)]
struct SetAll;

#[derive(Message)]
struct Rang;

impl Handler<SetAll> for Alarm {
    async fn handle(&mut self, _: SetAll, cx: &mut Context<Alarm>) {
        for _ in 0..TIMERS_EACH {
            // Spread over an hour at random, so that none rings meanwhile.
            let after = 60_000 + cx.random(|rng| rng.below(3_600_000));
            cx.after(Duration::from_millis(after), Rang);
        }
    }
}

impl Handler<Rang> for Alarm {
    async fn handle(&mut self, _: Rang, _cx: &mut Context<Alarm>) {}
}

/// A million pending timers: what setting one costs.
pub fn million(sheet: &mut Sheet) {
    let node = super::agents::node();
    let alarms: Vec<Handle<Alarm>> = (0..TIMERS / TIMERS_EACH)
        .map(|index| node.spawn(&index.to_string()).expect("a new name"))
        .collect();
    let before = super::harness::resident_bytes();
    let took = node.run(async move {
        let start = now();
        for alarm in &alarms {
            alarm.ask(SetAll).await.expect("it answers");
        }
        start.elapsed()
    });
    sheet.put_each("timers 1M set", TIMERS, took);
    let bytes = super::harness::resident_bytes().saturating_sub(before) as f64 / TIMERS as f64;
    sheet.put("timers 1M memory", "B/timer", bytes);
    std::mem::forget(node);
}

/// Agents that tell themselves something once a second.
const AGENTS: usize = 1_000;

/// Messages each of them handles while the CPU time is measured.
const BEATS: u64 = 10;

struct Beating {
    left: u64,
    gate: Arc<Gate>,
}

impl Agent for Beating {
    const KIND: &'static str = "beating";
    fn new(_key: &str) -> Beating {
        Beating { left: 0, gate: Gate::new(0) }
    }
}

#[derive(Message)]
struct Beat;

impl Handler<Beat> for Beating {
    async fn handle(&mut self, _: Beat, cx: &mut Context<Beating>) {
        self.left -= 1;
        if self.left == 0 {
            self.gate.arrive();
        } else {
            cx.after(Duration::from_secs(1), Beat);
        }
    }
}

#[derive(Message)]
struct Begin {
    after_ms: u64,
}

impl Handler<Begin> for Beating {
    async fn handle(&mut self, begin: Begin, cx: &mut Context<Beating>) {
        cx.after(Duration::from_millis(begin.after_ms), Beat);
    }
}

/// The share of one CPU that a thousand agents take at a message a second each.
pub fn cpu(sheet: &mut Sheet) {
    let node = super::agents::node();
    let gate = Gate::new(AGENTS);
    let theirs = gate.clone();
    let make = move |_: &str| Beating { left: BEATS, gate: theirs.clone() };
    node.register(KindSpec::from_fn(make)).expect("registered once");
    for index in 0..AGENTS {
        let agent = node.spawn::<Beating>(&index.to_string()).expect("a new name");
        agent.try_tell(Begin { after_ms: index as u64 }).expect("an empty mailbox");
    }
    let (start, cpu_before) = (now(), cpu_time());
    gate.wait();
    let share = (cpu_time() - cpu_before).as_secs_f64() / start.elapsed().as_secs_f64();
    sheet.put("cpu 1000 agents 1 msg/s", "% of a CPU", share * 100.0);
}

/// CPU time of this process, user and system, from the kernel's own accounts.
fn cpu_time() -> Duration {
    // The scheduler's nanoseconds, thread by thread; the ticks in `stat` are too coarse.
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let nanos = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
