//! A million named agents: made, found by name, asked once each, listed.
//!
//! `cargo run --release --example million_agents`, or with another number after `--`.
//!
//! Sizes are what the system says the whole process holds (Linux only), times
//! are from one run: for figures to rely on see `nexus bench`.
#![allow(clippy::disallowed_methods, reason = "it tells how long things took")]

use std::io::{IsTerminal, Write};
use std::time::Instant;

use nexus::prelude::*;

/// One device somewhere.
struct Meter {
    reading: u64,
    readings: u64,
}

impl Agent for Meter {
    const KIND: &'static str = "meter";
    fn new(_key: &str) -> Self {
        Meter { reading: 0, readings: 0 }
    }
}

/// A new reading; answered with how many there have been.
#[derive(Message)]
#[message(reply = u64)]
struct Read(u64);

impl Handler<Read> for Meter {
    async fn handle(&mut self, Read(reading): Read, _cx: &mut Context<Self>) -> u64 {
        self.reading = reading;
        self.readings += 1;
        self.readings
    }
}

fn key(index: usize) -> String {
    format!("meter-{index:010}")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = match std::env::args().nth(1) {
        Some(text) => text.parse().map_err(|_| format!("give a number of agents, not {text:?}"))?,
        None => 1_000_000,
    };
    let node = Node::start()?;
    let before = resident_bytes();

    let mut step = Step::start("spawn", count);
    for index in 0..count {
        node.spawn::<Meter>(&key(index))?;
        step.done(index + 1);
    }
    step.end();
    let spawned = resident_bytes();

    // On a worker, so that each ask is answered in place.
    let system = node.system().clone();
    node.run(async move {
        let mut step = Step::start("find and ask", count);
        for index in 0..count {
            let meter = system.find::<Meter>(&key(index)).expect("nobody has stopped it");
            assert_eq!(meter.ask(Read(index as u64)).await, Ok(1), "each is asked once");
            step.done(index + 1);
        }
        step.end();
    });

    println!("{:<14} {:>9}", "resident", size(before.zip(spawned), count));
    println!("{:<14} {:>9}", "after asking", size(before.zip(resident_bytes()), count));

    println!("\nthe first three of {}:", node.system().agent_count());
    for listing in node.list(Some("meter"), None, 3) {
        println!("  {}/{} {}", listing.kind, listing.key, listing.phase);
    }
    Ok(())
}

/// One part of the program: says how far it is, then how long it took.
struct Step {
    name: &'static str,
    count: usize,
    start: Instant,
    shows_progress: bool,
}

impl Step {
    fn start(name: &'static str, count: usize) -> Step {
        Step { name, count, start: Instant::now(), shows_progress: std::io::stderr().is_terminal() }
    }

    fn done(&mut self, index: usize) {
        if self.shows_progress && index.is_multiple_of(10_000) {
            let _ = write!(std::io::stderr(), "\r{} {index} of {}", self.name, self.count);
        }
    }

    fn end(self) {
        let took = self.start.elapsed();
        if self.shows_progress {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
        let each = took.as_nanos() / self.count.max(1) as u128;
        println!("{:<14} {:>6} ns each, {:.2} s in all", self.name, each, took.as_secs_f64());
    }
}

/// Bytes of memory this process has in use; `None` where the system does not tell.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

fn size(around: Option<(u64, u64)>, count: usize) -> String {
    match around {
        Some((before, after)) => {
            format!("{} bytes an agent", after.saturating_sub(before) / count.max(1) as u64)
        }
        None => "unknown on this system".to_owned(),
    }
}
