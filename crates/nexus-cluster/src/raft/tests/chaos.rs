//! Groups under everything at once, with all that must hold checked after each step.

use nexus_base::Ratio;

use super::super::*;
use super::Net;
use super::net::Faults;

/// Small bounds, so that each is reached, and times by the seed.
fn tight(spec: &mut Spec, seed: u64) {
    let timeout = [60, 120, 300][(seed % 3) as usize];
    spec.election_timeout = Duration::from_millis(timeout);
    spec.heartbeat_interval = Duration::from_millis(timeout / 6);
    spec.batch_entries = 4;
    spec.flight_messages = 3;
    spec.chunk_bytes = 64;
    spec.trail_bytes = 128;
    spec.uncommitted_bytes = 4_096;
    spec.lease = !seed.is_multiple_of(5);
}

/// Each seed has its own mix; some links are slow compared with the election timeout.
fn draw_faults(rng: &mut Rng) -> Faults {
    let mut pick = |choices: [u64; 3]| choices[rng.below(3) as usize];
    Faults {
        loss: Ratio::new(pick([0, 5, 20]), 100),
        doubling: Ratio::new(pick([0, 5, 30]), 100),
        delay: Duration::from_millis(pick([1, 15, 60])),
        answer_delay: Duration::from_millis(pick([0, 0, 100])),
        sync: Duration::from_millis(pick([0, 5, 30])),
    }
}

/// One thing done to a group from outside, half of the time to whoever leads.
fn disturb(net: &mut Net, tickets: &mut u64) {
    let ids: Vec<NodeId> = net.seats.keys().copied().collect();
    let mut pick = || ids[net.rng.below(ids.len() as u64) as usize];
    let (mut id, other) = (pick(), pick());
    if net.rng.chance(Ratio::new(1, 2)) {
        id = net.leader().unwrap_or(id);
    }
    match net.rng.below(32) {
        0..10 => {
            for _ in 0..=net.rng.below(3) {
                *tickets += 1;
                let command = Bytes::from(format!("{tickets},"));
                net.call(id, |raft, now| raft.propose(now, command));
            }
        }
        10..15 => {
            *tickets += 1;
            let id = net.oldest_leader().unwrap_or(other);
            net.read(id, *tickets);
            *tickets += 1;
            net.read(other, *tickets);
        }
        15 => net.kill(id),
        16 => forget(net, id, other),
        17..20 => {
            if net.seats[&other].raft.is_none() {
                net.start(other);
            }
        }
        20 => net.isolate(id),
        // It hears the others, and they do not hear it.
        21 => net.cut.extend(ids.into_iter().map(|to| (id, to))),
        22 => drop(net.cut.insert((id, other))),
        23 | 24 => net.cut.clear(),
        25 | 26 => drop(net.call(id, |raft, now| raft.transfer(now, other))),
        27 | 28 => {
            let (index, state) = (net.seats[&other].state_index, net.seats[&other].state.clone());
            net.call(other, |raft, now| raft.compact(now, index, state.into()));
        }
        _ => {
            let split = net.rng.below(1 << ids.len());
            let votes = |id: &NodeId| split >> (id.0 - 1) & 1 == 1;
            let (voters, learners) = ids.into_iter().partition(votes);
            net.call(id, |raft, now| raft.change_members(now, voters, learners));
        }
    }
}

/// Two no longer hear each other, and the others restart again and again.
fn forget(net: &mut Net, id: NodeId, other: NodeId) {
    net.cut.extend([(id, other), (other, id)]);
    let spec = &net.seats[&id].spec;
    let (pause, until) = (spec.heartbeat_interval, net.now.after(spec.election_timeout * 2));
    let ids: Vec<NodeId> = net.seats.keys().copied().collect();
    while net.now < until && net.checker.broken.is_none() {
        for third in ids.iter().copied().filter(|it| *it != id && *it != other) {
            net.kill(third);
            net.start(third);
        }
        net.run(pause);
    }
}

/// Runs a group for a while under faults. What broke, if anything did.
fn run(seed: u64, count: u64, adjust: impl Fn(&mut Spec)) -> Result<Net, String> {
    let faults = draw_faults(&mut Rng::new(seed).fork("faults"));
    let mut net = Net::new(seed, count, faults, |spec| {
        tight(spec, seed);
        adjust(spec);
    });
    let mut tickets = 0;
    for _ in 0..600 {
        disturb(&mut net, &mut tickets);
        let pause = net.rng.below(50);
        net.run(Duration::from_millis(pause));
        if let Some(broken) = net.checker.broken.take() {
            return Err(broken);
        }
    }
    Ok(net)
}

/// After the faults a write is taken, and everybody gets it.
fn settle(net: &mut Net) -> Result<(), String> {
    net.cut.clear();
    net.faults = Faults::NONE;
    let ids: Vec<NodeId> = net.seats.keys().copied().collect();
    for id in ids.iter().copied() {
        if net.seats[&id].raft.is_none() {
            net.start(id);
        }
    }
    net.run(Duration::from_secs(5));
    let leader = net.leader().ok_or_else(|| net.describe())?;
    let voters = ids.iter().copied().collect();
    let _ = net.call(leader, |raft, now| raft.change_members(now, voters, [].into()));
    net.run(Duration::from_secs(5));
    let leader = net.leader().ok_or("nobody leads")?;
    let proposed = net.call(leader, |raft, now| raft.propose(now, Bytes::from_static(b"end")));
    proposed.ok_or("the leader is gone")?.map_err(|error| error.to_string())?;
    net.run(Duration::from_secs(2));
    if let Some(broken) = net.checker.broken.take() {
        return Err(broken);
    }
    let members = net.seats[&leader].raft.as_ref().map(|raft| raft.members().clone());
    for id in ids {
        let seat = &net.seats[&id];
        if members.as_ref().is_some_and(|members| members.contains(id))
            && !seat.state.ends_with(b"end")
        {
            return Err(format!("{id} lacks the last write: {}", net.describe()));
        }
    }
    Ok(())
}

fn check(seeds: std::ops::Range<u64>, count: u64) {
    for seed in seeds {
        let outcome = run(seed, count, |_| {}).and_then(|mut net| settle(&mut net));
        if let Err(broken) = outcome {
            panic!("seed {seed}, {count} members: {broken}");
        }
    }
}

#[test]
fn three_members_keep_their_promises() {
    check(0..100, 3);
}

#[test]
fn five_members_keep_their_promises() {
    check(100..150, 5);
}

/// The seeds each planted bug is given to be found in. Most take some hundred at most;
/// `LateTransfer` three thousand.
#[cfg(feature = "mutants")]
const SEEDS_MAX: u64 = 10_000;

#[cfg(feature = "mutants")]
#[test]
fn each_planted_bug_is_found() {
    let mut missed = Vec::new();
    for mutant in Mutant::ALL {
        let plant = |spec: &mut Spec| spec.mutant = Some(mutant);
        let found = (0..SEEDS_MAX).find_map(|seed| {
            let count = if seed % 2 == 0 { 3 } else { 5 };
            Some((seed, run(seed, count, plant).err()?))
        });
        println_found(mutant, found.as_ref());
        if found.is_none() {
            missed.push(mutant);
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[cfg(feature = "mutants")]
#[allow(clippy::disallowed_macros, reason = "who plants bugs wants to see what found them")]
fn println_found(mutant: Mutant, found: Option<&(u64, String)>) {
    if let Some((seed, broken)) = found {
        println!("{mutant:?}: seed {seed}: {broken:.150}");
    }
}
