//! Agents by the million: memory, spawning, finding, asking.

use std::collections::HashMap;
use std::time::Duration;

use nexus::Handle;
use nexus::prelude::*;

use super::harness::{Sheet, now, resident_bytes, shuffled};

const MILLION: usize = 1_000_000;

/// Names looked up in one measurement.
const LOOKUPS: usize = 100_000;

/// An agent with sixteen bytes of state.
struct Small {
    sum: u64,
    asks: u64,
}

impl Agent for Small {
    const KIND: &'static str = "small";
    fn new(_key: &str) -> Small {
        Small { sum: 0, asks: 0 }
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Touch(u64);

impl Handler<Touch> for Small {
    #[inline(never)]
    async fn handle(&mut self, Touch(by): Touch, _cx: &mut Context<Small>) -> u64 {
        self.sum += by;
        self.asks += 1;
        self.sum
    }
}

/// A key of sixteen characters.
fn key(index: usize) -> String {
    format!("agent-{index:010}")
}

/// A million named agents: memory each, spawned a second, found by name.
pub fn million(sheet: &mut Sheet) {
    spawn_named(sheet, "1M", MILLION);
}

/// Ten million.
pub fn ten_million(sheet: &mut Sheet) {
    spawn_named(sheet, "10M", 10 * MILLION);
}

fn spawn_named(sheet: &mut Sheet, size: &str, count: usize) {
    let node = super::agents::node();
    let before = resident_bytes();
    let start = now();
    for index in 0..count {
        // The handle goes at once: the node keeps its agents.
        node.spawn::<Small>(&key(index)).expect("a new name");
    }
    let took = start.elapsed();
    let system = node.system().clone();
    node.run(async move {
        for index in 0..count {
            let agent: Handle<Small> = system.find(&key(index)).expect("spawned above");
            assert_eq!(agent.ask(Touch(1)).await, Ok(1), "each answers once");
        }
    });
    assert_eq!(node.system().agent_count(), count, "all are listed");
    assert_eq!(node.list(Some("small"), None, 100).len(), 100, "a page is full");
    let bytes = resident_bytes().saturating_sub(before) as f64 / count as f64;
    sheet.put(format!("spawn named {size} memory"), "B/actor", bytes);
    sheet.put_rate(format!("spawn named {size} rate"), "actors/s", count, took);
    lookups(sheet, &node, count);
    std::mem::forget(node);
}

fn lookups(sheet: &mut Sheet, node: &Node, count: usize) {
    let keys: Vec<String> = shuffled(count, LOOKUPS).into_iter().map(key).collect();
    let start = now();
    for key in &keys {
        std::hint::black_box(node.find::<Small>(key).expect("spawned above"));
    }
    sheet.put_each(format!("lookup among {count} names"), keys.len(), start.elapsed());
    let table: HashMap<String, usize> = (0..count).map(|index| (key(index), index)).collect();
    let start = now();
    for key in &keys {
        std::hint::black_box(table.get(key).expect("inserted above"));
    }
    sheet.put_each(format!("hash table get among {count} names"), keys.len(), start.elapsed());
}

/// What one more agent costs when a million are there.
pub fn register(sheet: &mut Sheet) {
    let node = super::agents::node();
    for index in 0..MILLION {
        node.spawn::<Small>(&key(index)).expect("a new name");
    }
    let keys: Vec<String> = (MILLION..MILLION + LOOKUPS).map(key).collect();
    let start = now();
    for key in &keys {
        node.spawn::<Small>(key).expect("a new name");
    }
    sheet.put_each("register at 1M", keys.len(), start.elapsed());
    std::mem::forget(node);
}

/// Asks to more and more agents, in turn as the peers' harness sends, and at random.
pub fn ask_at(sheet: &mut Sheet) {
    let node = super::agents::node();
    let mut handles = Vec::with_capacity(MILLION);
    for (size, count) in [("1k", 1_000), ("100k", 100_000), ("1M", MILLION)] {
        for index in handles.len()..count {
            handles.push(node.spawn::<Small>(&key(index)).expect("a new name"));
        }
        let in_turn = (0..MILLION).map(|index| index % count).collect();
        for (how, order) in [("", in_turn), (" at random", shuffled(count, MILLION))] {
            let (took, back) = node.run(ask_in_order(handles, order));
            handles = back;
            sheet.put_rate(format!("ask at {size} agents{how}"), "msg/s", MILLION, took);
        }
    }
    std::mem::forget(node);
}

async fn ask_in_order(
    handles: Vec<Handle<Small>>,
    order: Vec<usize>,
) -> (Duration, Vec<Handle<Small>>) {
    let start = now();
    for index in &order {
        std::hint::black_box(handles[*index].ask(Touch(1)).await.expect("it answers"));
    }
    (start.elapsed(), handles)
}
