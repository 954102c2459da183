//! Clusters of 3 to 1,000 nodes: how long joins and kills take, and what they cost.

use std::time::Duration;

use crate::network::Network;
use crate::{JOIN_PAUSE, cluster, figure, finish, say};

fn kill_is_seen(network: &mut Network, limit: u64) {
    let count = network.nodes.len();
    let victim = count / 2;
    network.kill(victim);
    let limit = Duration::from_secs(limit);
    let took = network.run_until(limit, "all see it down", |it| it.none_sees(victim));
    figure(&format!("{count} nodes: kill to seen down by all"), took);
}

fn check(count: usize, kill_limit: u64) {
    let mut network = cluster(1, count, JOIN_PAUSE);
    kill_is_seen(&mut network, kill_limit);
    finish(network);
}

#[test]
fn three_nodes() {
    check(3, 12);
}

#[test]
fn ten_nodes() {
    check(10, 14);
}

#[test]
fn a_hundred_nodes() {
    check(100, 18);
}

/// One figure is luck; the longest of forty is what to expect.
#[test]
fn forty_kills_among_ten_nodes() {
    let mut spans: Vec<Duration> = (100..140)
        .map(|seed| {
            let mut network = cluster(seed, 10, JOIN_PAUSE);
            network.run_for(Duration::from_secs(3));
            network.kill(seed as usize % 10);
            let limit = Duration::from_secs(14);
            let victim = seed as usize % 10;
            network.run_until(limit, "all see it down", |it| it.none_sees(victim))
        })
        .collect();
    spans.sort_unstable();
    figure("10 nodes: kill to seen down by all, middle of 40", spans[20]);
    figure("10 nodes: kill to seen down by all, longest of 40", spans[39]);
}

#[test]
fn a_hundred_at_once() {
    finish(cluster(2, 100, Duration::ZERO));
}

/// Fifty nodes a second come; then nothing happens; then one is killed.
#[test]
fn a_thousand_nodes() {
    let before = resident_bytes();
    let mut network = cluster(1, 1_000, Duration::from_millis(20));
    network.run_for(Duration::from_secs(5));
    let (sent, bytes) = (network.sent_count, network.sent_bytes);
    network.run_for(Duration::from_secs(10));
    let sent = (network.sent_count - sent) / 10_000;
    let bytes = (network.sent_bytes - bytes) / 10_000;
    let memory = resident_bytes().saturating_sub(before) / 1_000;
    say(&format!("1,000 nodes: {sent} datagrams, {bytes} B each second, {memory} B each node"));
    assert!(sent <= 4 && bytes <= 400, "{sent} datagrams, {bytes} bytes a second");
    kill_is_seen(&mut network, 22);
    assert_eq!(network.inner_errors(), 0);
}

/// Of this process, as Linux counts it; zero elsewhere.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4_096
}
