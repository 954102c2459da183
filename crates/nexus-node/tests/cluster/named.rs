//! Local agents with names: found from everywhere, as long as their node lives.

use std::fmt::Debug;
use std::time::Duration;

use nexus_node::CallError;
use nexus_node::shard::{AgentName, Origin, Request};

use crate::guests::{Offend, Send, Visit, Write};
use crate::net::Net;

/// Longer than it takes to call a node down.
const DOWN: Duration = Duration::from_secs(15);

fn settled(nodes: usize, shards: usize) -> Net {
    let mut net = Net::with_members(nodes, shards);
    net.run_for(Duration::from_secs(10));
    net
}

/// A net in which a node has a guest with a name.
fn with_guest(nodes: usize, shards: usize, node: usize, key: &str) -> Net {
    let mut net = settled(nodes, shards);
    host(&mut net, node, key);
    net
}

fn host(net: &mut Net, node: usize, key: &str) {
    net.spawn(node, "guest", key);
    assert_eq!(net.name(node, "guest", key, true), Ok(()));
}

fn visit(net: &mut Net, node: usize, key: &str) -> Result<u64, CallError> {
    net.ask(node, "guest", key, Visit)
}

fn is_refused(answer: &Result<impl Debug, CallError>, because: &str) {
    let is_so = matches!(answer, Err(CallError::Refused { reason }) if reason.contains(because));
    assert!(is_so, "{answer:?} instead of {because}");
}

fn nobody_has(net: &mut Net, node: usize, key: &str) {
    is_refused(&visit(net, node, key), &format!("no agent has the name guest/{key}"));
}

#[test]
fn a_named_agent_answers_wherever_it_is_asked() {
    let mut net = settled(5, 4);
    for key in 0..10 {
        let (node, key) = (key % 5, key.to_string());
        host(&mut net, node, &key);
        for asker in 0..5 {
            assert_eq!(visit(&mut net, asker, &key), Ok(asker as u64 + 1));
        }
        assert_eq!(visit(&mut net, 0, &key), Ok(6));
    }
}

#[test]
fn a_name_that_nobody_has_is_refused() {
    let mut net = settled(3, 1);
    net.spawn(1, "guest", "a");
    nobody_has(&mut net, 0, "a");
    assert_eq!(net.name(1, "guest", "a", true), Ok(()));
    assert_eq!(visit(&mut net, 0, "a"), Ok(1));
    // It runs on, but is found no more, also by those who know where it was.
    assert_eq!(net.name(1, "guest", "a", false), Ok(()));
    nobody_has(&mut net, 0, "a");
    nobody_has(&mut net, 2, "a");
}

#[test]
fn of_two_nodes_that_want_one_name_the_second_is_told_who_has_it() {
    let mut net = with_guest(3, 1, 0, "a");
    assert_eq!(net.name(0, "guest", "a", true), Ok(()));
    net.spawn(1, "guest", "a");
    let taken = net.name(1, "guest", "a", true);
    is_refused(&taken, "an agent on n1 has the name guest/a");
    // Nor does it take it from the other by giving it back.
    assert_eq!(net.name(1, "guest", "a", false), Ok(()));
    assert_eq!(visit(&mut net, 1, "a"), Ok(1));
    assert_eq!(visit(&mut net, 0, "a"), Ok(2));
}

#[test]
fn names_are_for_local_kinds() {
    let mut net = settled(3, 1);
    is_refused(&net.name(0, "cart", "a", true), "without being given");
    is_refused(&net.name(0, "nobody", "a", true), "no agents of kind nobody");
    is_refused(&net.name(0, "guest", "", true), "a name has 1 to");
    is_refused(&net.name(0, "guest", &"a".repeat(1_020), true), "a name has 1 to");
}

#[test]
fn the_name_of_a_dead_node_is_free_for_others() {
    let mut net = with_guest(5, 4, 4, "a");
    assert_eq!(visit(&mut net, 0, "a"), Ok(1));
    net.kill(4);
    // Nobody knows it yet, and it may have been handled.
    assert_eq!(visit(&mut net, 0, "a"), Err(CallError::Unknown));
    net.run_for(DOWN);
    nobody_has(&mut net, 0, "a");
    host(&mut net, 1, "a");
    assert_eq!(visit(&mut net, 0, "a"), Ok(1));
}

#[test]
fn a_node_that_starts_again_takes_its_names_again() {
    let mut net = with_guest(5, 4, 4, "a");
    host(&mut net, 4, "b");
    assert_eq!(visit(&mut net, 0, "a"), Ok(1));
    net.kill(4);
    net.start(4);
    net.run_for(Duration::from_secs(5));
    host(&mut net, 4, "a");
    assert_eq!(visit(&mut net, 0, "a"), Ok(1));
    // What it does not take again is free, though the node was never called down.
    nobody_has(&mut net, 0, "b");
    host(&mut net, 2, "b");
    assert_eq!(visit(&mut net, 4, "b"), Ok(1));
}

#[test]
fn an_agent_that_is_elsewhere_now_is_found_there() {
    let mut net = with_guest(3, 1, 0, "a");
    (0..3).for_each(|node| assert!(visit(&mut net, node, "a").is_ok()));
    net.stop(0, "guest", "a");
    assert_eq!(net.name(0, "guest", "a", false), Ok(()));
    host(&mut net, 1, "a");
    for node in 0..3 {
        assert_eq!(visit(&mut net, node, "a"), Ok(node as u64 + 1));
    }
}

