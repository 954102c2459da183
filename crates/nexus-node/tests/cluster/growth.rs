//! Clusters that grow and lose nodes: who keeps the shards then.

use std::time::Duration;

use nexus_node::{CallError, words};

use crate::carts::{Add, Total};
use crate::net::Net;

/// Longer than a silent node takes to be called down, and its shards to be kept elsewhere.
const REPLACED: Duration = Duration::from_secs(60);

const CARTS: u64 = 12;

fn fill(net: &mut Net, node: usize) {
    for key in 0..CARTS {
        assert_eq!(net.ask(node, "cart", &key.to_string(), Add(key)), Ok(key));
    }
}

fn check(net: &mut Net, node: usize) {
    for key in 0..CARTS {
        assert_eq!(net.ask(node, "cart", &key.to_string(), Total), Ok(key), "cart {key}");
    }
}

#[test]
fn two_nodes_are_not_less_available_than_one() {
    let mut net = Net::growing(3, 1, 4);
    net.run_for(Duration::from_secs(5));
    fill(&mut net, 0);
    net.start(1);
    net.run_for(Duration::from_secs(10));
    net.kill(1);
    check(&mut net, 0);
    assert_eq!(net.ask(0, "cart", "more", Add(1)), Ok(1), "the second node is not needed");
    assert_eq!(net.voters(), vec![vec![0]; 4]);
}

#[test]
fn of_three_nodes_that_have_come_one_by_one_any_may_be_lost() {
    for lost in 0..3 {
        let mut net = Net::growing(3, 1, 4);
        net.run_for(Duration::from_secs(5));
        fill(&mut net, 0);
        for node in 1..3 {
            net.start(node);
            net.run_for(Duration::from_secs(10));
        }
        assert_eq!(net.voters(), vec![vec![0, 1, 2]; 4]);
        net.kill(lost);
        net.run_for(Duration::from_secs(2));
        check(&mut net, (lost + 1) % 3);
    }
}

#[test]
fn two_that_begin_a_cluster_are_one_who_decides_and_one_who_listens() {
    let mut net = Net::growing(2, 2, 2);
    net.run_for(Duration::from_secs(5));
    fill(&mut net, 1);
    assert_eq!(net.voters(), vec![vec![0]; 2]);
    net.kill(1);
    check(&mut net, 0);
}

#[test]
fn new_members_that_never_catch_up_do_not_hold_a_group_up() {
    let mut net = Net::growing(3, 1, 4);
    net.run_for(Duration::from_secs(5));
    fill(&mut net, 0);
    (1..3).for_each(|node| net.deafen(node, true));
    (1..3).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(10));
    assert_eq!(net.kept_on(), vec![vec![0, 1, 2]; 4], "the map names them");
    check(&mut net, 0);
    assert_eq!(net.ask(0, "cart", "more", Add(1)), Ok(1));
    assert_eq!(net.voters(), vec![vec![0]; 4], "and none of them votes");
    (1..3).for_each(|node| net.deafen(node, false));
    net.run_for(Duration::from_secs(5));
    assert_eq!(net.voters(), vec![vec![0, 1, 2]; 4], "until they have caught up");
    check(&mut net, 1);
}

#[test]
fn of_three_of_which_one_leaves_for_good_one_votes_and_one_listens() {
    for leaves in 0..3 {
        let mut net = Net::growing(3, 3, 1);
        net.run_for(Duration::from_secs(10));
        fill(&mut net, 0);
        net.leave(leaves);
        net.run_for(Duration::from_secs(15));
        let stay: Vec<usize> = (0..3).filter(|node| *node != leaves).collect();
        assert_eq!(net.kept_on().concat(), stay);
        let voters = net.voters().concat();
        assert!(voters.len() == 1 && stay.contains(&voters[0]), "{voters:?} of {stay:?}");
        assert_eq!(net.keeps(leaves), Vec::<usize>::new(), "it may be thrown away");
        net.kill(leaves);
        check(&mut net, voters[0]);
        let listens = stay.into_iter().find(|node| *node != voters[0]).expect("two stay");
        net.kill(listens);
        assert_eq!(net.ask(voters[0], "cart", "more", Add(1)), Ok(1), "it only listens");
        net.start(listens);
        net.start(leaves);
        net.run_for(Duration::from_secs(20));
        assert_eq!(net.voters(), [vec![0, 1, 2]], "a third has come");
        check(&mut net, leaves);
    }
}

#[test]
fn the_only_one_who_votes_may_leave_once_another_has_come() {
    let mut net = Net::growing(2, 1, 2);
    net.run_for(Duration::from_secs(5));
    fill(&mut net, 0);
    net.start(1);
    net.run_for(Duration::from_secs(10));
    assert_eq!(net.voters(), vec![vec![0]; 2]);
    net.leave(0);
    net.run_for(Duration::from_secs(15));
    assert_eq!(net.voters(), vec![vec![1]; 2]);
    assert_eq!((net.keeps(0), net.steward()), (Vec::new(), 1), "it may be thrown away");
    net.kill(0);
    check(&mut net, 1);
    assert_eq!(net.ask(1, "cart", "more", Add(1)), Ok(1));
}

