//! Loss, halves, damage, doubles, stalls.

use std::time::Duration;

use nexus_base::Ratio;
use nexus_cluster::membership::{Effect, Membership, Standing};

use crate::network::{Network, never};
use crate::{JOIN_PAUSE, cluster, figure, finish, say};

/// Has a fault last, ends it, and waits for all to see all again.
fn check(
    mut network: Network,
    lasts: u64,
    heal_limit: u64,
    begin: impl FnOnce(&mut Network),
    end: impl FnOnce(&mut Network),
) -> Network {
    network.accuracy.disturb();
    begin(&mut network);
    network.run_for(Duration::from_secs(lasts));
    end(&mut network);
    network.accuracy.quiet(network.now);
    let limit = Duration::from_secs(heal_limit);
    let took = network.run_until(limit, "all see all again", Network::all_see_all);
    figure(&format!("{} nodes: end of fault to full view", network.nodes.len()), took);
    network
}

fn halves(network: &mut Network) {
    let count = network.nodes.len();
    for index in 0..count {
        network.side[index] = u8::from(index * 2 >= count);
    }
}

fn whole(network: &mut Network) {
    network.side.fill(0);
}

#[test]
fn with_a_fifth_lost_nobody_stays_down() {
    let lose = |network: &mut Network| network.loss = Ratio::new(1, 5);
    let keep = |network: &mut Network| network.loss = never();
    let network = check(cluster(3, 30, JOIN_PAUSE), 600, 30, lose, keep);
    let rejoins: u64 = network.running().map(|(_, node)| node.counts().rejoins).sum();
    let mistakes = network.accuracy.false_down_count();
    say(&format!("30 nodes, a fifth lost, ten minutes: {rejoins} rejoins, {mistakes} mistakes"));
    // Each false down is seen by all the others before the node is back.
    assert!(rejoins <= 10 && mistakes <= 300, "{rejoins} rejoins, {mistakes} mistakes");
    finish(network);
}

#[test]
fn halves_grow_together_again() {
    for count in [2, 3, 10, 100] {
        let network = check(cluster(4, count, JOIN_PAUSE), 60, 60, halves, whole);
        finish(network);
    }
}

#[test]
fn one_that_lost_everybody_asks_its_seeds() {
    let alone = |network: &mut Network| network.side[2] = 1;
    let network = check(cluster(5, 3, JOIN_PAUSE), 40, 30, alone, whole);
    assert!(network.running().all(|(_, node)| node.standing() == Standing::Joined));
    finish(network);
}

#[test]
fn damage_and_doubles_change_nothing() {
    let network = check(
        cluster(6, 20, JOIN_PAUSE),
        120,
        30,
        |network| (network.damage, network.doubling) = (Ratio::new(1, 50), Ratio::new(1, 10)),
        |network| (network.damage, network.doubling) = (never(), never()),
    );
    let damaged: u64 = network.running().map(|(_, node)| node.counts().damaged).sum();
    assert!(damaged > 20, "{damaged} were found to be damaged");
    assert_eq!(network.accuracy.false_down_count(), 0);
    finish(network);
}

/// Sixty seconds without the processor; the others have called it down by then.
#[test]
fn a_node_that_slept_blames_itself() {
    let mut network = cluster(9, 5, JOIN_PAUSE);
    network.accuracy.disturb();
    network.asleep[2] = true;
    network.run_for(Duration::from_secs(60));
    network.told.iter_mut().for_each(Vec::clear);
    network.asleep[2] = false;
    network.accuracy.quiet(network.now);
    network.act(2, Membership::handle_timeout);
    network.run_until(Duration::from_secs(20), "it is back", Network::all_see_all);
    network.run_for(Duration::from_secs(20));
    let blames = |effect: &&Effect| matches!(effect, Effect::Suspect(_) | Effect::Down(_));
    let blamed: Vec<_> = network.told.iter().flatten().filter(blames).collect();
    assert!(blamed.is_empty(), "{blamed:?}");
    let slept = network.nodes[2].as_ref().expect("it runs").counts();
    assert_eq!((slept.stalls, slept.rejoins), (1, 1));
    finish(network);
}

/// It suspects one, and sleeps through the answer that clears it.
#[test]
fn a_suspicion_does_not_run_out_in_ones_sleep() {
    for seed in 20..32 {
        let mut network = cluster(seed, 5, JOIN_PAUSE);
        network.accuracy.disturb();
        network.side[3] = 1;
        let suspects = |network: &Network| {
            let suspect = |effect: &Effect| matches!(effect, Effect::Suspect(_));
            network.told[2].iter().any(suspect)
        };
        network.run_until(Duration::from_secs(20), "it suspects", suspects);
        network.asleep[2] = true;
        network.side[3] = 0;
        network.run_for(Duration::from_secs(30));
        network.told[2].clear();
        network.asleep[2] = false;
        network.accuracy.quiet(network.now);
        network.act(2, Membership::handle_timeout);
        network.run_until(Duration::from_secs(20), "it is back", Network::all_see_all);
        let downs = network.told[2].iter().filter(|effect| matches!(effect, Effect::Down(_)));
        assert_eq!(downs.count(), 0, "seed {seed}");
        finish(network);
    }
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let run = |seed| {
        let lose = |network: &mut Network| network.loss = Ratio::new(1, 10);
        let keep = |network: &mut Network| network.loss = never();
        let mut network = check(cluster(seed, 20, JOIN_PAUSE), 60, 30, lose, keep);
        network.kill(5);
        network.run_for(Duration::from_secs(20));
        (network.trace(), network.sent_count)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
