//! Three nodes without faults: what a user of strict agents sees.

extern crate nexus_agent as nexus;

mod busy;
mod carts;
mod chaos;
mod control;
mod growth;
mod guests;
mod holders;
mod hostile;
mod lease;
mod locks;
mod memory;
mod named;
mod net;
mod others;
mod promises;
mod splits;
mod visits;

use std::time::Duration;

use carts::{Add, Total};
use net::Net;
use nexus_cluster::shard::{Plan, ShardId};
use nexus_node::shard::{AgentName, Origin, Request};
use nexus_node::{CallError, group_of};
use others::{Count, Deposit, Got, Post, Relay, Rung, Swallow, Wake};

#[test]
fn an_agent_answers_wherever_it_is_asked() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(0, "cart", "7", Add(2)), Ok(2));
    assert_eq!(net.ask(1, "cart", "7", Add(3)), Ok(5));
    assert_eq!(net.ask(2, "cart", "7", Total), Ok(5));
}

#[test]
fn what_is_answered_is_there_after_all_nodes_died() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    for key in 0..20 {
        assert_eq!(net.ask(key % 3, "cart", &key.to_string(), Add(key as u64)), Ok(key as u64));
    }
    (0..3).for_each(|node| net.kill(node));
    (0..3).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(3));
    for key in 0..20 {
        assert_eq!(net.ask(0, "cart", &key.to_string(), Total), Ok(key as u64));
    }
}

#[test]
fn what_is_answered_survives_the_node_that_answered() {
    let mut net = Net::new(3, 4);
    net.run_for(Duration::from_secs(10));
    for round in 1..4 {
        let leader = net.leader_of("cart", "7");
        assert_eq!(net.ask(leader, "cart", "7", Add(1)), Ok(round));
        net.kill(leader);
        // Asked of one that hears of the death by waiting.
        assert_eq!(net.ask((leader + 1) % 3, "cart", "7", Total), Ok(round));
        // The map hears of it later, if its own leader died as well.
        net.run_for(Duration::from_secs(1));
        assert_ne!(net.leader_of("cart", "7"), leader);
        net.start(leader);
        net.run_for(Duration::from_secs(2));
    }
}

#[test]
fn shards_are_split_until_there_are_enough_and_agents_move_with_them() {
    let mut net = Net::new(5, 8);
    net.run_for(Duration::from_secs(1));
    for key in 0..50 {
        assert_eq!(net.ask(0, "cart", &key.to_string(), Add(key as u64)), Ok(key as u64));
    }
    net.run_for(Duration::from_secs(30));
    assert_eq!(net.shards(), 8);
    for key in 0..50 {
        assert_eq!(net.ask(key % 5, "cart", &key.to_string(), Total), Ok(key as u64));
    }
    let leaders = net.leads();
    assert!(leaders.iter().all(|count| (1..=2).contains(count)), "{leaders:?} lead of 8");
}

#[test]
fn a_name_of_no_kind_is_refused() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    let refused = net.ask(0, "nobody", "7", Total);
    assert!(
        matches!(&refused, Err(CallError::Refused { reason }) if reason.contains("nobody")),
        "{refused:?}"
    );
}

#[test]
fn letters_come_once_each_and_in_order() {
    let mut net = Net::new(3, 4);
    net.run_for(Duration::from_secs(10));
    let sender = net.leader_of("sender", "a");
    let (asker, keys) = ((sender + 1) % 3, (0..20).map(|key| key.to_string()));
    let (near, far): (Vec<String>, Vec<String>) =
        keys.partition(|key| net.leader_of("receiver", key) == sender);
    for to in near.iter().chain(&far) {
        assert_eq!(net.ask(sender, "sender", "a", Post { to: to.clone(), count: 20 }), Ok(()));
    }
    // The sender dies with letters that nobody has yet, then one does who gets them.
    net.kill(sender);
    let last = far.last().expect("others lead, too");
    let got = net.ask(asker, "receiver", last, Got).expect("its leader lives");
    assert!(got.len() < 20, "all letters came before the sender died");
    net.run_for(Duration::from_millis(1_000));
    net.start(sender);
    net.run_for(Duration::from_millis(100));
    net.kill(net.leader_of("receiver", last));
    net.run_for(Duration::from_secs(20));
    for key in near.iter().chain(&far) {
        let got = net.ask(sender, "receiver", key, Got).expect("it answers");
        assert_eq!(got, (0..20).collect::<Vec<u64>>());
    }
}