#[test]
fn who_is_silent_keeps_its_place_until_another_takes_it() {
    let mut net = Net::growing(4, 3, 2);
    net.run_for(Duration::from_secs(10));
    fill(&mut net, 0);
    net.kill(2);
    net.run_for(2 * REPLACED);
    assert_eq!((net.kept_on(), net.voters()), (vec![vec![0, 1, 2]; 2], vec![vec![0, 1, 2]; 2]));
    check(&mut net, 1);
    net.start(3);
    net.run_for(Duration::from_secs(20));
    assert_eq!((net.kept_on(), net.voters()), (vec![vec![0, 1, 3]; 2], vec![vec![0, 1, 3]; 2]));
    check(&mut net, 3);
}

#[test]
fn nobody_is_wished_to_lead_who_only_listens() {
    let mut net = Net::growing(4, 3, 8);
    net.run_for(Duration::from_secs(10));
    net.deafen(3, true);
    net.start(3);
    net.run_for(Duration::from_secs(10));
    assert!(net.kept_on().iter().any(|on| on.contains(&3)), "the map names it");
    net.said = Some(Vec::new());
    net.run_for(Duration::from_secs(5));
    let said = net.said.take().expect("it was listened to");
    let wishes = said.iter().map(|(_, _, content)| words(content));
    let wishes: Vec<String> = wishes.filter(|words| words.starts_with("Yield")).collect();
    assert_eq!(wishes, Vec::<String>::new());
    net.deafen(3, false);
    net.run_for(Duration::from_secs(40));
    assert_eq!(net.leads()[3], 2, "it votes by now: {:?}", net.leads());
}

#[test]
fn those_who_kept_a_shard_go_on_until_the_others_have_caught_up() {
    let mut net = Net::growing(6, 3, 8);
    net.run_for(Duration::from_secs(10));
    fill(&mut net, 0);
    (3..6).for_each(|node| net.deafen(node, true));
    (3..6).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(15));
    assert!(net.kept_on().iter().any(|on| on.iter().filter(|node| **node > 2).count() > 1));
    assert_eq!(net.voters(), vec![vec![0, 1, 2]; 8]);
    // With the new ones as voters, many a group would lack a majority now.
    net.kill(2);
    net.run_for(Duration::from_secs(2));
    check(&mut net, 0);
    let more = |net: &mut Net, key: u64| net.ask(1, "cart", &format!("more {key}"), Add(1));
    let done: Vec<Result<u64, CallError>> = (0..CARTS).map(|key| more(&mut net, key)).collect();
    assert_eq!(done, vec![Ok(1); CARTS as usize]);
    assert_eq!(net.given_up(), 0, "they are needed");
    net.start(2);
    (3..6).for_each(|node| net.deafen(node, false));
    net.run_for(REPLACED);
    assert_eq!(net.voters(), net.kept_on(), "the map is followed");
    check(&mut net, 4);
}

#[test]
fn who_keeps_a_shard_no_more_gives_up_its_files() {
    let mut net = Net::growing(6, 3, 8);
    net.run_for(Duration::from_secs(10));
    fill(&mut net, 0);
    (3..6).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(30));
    assert!(net.given_up() >= 8, "{} of 24", net.given_up());
    let is_kept = |net: &Net| {
        let kept_on = net.kept_on();
        for node in 0..6 {
            let kept = (0..8).filter(|shard| kept_on[*shard].contains(&node)).collect::<Vec<_>>();
            assert_eq!(net.keeps(node), kept, "node {node}");
        }
    };
    is_kept(&net);
    // Nor is it on any disk.
    (0..6).for_each(|node| net.kill(node));
    (0..6).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(2));
    is_kept(&net);
    net.run_for(Duration::from_secs(5));
    check(&mut net, 5);
}

#[test]
fn who_gave_its_files_up_is_of_use_when_it_comes_back() {
    let mut net = Net::growing(6, 3, 8);
    net.run_for(Duration::from_secs(10));
    fill(&mut net, 0);
    for round in 0..3 {
        (3..6).for_each(|node| net.start(node));
        net.run_for(Duration::from_secs(30));
        assert_eq!(net.voters(), net.kept_on(), "round {round}");
        // One by one, since a majority of some shards is here.
        for node in 3..6 {
            net.kill(node);
            net.run_for(REPLACED);
        }
        assert_eq!(net.voters(), vec![vec![0, 1, 2]; 8], "round {round}");
        check(&mut net, 1);
    }
    net.kill(0);
    net.run_for(Duration::from_secs(3));
    check(&mut net, 1);
}
