//! Who keeps the map and the locks: a group that grows with the cluster, and outlives each of
//! its nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use nexus_agent::{Claim, LockVerb};
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::{Plan, ShardId, SlotSet};

use crate::carts::{Add, Total};
use crate::net::Net;

/// For a node that has come to vote.
const JOINED: Duration = Duration::from_secs(10);

/// Longer than a silent node takes to be called down, and to be replaced.
const REPLACED: Duration = Duration::from_secs(60);

fn numbers(nodes: impl Iterator<Item = nexus_cluster::NodeId>) -> Vec<usize> {
    nodes.map(|node| node.0 as usize - 1).collect()
}

/// Who votes about the map and who listens, as its leader has it.
fn keepers(net: &Net) -> (Vec<usize>, Vec<usize>) {
    let members = &net.control()[&net.steward()];
    assert!(!members.is_joint(), "{members:?} is on its way");
    (numbers(members.voters.iter().copied()), numbers(members.learners.iter().copied()))
}

fn voters(net: &Net) -> Vec<usize> {
    keepers(net).0
}

/// Lets time pass, and looks all the while that nobody decides who must not, and that nobody
/// forgets what it knows.
fn run_watched(net: &mut Net, time: Duration) {
    let until = net.now().after(time);
    let mut versions = vec![0; net.len()];
    while net.now() < until {
        net.run_for(Duration::from_millis(20));
        let stewards: Vec<usize> =
            net.stewards().into_iter().filter(|node| net.answers(*node)).collect();
        assert!(stewards.len() <= 1, "{stewards:?} lead at the same time");
        for node in (0..net.len()).filter(|node| net.is_up(*node)) {
            let before = std::mem::replace(&mut versions[node], net.map_version(node));
            assert!(before <= versions[node], "node {node} has forgotten map {before}");
        }
        for (node, members) in net.control() {
            for voters in [&members.voters, &members.outgoing] {
                let odd = voters.is_empty() || voters.len() % 2 == 1;
                assert!(odd && voters.len() <= 5, "node {node} has it that {members:?} decide");
            }
        }
    }
}

fn start(net: &mut Net, nodes: std::ops::Range<usize>) {
    for node in nodes {
        net.start(node);
        run_watched(net, JOINED);
    }
}

/// A cluster that one node began, and others have joined one by one.
fn grown(nodes: usize, of: usize) -> Net {
    let mut net = Net::growing(of, 1, 4);
    run_watched(&mut net, Duration::from_secs(5));
    start(&mut net, 1..nodes);
    net
}

/// The map can be changed, a lock be taken, and agents answer.
fn check_writable(net: &mut Net, round: u64) {
    let steward = net.steward();
    let before = net.map_version(steward);
    let take = LockVerb::Take {
        name: format!("lock {round}"),
        claim: Claim(round.into()),
        ttl: Duration::from_secs(2),
    };
    let up: Vec<usize> = (0..net.len()).filter(|node| net.answers(*node)).collect();
    let asked = up[round as usize % up.len()];
    let held = net.lock(asked, take).expect("it is free").expect("it is held");
    assert_eq!(held.claim, Claim(round.into()));
    let slots = SlotSet::range(Slot::new(0).expect("a slot"), Slot::new(9).expect("a slot"));
    // To the other one, whoever has them.
    for (from, to) in [(ShardId(0), ShardId(1)), (ShardId(1), ShardId(0))] {
        net.plan(&Plan::Move { from, to, slots: slots.clone() });
    }
    run_watched(net, Duration::from_secs(3));
    assert!(net.map_version(net.steward()) > before, "the map has changed");
    let key = format!("round {round}");
    assert_eq!(net.ask(asked, "cart", &key, Add(round)), Ok(round));
    assert_eq!(net.ask(up[0], "cart", &key, Total), Ok(round));
}

#[test]
fn a_group_of_one_grows_to_three_and_to_five_and_no_further() {
    let mut net = Net::growing(7, 1, 4);
    run_watched(&mut net, Duration::from_secs(5));
    assert_eq!(keepers(&net), (vec![0], vec![]));
    let grown = [
        (vec![0], vec![1]),
        (vec![0, 1, 2], vec![]),
        (vec![0, 1, 2], vec![3]),
        (vec![0, 1, 2, 3, 4], vec![]),
        (vec![0, 1, 2, 3, 4], vec![]),
        (vec![0, 1, 2, 3, 4], vec![]),
    ];
    for (node, expected) in (1..7).zip(grown) {
        start(&mut net, node..node + 1);
        assert_eq!(keepers(&net), expected, "after node {node}");
    }
    check_writable(&mut net, 1);
    assert_eq!(net.control().len(), 5, "nobody else keeps it");
}

