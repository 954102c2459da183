//! The first million agents of a kind, with and without room made beforehand.

use std::time::Duration;

use nexus::prelude::*;

use super::super::harness::{Sheet, now, resident_bytes};

/// Agents spawned.
const AGENTS: usize = 1_000_000;

/// The first ones, which meet the most of what is not there yet.
const FIRST: usize = 10_000;

struct Small {
    _state: [u64; 2],
}

impl Agent for Small {
    const KIND: &'static str = "small";
    fn new(_key: &str) -> Small {
        Small { _state: [0; 2] }
    }
}

/// With room.
pub fn on(sheet: &mut Sheet) {
    let node = super::start(&super::spec().prewarm(AGENTS));
    let start = now();
    let warm = node.prewarm::<Small>(AGENTS).expect("there is memory for a million");
    sheet.put("making room for 1M", "ms", start.elapsed().as_secs_f64() * 1e3);
    assert_eq!(warm.agents, AGENTS);
    spawn(sheet, node);
}

/// Without.
pub fn off(sheet: &mut Sheet) {
    spawn(sheet, super::start(&super::spec()));
}

fn spawn(sheet: &mut Sheet, node: Node) {
    let keys: Vec<String> = (0..AGENTS).map(|index| format!("agent-{index:010}")).collect();
    let mut nanos = Vec::with_capacity(AGENTS);
    let start = now();
    let (mut last, mut first) = (start, Duration::ZERO);
    for (index, key) in keys.iter().enumerate() {
        node.spawn::<Small>(key).expect("a new name");
        let at = now();
        nanos.push((at - last).as_nanos() as u32);
        last = at;
        if index + 1 == FIRST {
            first = at - start;
        }
    }
    sheet.put_rate("spawn first 10k", "actors/s", FIRST, first);
    sheet.put_rate("spawn first 1M", "actors/s", AGENTS, last - start);
    nanos.sort_unstable();
    sheet.put("spawn p99", "ns", f64::from(nanos[AGENTS * 99 / 100]));
    sheet.put("spawn p99.99", "ns", f64::from(nanos[AGENTS * 9_999 / 10_000]));
    sheet.put("spawn slowest", "ns", f64::from(nanos[AGENTS - 1]));
    sheet.put("resident", "MiB", resident_bytes() as f64 / f64::from(1 << 20));
    std::mem::forget(node);
}
