//! Leaving, restarts, two processes that are one node, metadata.

use std::time::Duration;

use nexus_cluster::membership::{Conflict, Effect, MemberState, Membership, Metadata, Standing};

use crate::network::{Network, address, id};
use crate::{JOIN_PAUSE, cluster, finish};

fn tell_none(network: &mut Network) {
    network.told.iter_mut().for_each(Vec::clear);
}

fn conflicts(network: &Network, index: usize) -> Vec<Conflict> {
    let told = network.told[index].iter();
    told.filter_map(|effect| match effect {
        Effect::Conflict(conflict) => Some(*conflict),
        _ => None,
    })
    .collect()
}

#[test]
fn who_leaves_has_left_and_is_not_down() {
    let mut network = cluster(1, 10, JOIN_PAUSE);
    tell_none(&mut network);
    network.act(4, Membership::leave);
    network.run_for(Duration::from_secs(5));
    network.kill(4);
    for (index, node) in network.running() {
        let state = node.member(id(4)).map(|member| member.state());
        assert_eq!(state, Some(MemberState::Left), "as node {index} sees it");
        let told: Vec<_> = network.told[index].iter().collect();
        assert!(matches!(told[..], [Effect::Left(_)]), "node {index} was told {told:?}");
    }
    finish(network);
}

#[test]
fn a_restarted_node_takes_its_place_again_at_once() {
    let mut network = cluster(2, 10, JOIN_PAUSE);
    network.kill(4);
    network.start(4, 2);
    network.run_until(Duration::from_secs(8), "all know the new process", |network| {
        let knows = |node: &Membership| node.member(id(4)).is_none_or(|it| it.life().start == 2);
        network.all_see_all() && network.running().all(|(_, node)| knows(node))
    });
    assert_eq!(network.nodes[4].as_ref().map(Membership::standing), Some(Standing::Joined));
    finish(network);
}

#[test]
fn of_two_processes_that_are_one_node_the_later_stays() {
    let mut network = cluster(3, 8, JOIN_PAUSE);
    tell_none(&mut network);
    // Node 8 is a process that says it is node 4, and was started later.
    let place = network.add();
    network.nodes[place] = Some(network.process(id(4), place, 2));
    network.act(place, |node, now| node.join(now, &[address(0)]));
    network.run_until(Duration::from_secs(30), "the earlier one stops", |network| {
        network.nodes[4].as_ref().is_some_and(|node| node.standing() == Standing::Replaced)
    });
    let later = network.nodes[place].as_ref().expect("it runs");
    assert_eq!(later.standing(), Standing::Joined);
    let [conflict] = conflicts(&network, 4)[..] else { panic!("it is told so once") };
    assert_eq!((conflict.kept, conflict.refused.start), (later.life(), 1));
    let reports: usize = (0..8).map(|index| conflicts(&network, index).len()).sum();
    assert!(reports >= 2, "one more at least has noticed");
}

#[test]
fn equal_starts_are_told_apart_and_one_wins_everywhere() {
    let mut network = cluster(4, 8, JOIN_PAUSE);
    let place = network.add();
    network.nodes[place] = Some(network.process(id(4), place, 1));
    network.act(place, |node, now| node.join(now, &[address(0)]));
    network.run_for(Duration::from_secs(40));
    let [one, two] = [4, place].map(|index| network.nodes[index].as_ref().expect("it runs"));
    let (kept, refused) = if one.life() > two.life() { (one, two) } else { (two, one) };
    assert_eq!((kept.standing(), refused.standing()), (Standing::Joined, Standing::Replaced));
    for (index, node) in network.running().filter(|(index, _)| ![4, place].contains(index)) {
        let seen = node.member(id(4)).map(|member| member.life());
        assert_eq!(seen.map(|life| life.birth), Some(kept.life().birth), "node {index}");
    }
}

#[test]
fn what_a_node_tells_of_itself_reaches_all() {
    let mut network = cluster(5, 10, JOIN_PAUSE);
    tell_none(&mut network);
    let news = Metadata { version: 8, capabilities: [("zone".into(), "b".into())].into() };
    network.act(3, |node, now| node.set_metadata(now, &news).expect("short enough"));
    network.run_until(Duration::from_secs(8), "all have heard", |network| {
        let others = network.running().filter(|(index, _)| *index != 3);
        others
            .into_iter()
            .all(|(_, node)| node.member(id(3)).is_some_and(|member| member.metadata() == news))
    });
    let was_down = |effect: &Effect| matches!(effect, Effect::Down(_) | Effect::Left(_));
    assert!(!network.told.iter().flatten().any(was_down), "nobody took it for down meanwhile");
    finish(network);
}