#[test]
fn all_who_come_at_once_vote_at_once() {
    let mut net = Net::growing(5, 1, 4);
    (1..5).for_each(|node| net.start(node));
    run_watched(&mut net, Duration::from_secs(20));
    assert_eq!(voters(&net), [0, 1, 2, 3, 4]);
}

#[test]
fn the_second_node_may_go_and_the_map_be_changed() {
    let mut net = grown(2, 3);
    net.kill(1);
    check_writable(&mut net, 1);
}

#[test]
fn founders_that_die_one_after_another_are_replaced_and_the_map_can_be_changed_all_the_while() {
    let mut net = Net::growing(8, 3, 4);
    run_watched(&mut net, JOINED);
    start(&mut net, 3..8);
    assert_eq!(voters(&net), [0, 1, 2, 3, 4]);
    for founder in 0..3 {
        net.kill(founder);
        run_watched(&mut net, Duration::from_secs(3));
        check_writable(&mut net, 2 * founder as u64);
        assert!(voters(&net).contains(&founder), "it may come back");
        run_watched(&mut net, REPLACED);
        assert!(!voters(&net).contains(&founder), "it does not");
        check_writable(&mut net, 2 * founder as u64 + 1);
    }
    assert_eq!(voters(&net), [3, 4, 5, 6, 7]);
    // A majority of those who vote now is enough, whoever they are.
    net.kill(3);
    net.kill(4);
    run_watched(&mut net, Duration::from_secs(3));
    check_writable(&mut net, 6);
}

