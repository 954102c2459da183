//! Learners of a group that has something to do all the time.

use std::collections::BTreeSet;

use super::super::*;
use super::net::{Faults, Net};

const LEADER: NodeId = NodeId(1);
const LEARNER: NodeId = NodeId(2);

/// A group of one and its learner.
fn group() -> Net {
    let faults =
        Faults { delay: Duration::from_millis(2), sync: Duration::from_millis(5), ..Faults::NONE };
    let mut net = Net::new(1, 1, faults, |_| {});
    net.run(Duration::from_secs(1));
    net.add(Spec::new(LEARNER, []));
    let (voters, learners) = (BTreeSet::from([LEADER]), BTreeSet::from([LEARNER]));
    let change = |raft: &mut Raft, now| raft.change_members(now, voters, learners);
    net.call(LEADER, change).expect("it runs").expect("it leads");
    net
}

/// A millisecond in which so many commands are taken; whether the learner has caught up then.
fn millisecond(net: &mut Net, commands: usize) -> bool {
    net.run(Duration::from_millis(1));
    for _ in 0..commands {
        let propose = |raft: &mut Raft, now| raft.propose(now, Bytes::from_static(b"x"));
        net.call(LEADER, propose).expect("it runs").expect("it leads");
    }
    let asked = net.call(LEADER, |raft, _| raft.has_caught_up(LEARNER)).expect("it runs");
    let leader = net.seats[&LEADER].raft.as_ref().expect("it runs");
    let learner = net.seats[&LEARNER].raft.as_ref().expect("it runs");
    assert!(commands == 0 || learner.last() < leader.last(), "it never has all of it");
    asked
}

#[test]
fn who_follows_a_busy_leader_closely_has_caught_up() {
    let mut net = group();
    let has_it = (0..400).map(|_| millisecond(&mut net, 200)).collect::<Vec<_>>();
    assert!(!has_it[0], "it has nothing");
    assert!(has_it[100..].iter().all(|has_it| *has_it), "it is a few milliseconds behind");
    assert!(net.checker.broken.is_none(), "{:?}", net.checker.broken);
}

#[test]
fn who_is_not_heard_of_any_more_has_not() {
    let mut net = group();
    assert!((0..200).any(|_| millisecond(&mut net, 1)));
    net.cut.insert((LEARNER, LEADER));
    let has_it = (0..400).map(|_| millisecond(&mut net, 1)).collect::<Vec<_>>();
    assert!(has_it[310..].iter().all(|has_it| !has_it), "it may be dead");
    net.cut.clear();
    assert!((0..200).any(|_| millisecond(&mut net, 1)), "it lives");
}
