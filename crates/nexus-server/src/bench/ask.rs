//! Sending and awaiting the answer.

use nexus::{Node, Recipient};

use super::agents::{Add, node, recipient};
use super::harness::{Sheet, now};

/// Asks timed one by one, as the peers' are.
const ASKS: usize = 300_000;

/// Asks in one timed stretch, where one ask is shorter than the clock is exact.
const ASKS_IN_STRETCH: usize = 64;

/// From a task on a worker, answered on its own stack.
///
/// Reading the clock takes as long as such an ask, so stretches of 64 are
/// timed; the percentiles are those of stretches, divided.
pub fn in_place(sheet: &mut Sheet) {
    let node = node();
    let nanos = in_place_on(&node);
    let mean: f64 = nanos.iter().sum::<f64>() / nanos.len() as f64;
    let mut sorted = nanos;
    sorted.sort_by(f64::total_cmp);
    sheet.put("ask mean", "ns", mean);
    sheet.put("ask p50", "ns", sorted[sorted.len() / 2]);
    sheet.put("ask p99", "ns", sorted[sorted.len() * 99 / 100]);
    let counts = node.counts();
    assert!(counts["counter"].in_place >= 20 * ASKS as u64, "the asks ran in place: {counts:?}");
}

/// Nanoseconds for each ask in place, one figure for a stretch.
pub fn in_place_on(node: &Node) -> Vec<f64> {
    let to = recipient(node);
    node.run(async move {
        stretches(&to, ASKS / 3).await;
        stretches(&to, 20 * ASKS).await
    })
}

async fn stretches(to: &Recipient<Add>, asks: usize) -> Vec<f64> {
    let mut nanos = Vec::with_capacity(asks / ASKS_IN_STRETCH);
    let mut sum = 0u64;
    for _ in 0..asks / ASKS_IN_STRETCH {
        let start = now();
        for i in 0..ASKS_IN_STRETCH {
            sum = sum.wrapping_add(to.ask(Add(i as u64)).await.expect("it answers"));
        }
        nanos.push(start.elapsed().as_nanos() as f64 / ASKS_IN_STRETCH as f64);
    }
    std::hint::black_box(sum);
    nanos
}

/// From a task on a worker, through the mailbox.
pub fn queued(sheet: &mut Sheet) {
    sheet.put_latencies("ask queued", queued_on(&node()));
}

/// Nanoseconds for each ask through the mailbox.
pub fn queued_on(node: &Node) -> Vec<u32> {
    let to = recipient(node);
    node.run(async move {
        let mut nanos = Vec::with_capacity(ASKS);
        for i in 0..ASKS {
            let start = now();
            let reply = to.ask(Add(i as u64)).queued().await;
            nanos.push(start.elapsed().as_nanos() as u32);
            reply.expect("it answers");
        }
        nanos
    })
}

/// From a thread that is no worker.
pub fn across_threads(sheet: &mut Sheet) {
    let node = node();
    let to = recipient(&node);
    let mut nanos = Vec::with_capacity(ASKS / 10);
    for i in 0..ASKS / 10 {
        let start = now();
        let reply = node.block_on(to.ask(Add(i as u64)));
        nanos.push(start.elapsed().as_nanos() as u32);
        reply.expect("it answers");
    }
    sheet.put_latencies("ask across threads", nanos);
}