#[test]
fn who_was_away_while_all_whom_it_knew_were_replaced_finds_the_map_and_disturbs_nobody() {
    let mut net = Net::growing(10, 3, 4);
    run_watched(&mut net, JOINED);
    start(&mut net, 3..10);
    net.seeds = vec![9];
    for gone in 0..5 {
        net.kill(gone);
        run_watched(&mut net, REPLACED);
    }
    assert_eq!(voters(&net), [5, 6, 7, 8, 9]);
    let (steward, version) = (net.steward(), net.map_version(9));
    net.start(0);
    run_watched(&mut net, JOINED);
    assert_eq!((net.steward(), net.stewards().len()), (steward, 1), "nobody else was elected");
    assert!(net.map_version(0) >= version);
    assert_eq!(net.control().keys().copied().collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
    let take =
        LockVerb::Take { name: "x".to_owned(), claim: Claim(9), ttl: Duration::from_secs(2) };
    assert!(net.lock(0, take).is_ok(), "it finds who leads");
    check_writable(&mut net, 1);
    // It is as good as any other when somebody is to be replaced.
    net.kill(5);
    run_watched(&mut net, REPLACED);
    assert_eq!(voters(&net), [0, 6, 7, 8, 9]);
    check_writable(&mut net, 2);
}

#[test]
fn all_nodes_restart_and_go_on_as_they_were() {
    let mut net = Net::growing(8, 1, 4);
    run_watched(&mut net, Duration::from_secs(5));
    start(&mut net, 1..8);
    net.keep_map(&[2, 3, 4, 5, 6]);
    run_watched(&mut net, JOINED);
    for round in 0..3 {
        (0..8).for_each(|node| net.kill(node));
        (0..8).for_each(|node| net.start(node));
        run_watched(&mut net, JOINED);
        assert_eq!(voters(&net), [2, 3, 4, 5, 6]);
        assert_eq!(net.control().len(), 5, "the one who began it does not begin another");
        check_writable(&mut net, round);
        let version = net.map_version(net.steward());
        assert_eq!(net.map_version(7), version, "who does not keep the map is told of it");
    }
    // None of those who go on is known to the founders' list.
    net.seeds = vec![7];
    (0..8).for_each(|node| net.kill(node));
    (2..8).for_each(|node| net.start(node));
    run_watched(&mut net, JOINED);
    check_writable(&mut net, 3);
    assert_eq!(net.map_version(7), net.map_version(net.steward()));
}

#[test]
fn who_is_asked_to_keep_the_map_no_more_gives_up_its_files_and_may_come_back() {
    let mut net = grown(7, 7);
    for round in 0..3 {
        net.keep_map(&[2, 3, 4, 5, 6]);
        run_watched(&mut net, JOINED);
        assert_eq!(net.control().keys().copied().collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        check_writable(&mut net, round);
        net.keep_map(&[0, 1, 2, 3, 4]);
        run_watched(&mut net, JOINED);
        assert_eq!(net.control().keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(voters(&net), [0, 1, 2, 3, 4]);
    }
    // Both halves of the majority have forgotten, and learnt again.
    net.kill(2);
    net.kill(3);
    run_watched(&mut net, Duration::from_secs(3));
    check_writable(&mut net, 3);
}

#[test]
fn a_cluster_that_shrinks_is_kept_by_three_and_not_by_two() {
    let mut net = grown(5, 5);
    for gone in [4, 3] {
        net.kill(gone);
        run_watched(&mut net, REPLACED);
    }
    assert_eq!(voters(&net), [0, 1, 2]);
    net.kill(2);
    run_watched(&mut net, REPLACED);
    assert_eq!(voters(&net), [0, 1, 2], "of whom two live, until a third comes");
    check_writable(&mut net, 1);
    net.start(4);
    run_watched(&mut net, JOINED);
    assert_eq!(voters(&net), [0, 1, 4]);
}

#[test]
fn who_was_cut_off_leads_nobody_when_it_is_back() {
    let mut net = grown(3, 4);
    let steward = net.steward();
    net.start(3);
    run_watched(&mut net, JOINED);
    net.cut_off(steward, true);
    run_watched(&mut net, REPLACED);
    let others: BTreeSet<usize> = (0..4).filter(|node| *node != steward).collect();
    assert_eq!(voters(&net), others.iter().copied().collect::<Vec<_>>());
    assert_eq!(net.stewards().len(), 1);
    check_writable(&mut net, 1);
    net.cut_off(steward, false);
    run_watched(&mut net, JOINED);
    assert_eq!(keepers(&net), (others.into_iter().collect(), vec![steward]));
    check_writable(&mut net, 2);
}

#[test]
fn a_founder_that_starts_when_it_has_been_replaced_begins_no_second_group() {
    let mut net = Net::growing(4, 3, 4);
    // As if it had never been started.
    net.kill(2);
    net.wipe(2);
    run_watched(&mut net, JOINED);
    net.start(3);
    run_watched(&mut net, REPLACED);
    assert_eq!(voters(&net), [0, 1, 3]);
    check_writable(&mut net, 1);
    let steward = net.steward();
    net.start(2);
    run_watched(&mut net, JOINED);
    assert_eq!((net.steward(), net.stewards().len()), (steward, 1));
    assert_eq!(keepers(&net), (vec![0, 1, 3], vec![2]));
    check_writable(&mut net, 2);
}

#[test]
fn a_newcomer_that_hears_of_nobody_begins_nothing() {
    let mut net = Net::growing(2, 1, 4);
    run_watched(&mut net, Duration::from_secs(5));
    net.start(1);
    net.cut_off(1, true);
    run_watched(&mut net, REPLACED);
    assert_eq!(net.control().keys().copied().collect::<Vec<_>>(), [0]);
    net.cut_off(1, false);
    run_watched(&mut net, REPLACED);
    assert_eq!(keepers(&net), (vec![0], vec![1]));
}

#[test]
fn who_never_catches_up_does_not_vote_and_keeps_nobody_waiting() {
    let mut net = Net::growing(5, 1, 4);
    run_watched(&mut net, Duration::from_secs(5));
    (1..3).for_each(|node| net.deafen(node, true));
    start(&mut net, 1..3);
    assert_eq!(keepers(&net), (vec![0], vec![1, 2]));
    check_writable(&mut net, 0);
    // Three of five are enough for three.
    start(&mut net, 3..5);
    assert_eq!(keepers(&net), (vec![0, 3, 4], vec![1, 2]));
    (1..3).for_each(|node| net.deafen(node, false));
    run_watched(&mut net, JOINED);
    assert_eq!(voters(&net), [0, 1, 2, 3, 4]);
    check_writable(&mut net, 5);
}

#[test]
fn whoever_leaves_is_replaced_at_once_and_may_be_stopped() {
    for nodes in [2, 3, 4, 6] {
        let mut net = grown(nodes, nodes);
        let steward = net.steward();
        net.leave(steward);
        run_watched(&mut net, Duration::from_secs(20));
        let kept: Vec<usize> = (0..nodes).filter(|node| *node != steward).take(5).collect();
        let (mut on, listens) = keepers(&net);
        on.extend(listens);
        on.sort_unstable();
        assert_eq!(on, kept, "of {nodes}");
        assert_eq!(net.control().keys().copied().collect::<Vec<_>>(), kept, "of {nodes}");
        net.kill(steward);
        check_writable(&mut net, 1);
    }
}
