use std::time::Duration;

use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::lock::{Answer, Holder, Lease, Limits, Op, Token};
use nexus_cluster::shard::{Leader, ShardId};

use super::*;

fn fresh() -> ControlState {
    let map = ShardMap::new(vec![NodeId(1)]).expect("one node keeps a shard");
    ControlState::new(map, Limits { locks_max: 1, ..Limits::default() })
}

fn take(name: &str, holder: u128) -> Bytes {
    let lease = Lease::Ttl(Duration::from_secs(1));
    let op = Op::Acquire { name: name.to_owned(), holder: Holder(holder), lease, wait: false };
    lock_command(&lock::Command { at: Time::ZERO, op })
}

/// What was answered about a lock by the entry at that place.
fn locked(state: &mut ControlState, index: u64, bytes: &[u8]) -> Result<Answer, LockError> {
    match state.apply((Term(2), Index(index)), bytes) {
        Some(Controlled::Lock(_, answer)) => answer,
        _ => panic!("it is about locks"),
    }
}

#[test]
fn it_keeps_the_map_and_the_locks_and_both_come_back() {
    let mut state = fresh();
    let leader = Leader { node: NodeId(1), term: Term(1) };
    let lead =
        map_command(&shard::Command::Lead { shard: ShardId(0), leader, voters: vec![NodeId(1)] });
    assert!(matches!(state.apply((Term(2), Index(1)), &lead), Some(Controlled::Map)));
    let token = Token { term: Term(2), index: Index(2) };
    assert_eq!(locked(&mut state, 2, &take("a", 1)), Ok(Answer::Granted(token)));
    let back = ControlState::restore(&state.snapshot()).expect("it is what was stored");
    assert_eq!(back, state);
    assert_eq!(back.locks.holder("a"), Some((Holder(1), token)));
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut state = fresh();
    locked(&mut state, 1, &take("a", 1)).expect("it is free");
    let before = (state.map.clone(), state.locks.holder("a"), state.locks.ends("a"));
    assert_eq!(locked(&mut state, 2, &take("b", 2)), Err(LockError::TooManyLocks { max: 1 }));
    let long = "x".repeat(lock::NAME_BYTES_MAX + 1);
    assert_eq!(locked(&mut state, 3, &take(&long, 2)), Err(LockError::BadName { bytes: 257 }));
    assert!(matches!(locked(&mut state, 4, &take("a", 2)), Err(LockError::Held { .. })));
    assert_eq!((state.map.clone(), state.locks.holder("a"), state.locks.ends("a")), before);
}

#[test]
fn bytes_that_are_no_command_or_state_are_known_for_it() {
    let command = take("a", 1);
    let state = fresh().snapshot();
    for len in 0..command.len() {
        assert!(fresh().apply((Term(1), Index(1)), &command[..len]).is_none(), "{len}");
    }
    for format in [0, 5, 0xff] {
        let other = [&[format], &command[1..]].concat();
        assert!(fresh().apply((Term(1), Index(1)), &other).is_none());
        let other = [&[format], &state[1..]].concat();
        assert!(ControlState::restore(&other).is_none());
    }
    assert!(ControlState::restore(&[&state[..], &[0]].concat()).is_none(), "a byte too many");
    // A list that says it has as many items as there are numbers.
    assert!(ControlState::restore(&[&[STATE_FORMAT], &[0xff; 40][..]].concat()).is_none());
}
