//! Groups under everything at once, with all that must hold checked after each step.

use nexus_base::Ratio;

use super::super::*;
use super::Net;
use super::net::Faults;

const ROUGH: Faults = Faults {
    loss: Ratio::new(1, 20),
    doubling: Ratio::new(1, 20),
    delay: Duration::from_millis(40),
    sync: Duration::from_millis(20),
};

/// Small bounds, so that each is reached.
fn tight(spec: &mut Spec) {
    spec.batch_entries = 4;
    spec.flight_messages = 3;
    spec.chunk_bytes = 16;
    spec.trail_bytes = 128;
    spec.uncommitted_bytes = 4_096;
}

/// One thing done to a group from outside.
fn disturb(net: &mut Net, tickets: &mut u64) {
    let ids: Vec<NodeId> = net.seats.keys().copied().collect();
    let id = ids[net.rng.below(ids.len() as u64) as usize];
    let other = ids[net.rng.below(ids.len() as u64) as usize];
    match net.rng.below(24) {
        0..8 => {
            *tickets += 1;
            let command = Bytes::from(format!("{tickets},"));
            net.call(id, |raft, now| raft.propose(now, command));
        }
        8..12 => {
            *tickets += 1;
            net.read(id, *tickets);
        }
        12 => net.kill(id),
        13..16 => {
            if net.seats[&id].raft.is_none() {
                net.start(id);
            }
        }
        16 => net.isolate(id),
        17 => drop(net.cut.insert((id, other))),
        18 | 19 => net.cut.clear(),
        20 => drop(net.call(id, |raft, now| raft.transfer(now, other))),
        21 | 22 => {
            let (index, state) = (net.seats[&id].state_index, net.seats[&id].state.clone());
            net.call(id, |raft, now| raft.compact(now, index, state.into()));
        }
        _ => {
            let voters = ids.iter().copied().filter(|id| *id != other).collect();
            net.call(id, |raft, now| raft.change_members(now, voters, [other].into()));
        }
    }
}

/// Runs a group for a while under faults, then without. What broke, if anything did.
fn run(seed: u64, count: u64, adjust: impl Fn(&mut Spec)) -> Result<Net, String> {
    let mut net = Net::new(seed, count, ROUGH, |spec| {
        tight(spec);
        adjust(spec);
    });
    let mut tickets = 0;
    for _ in 0..400 {
        disturb(&mut net, &mut tickets);
        let pause = net.rng.below(60);
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
    let leader = net.leader().ok_or("nobody leads")?;
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
            return Err(format!("{id} lacks the last write: {:?}", seat.raft));
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