#[test]
fn an_agent_with_a_name_that_does_not_run_is_waited_for() {
    let mut net = settled(3, 1);
    assert_eq!(net.name(0, "guest", "a", true), Ok(()));
    assert_eq!(visit(&mut net, 1, "a"), Err(CallError::Unreachable));
    assert_eq!(visit(&mut net, 0, "a"), Err(CallError::Unreachable));
    net.spawn(0, "guest", "a");
    assert_eq!(visit(&mut net, 1, "a"), Ok(1));
}

#[test]
fn a_handler_that_panics_may_have_run_in_part() {
    let mut net = with_guest(3, 1, 0, "a");
    for node in 0..3 {
        let error = net.ask(node, "guest", "a", Offend).expect_err("it is offended");
        assert!(error.may_have_changed());
        assert!(error.to_string().contains("a guest is offended"), "{error}");
    }
}

#[test]
fn who_was_taken_for_dead_has_its_names_again_but_those_that_others_have() {
    let mut net = with_guest(5, 4, 4, "a");
    host(&mut net, 4, "b");
    assert_eq!(visit(&mut net, 0, "a"), Ok(1));
    assert_eq!(visit(&mut net, 0, "b"), Ok(1));
    net.cut_off(4, true);
    net.run_for(DOWN);
    nobody_has(&mut net, 0, "a");
    host(&mut net, 1, "b");
    net.cut_off(4, false);
    net.run_for(Duration::from_secs(30));
    assert_eq!(visit(&mut net, 0, "a"), Ok(2));
    assert_eq!(visit(&mut net, 0, "b"), Ok(1));
    assert_eq!(visit(&mut net, 4, "b"), Ok(2));
    assert_eq!(net.counts(4).names_lost, 1);
    // What it has again it can give back.
    assert_eq!(net.name(4, "guest", "a", false), Ok(()));
    nobody_has(&mut net, 0, "a");
}

#[test]
fn names_move_with_their_slots() {
    let mut net = Net::with_members(5, 16);
    net.run_for(Duration::from_secs(3));
    let keys: Vec<String> = (0..20).map(|key| key.to_string()).collect();
    keys.iter().for_each(|key| host(&mut net, 4, key));
    net.run_for(Duration::from_secs(40));
    assert_eq!(net.shards(), 16);
    for (asker, key) in keys.iter().enumerate() {
        assert_eq!(visit(&mut net, asker % 5, key), Ok(1));
    }
    net.kill(4);
    net.run_for(DOWN);
    keys.iter().for_each(|key| nobody_has(&mut net, 0, key));
}

#[test]
fn an_agent_that_asks_by_name_is_told_why_it_is_refused() {
    let mut net = with_guest(3, 1, 0, "a");
    host(&mut net, 1, "b");
    let mut send = |to: &str| net.ask(2, "guest", "a", Send(to.to_owned()));
    assert_eq!(send("b"), Ok(Ok(1)));
    let refused = "it was refused: no agent has the name guest/c; nothing changed";
    assert_eq!(send("c"), Ok(Err(refused.to_owned())));
}

#[test]
fn a_letter_to_a_local_agent_is_not_sent_again_if_the_handler_panics() {
    let mut net = with_guest(3, 1, 0, "a");
    let write = Write { to: "a".to_owned(), offends: true, visits: 1 };
    assert_eq!(net.ask(1, "sender", "s", write), Ok(()));
    net.run_for(Duration::from_secs(30));
    let dead: u64 = (0..3).map(|node| net.counts(node).dead_letters).sum();
    assert_eq!(dead, 1);
    assert_eq!(visit(&mut net, 2, "a"), Ok(2));
}

#[test]
fn a_letter_to_a_local_agent_comes_at_most_once_if_answers_are_lost() {
    let mut net = with_guest(5, 4, 4, "a");
    (net.loses_one_of, net.doubles_one_of) = (4, 2);
    let write = Write { to: "a".to_owned(), offends: false, visits: 20 };
    let request = Request { from: Origin(1), number: 1 };
    net.begin(0, AgentName::new("sender", "s"), &write, request, Duration::from_secs(60));
    net.run_for(Duration::from_secs(300));
    (net.loses_one_of, net.doubles_one_of) = (0, 0);
    net.run_for(Duration::from_secs(30));
    let visits = visit(&mut net, 0, "a").expect("it lives") - 1;
    assert!((10..=20).contains(&visits), "{visits} letters came, of 20");
}

#[test]
fn a_name_given_back_stays_free_whatever_comes_late() {
    let mut net = settled(3, 1);
    net.doubles_one_of = 1;
    for key in 0..20 {
        let key = key.to_string();
        for node in 0..2 {
            assert_eq!(net.name(node, "guest", &key, true), Ok(()));
            assert_eq!(net.name(node, "guest", &key, false), Ok(()));
            net.run_for(Duration::from_secs(2));
        }
    }
}

#[test]
fn a_name_that_came_too_late_for_who_wanted_it_is_freed_once_it_is_asked_for() {
    let mut net = settled(3, 1);
    let leader = net.leads().iter().position(|count| *count == 1).expect("somebody leads");
    let (one, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let soon = Duration::from_millis(3);
    let late = net.name_within(one, AgentName::new("guest", "a"), true, soon);
    assert_eq!(late, Err(CallError::Unknown));
    net.run_for(Duration::from_secs(1));
    nobody_has(&mut net, other, "a");
    assert_eq!(net.name(other, "guest", "a", true), Ok(()));
}
