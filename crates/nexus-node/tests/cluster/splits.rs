//! Splits whose new shard nobody leads.

use std::time::Duration;

use nexus_cluster::NodeId;
use nexus_cluster::shard::{Plan, ShardId, SlotSet};

use crate::carts::{Add, Total};
use crate::net::Net;

/// Longer than a handoff may take until it is given up.
const GIVEN_UP: Duration = Duration::from_secs(40);

const CARTS: u64 = 12;

/// Three nodes of six, with one shard, and carts of which some are in the upper half of it.
fn begun() -> Net {
    let mut net = Net::growing(6, 3, 1);
    net.run_for(Duration::from_secs(5));
    for key in 0..CARTS {
        assert_eq!(net.ask(0, "cart", &key.to_string(), Add(key)), Ok(key));
    }
    net
}

fn check(net: &mut Net, node: usize) {
    for key in 0..CARTS {
        assert_eq!(net.ask(node, "cart", &key.to_string(), Total), Ok(key), "cart {key}");
    }
}

fn split(net: &mut Net, onto: [u64; 3]) {
    let replicas = onto.map(NodeId).to_vec();
    net.plan(&Plan::Split { shard: ShardId(0), slots: SlotSet::all().upper_half(), replicas });
}

/// The new shard of the first split.
const NEW: ShardId = ShardId(1);

#[test]
fn a_split_onto_nodes_that_never_come_is_over_once_it_is_given_up() {
    let mut net = begun();
    split(&mut net, [4, 5, 6]);
    net.run_for(Duration::from_secs(1));
    assert!(net.has_shard(NEW));
    net.run_for(GIVEN_UP);
    assert!(!net.has_shard(NEW), "nobody leads it");
    check(&mut net, 1);
    split(&mut net, [1, 2, 3]);
    net.run_for(Duration::from_secs(5));
    assert!(net.has_shard(ShardId(2)), "nothing is in the way of another");
    check(&mut net, 2);
    (3..6).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(20));
    assert_eq!(net.copies(NEW), [], "they have come too late");
    check(&mut net, 5);
}

#[test]
fn nodes_that_began_a_new_shard_and_were_away_when_it_was_given_up_end_it() {
    let mut net = begun();
    split(&mut net, [4, 5, 6]);
    net.run_for(Duration::from_millis(200));
    // Each hears of the new shard, and then from nobody any more.
    (3..6).for_each(|node| net.start(node));
    let mut met: Vec<usize> = (3..6).collect();
    for _ in 0..5_000 {
        net.run_for(Duration::from_millis(1));
        let knows = |node: &usize| net.map_of(*node).shard(NEW).is_some();
        let (has_met, still): (Vec<usize>, Vec<usize>) = met.into_iter().partition(knows);
        has_met.into_iter().for_each(|node| net.cut_off(node, true));
        met = still;
    }
    assert_eq!(net.copies(NEW), [(3, 0), (4, 0), (5, 0)]);
    net.run_for(GIVEN_UP);
    assert!(!net.has_shard(NEW));
    // They meet each other first, with a map in which the shard is still to come.
    (0..3).for_each(|node| net.cut_off(node, true));
    (3..6).for_each(|node| net.cut_off(node, false));
    net.run_for(Duration::from_secs(5));
    assert_eq!(net.copies(NEW), [(3, 0), (4, 0), (5, 0)], "it takes no writes");
    for key in 0..CARTS {
        assert!(net.ask(4, "cart", &key.to_string(), Total).is_err(), "it has none of them");
    }
    (0..3).for_each(|node| net.cut_off(node, false));
    net.run_for(Duration::from_secs(20));
    assert_eq!(net.copies(NEW), []);
    check(&mut net, 4);
    // Nor does it begin again where the map is not known at first.
    (0..6).for_each(|node| net.kill(node));
    (3..6).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(2));
    assert_eq!(net.copies(NEW), []);
}