#[test]
fn a_reminder_rings_once_even_if_all_nodes_have_died_meanwhile() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(0, "clock", "a", Wake(5)), Ok(()));
    (0..3).for_each(|node| net.kill(node));
    (0..3).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(0, "clock", "a", Rung), Ok(0));
    net.run_for(Duration::from_secs(10));
    assert_eq!(net.ask(0, "clock", "a", Rung), Ok(1));
}

#[test]
fn events_are_kept_and_applied_again() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    for amount in 1..=3 {
        assert!(net.ask(0, "account", "a", Deposit(amount)).is_ok());
    }
    (0..3).for_each(|node| net.kill(node));
    (0..3).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(1, "account", "a", Deposit(4)), Ok(10));
}

#[test]
fn who_is_not_asked_for_long_leaves_memory_and_comes_back() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    assert!(net.ask(0, "account", "a", Deposit(1)).is_ok());
    assert_eq!(net.active(), 1);
    net.run_for(Duration::from_secs(5));
    assert_eq!(net.active(), 0);
    assert_eq!(net.ask(0, "account", "a", Deposit(1)), Ok(2));
}

#[test]
fn what_is_only_in_memory_begins_anew_with_each_leader() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(0, "counter", "a", Count), Ok(1));
    assert_eq!(net.ask(1, "counter", "a", Count), Ok(2));
    // Who does not lead takes nothing along.
    let leader = net.leader_of("counter", "a");
    let (other, third) = ((leader + 1) % 3, (leader + 2) % 3);
    net.kill(other);
    assert_eq!(net.ask(third, "counter", "a", Count), Ok(3));
    net.start(other);
    net.run_for(Duration::from_secs(1));
    net.kill(leader);
    assert_eq!(net.ask(third, "counter", "a", Count), Ok(1));
    assert_eq!(net.ask(third, "counter", "a", Count), Ok(2));
}

#[test]
fn an_agent_that_keeps_nothing_handles_a_request_once_while_it_lives() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    let mut count = |node, number| {
        let request = Request { from: Origin(7), number };
        let to = AgentName::new("counter", "a");
        let ticket = net.begin(node, to, &Count, request, Duration::from_secs(5));
        net.run_for(Duration::from_secs(1));
        let answer = net.take(ticket).expect("it had time").expect("nothing goes wrong");
        nexus_agent::decode::<u64>(&answer.bytes).expect("it is a number")
    };
    assert_eq!((count(0, 1), count(0, 1), count(1, 1)), (1, 1, 1));
    assert_eq!((count(2, 2), count(0, 2)), (2, 2));
}

#[test]
fn a_handler_that_panics_changes_nothing() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(0, "cart", "7", Add(2)), Ok(2));
    let refused = net.ask(0, "cart", "7", Add(u64::MAX)).expect_err("it is too much");
    let text = refused.to_string();
    assert!(!refused.may_have_changed() && text.contains("carts are not that large"), "{text}");
    assert!(text.ends_with("nothing was changed"), "{text}");
    assert_eq!(net.ask(0, "cart", "7", Total), Ok(2));
}

#[test]
fn agents_ask_each_other_by_name() {
    let mut net = Net::new(3, 4);
    net.run_for(Duration::from_secs(10));
    assert_eq!(net.ask(0, "cart", "7", Add(2)), Ok(2));
    assert_eq!(net.ask(1, "sender", "a", Relay("7".to_owned())), Ok(Some(2)));
}

#[test]
fn agents_of_a_shard_that_is_merged_go_on_in_the_other() {
    let mut net = Net::new(3, 2);
    net.run_for(Duration::from_secs(5));
    for key in 0..20 {
        assert_eq!(net.ask(0, "cart", &key.to_string(), Add(key)), Ok(key));
    }
    net.plan(&Plan::Merge { from: ShardId(1), to: ShardId(0) });
    net.run_for(Duration::from_millis(500));
    assert_eq!(net.shards(), 1);
    for key in 0..20 {
        assert_eq!(net.ask(1, "cart", &key.to_string(), Total), Ok(key));
    }
    // There shall be two: the other half goes to a third.
    net.run_for(Duration::from_secs(5));
    assert_eq!(net.shards(), 2);
    (0..3).for_each(|node| net.kill(node));
    (0..3).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(3));
    for key in 0..20 {
        assert_eq!(net.ask(2, "cart", &key.to_string(), Total), Ok(key));
    }
}

#[test]
fn what_no_entry_can_hold_is_refused_and_changes_nothing() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(0, "receiver", "a", Swallow(vec![1; 1_000])), Ok(1_000));
    let too_large = |refused| matches!(refused, Err(CallError::Refused { .. }));
    // The message itself, and a state that grows beyond what is kept.
    assert!(too_large(net.ask(0, "receiver", "a", Swallow(vec![1; 2 << 20]))));
    assert_eq!(net.ask(0, "receiver", "a", Swallow(vec![1; 900 << 10])), Ok(1_000 + (900 << 10)));
    assert!(too_large(net.ask(0, "receiver", "a", Swallow(vec![1; 900 << 10]))));
    assert_eq!(net.ask(0, "receiver", "a", Swallow(Vec::new())), Ok(1_000 + (900 << 10)));
}

#[test]
fn a_minority_says_that_it_cannot_and_does_nothing() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(0, "cart", "7", Add(2)), Ok(2));
    net.kill(1);
    net.kill(2);
    for message in [1, 2] {
        let refused = net.ask(0, "cart", "7", Add(message));
        assert!(matches!(refused, Err(CallError::Unknown | CallError::Unreachable)), "{refused:?}");
    }
    // Those who were asked and did not answer may have done it, as far as the asker knows.
    assert_eq!(net.ask(0, "cart", "7", Total), Err(CallError::Unknown));
    net.start(1);
    net.run_for(Duration::from_secs(2));
    // The first may have been proposed while its leader was not aware of being alone.
    let total = net.ask(1, "cart", "7", Total).expect("a majority is there again");
    assert!([2, 3].contains(&total), "{total}");
}

#[test]
fn hostile_frames_are_counted_and_harm_nobody() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(0, "cart", "7", Add(2)), Ok(2));
    let frames = hostile::frames();
    let count = frames.len() as u64;
    for frame in frames {
        net.frame(0, frame);
    }
    net.run_for(Duration::from_secs(1));
    let counts = net.counts(0);
    assert_eq!(counts.damaged + counts.stray, count, "{counts:?}");
    assert_eq!(net.ask(0, "cart", "7", Add(2)), Ok(4));
}

#[test]
fn a_first_shard_that_has_ended_does_not_begin_again() {
    let mut net = Net::new(5, 2);
    net.run_for(Duration::from_secs(10));
    for key in 1..20 {
        assert_eq!(net.ask(0, "cart", &key.to_string(), Add(key)), Ok(key));
    }
    net.plan(&Plan::Merge { from: ShardId(0), to: ShardId(1) });
    net.run_for(Duration::from_secs(5));
    assert!(!net.has_shard(ShardId(0)));
    // Two of its founders come back: too few to hear of the map.
    (0..5).for_each(|node| net.kill(node));
    (0..2).for_each(|node| net.start(node));
    for key in 1..20 {
        let total = net.ask(0, "cart", &key.to_string(), Total);
        assert!(total.is_err() || total == Ok(key), "{key} has {total:?}");
    }
    (2..5).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(5));
    for key in 1..20 {
        assert_eq!(net.ask(0, "cart", &key.to_string(), Total), Ok(key));
    }
}

#[test]
fn a_member_of_a_group_that_has_ended_does_not_vote_in_it_again() {
    let mut net = Net::new(5, 2);
    net.run_for(Duration::from_secs(10));
    net.plan(&Plan::Merge { from: ShardId(1), to: ShardId(0) });
    net.run_for(Duration::from_millis(500));
    assert!(!net.has_shard(ShardId(1)));
    // Alone it knows no map in which that shard has been.
    (0..5).for_each(|node| net.kill(node));
    net.start(0);
    assert!(!net.has_shard(ShardId(1)));
    net.frame(0, hostile::vote(group_of(ShardId(1))));
    assert_eq!(net.counts(0).stray, 1, "it has voted there before");
    net.frame(0, hostile::vote(group_of(ShardId(9))));
    assert_eq!(net.counts(0).stray, 1, "there may be such a shard by now");
}
