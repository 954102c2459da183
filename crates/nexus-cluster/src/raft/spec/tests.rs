//! Whatever a valid spec lets a member say fits a frame.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use nexus_base::{Rng, Time};

use super::*;
use crate::raft::{Body, Effect, Entry, Index, Message, Payload, Raft, Stored, Term};
use crate::wire::{Content, Envelope, encode};
use crate::{GroupId, NodeId};

/// As large as a number gets in a message.
const MOST: u64 = u64::MAX;

fn largest() -> Spec {
    Spec {
        batch_entries: ENTRIES_MAX,
        batch_bytes: BATCH_BYTES_MAX,
        proposal_bytes: PROPOSAL_BYTES_MAX,
        chunk_bytes: CHUNK_BYTES_MAX,
        flight_bytes: 64 << 20,
        uncommitted_bytes: 64 << 20,
        ..Spec::new(NodeId(1), [NodeId(1)])
    }
}

/// Bytes that LZ4 makes no smaller, though the bound is on what is not compressed.
fn noise(count: usize) -> Bytes {
    let mut rng = Rng::new(7);
    (0..count).map(|_| rng.next_u64() as u8).collect()
}

fn fits(message: Message) -> bool {
    let envelope = Envelope { group: GroupId(MOST), from: NodeId(MOST), to: NodeId(MOST) };
    encode(envelope, &Content::Raft(message)).is_ok()
}

fn append(entries: Vec<Entry>) -> Message {
    let prev = (Term(MOST), Index(MOST));
    let body = Body::Append { prev, entries, commit: Index(MOST), round: MOST };
    Message { term: Term(MOST), body }
}

fn entry(payload: Payload) -> Entry {
    Entry { term: Term(MOST), index: Index(MOST), payload }
}

fn most_members() -> Members {
    let set = |from: u64| (0..MEMBERS_MAX as u64).map(|id| NodeId(MOST - from - id)).collect();
    Members { voters: set(0), outgoing: set(100), learners: set(200) }
}

/// `payload` as often as goes into a batch, and then a command that fills it.
fn batch(payload: &Payload) -> Vec<Entry> {
    let one = entry(payload.clone());
    let count = ((BATCH_BYTES_MAX - OVERHEAD_BYTES) / one.bytes()).min(ENTRIES_MAX - 1);
    let rest = BATCH_BYTES_MAX - OVERHEAD_BYTES - count * one.bytes();
    let mut entries = vec![one; count];
    entries.push(entry(Payload::Command(noise(rest))));
    assert_eq!(entries.iter().map(Entry::bytes).sum::<usize>(), BATCH_BYTES_MAX);
    entries
}

#[test]
fn the_largest_spec_is_valid_and_one_more_is_refused() {
    assert_eq!(largest().validate(), Ok(()));
    assert_eq!(Spec::new(NodeId(1), [NodeId(1)]).validate(), Ok(()));
    let check = |name: &str, size_max: usize, one_more: fn(&mut Spec)| {
        let mut spec = largest();
        one_more(&mut spec);
        let error = spec.validate().expect_err("one more than fits").to_string();
        let start = format!("{name} must be at most {size_max}: ");
        assert!(error.starts_with(&start), "{error}");
    };
    check("batch_entries", ENTRIES_MAX, |spec| spec.batch_entries += 1);
    check("batch_bytes", BATCH_BYTES_MAX, |spec| spec.batch_bytes += 1);
    check("proposal_bytes", PROPOSAL_BYTES_MAX, |spec| spec.proposal_bytes += 1);
    check("chunk_bytes", CHUNK_BYTES_MAX, |spec| spec.chunk_bytes += 1);
}

#[test]
fn a_full_batch_fits_whatever_is_in_it() {
    let members = Payload::Members(Box::new(most_members()));
    for payload in [members, Payload::Empty, Payload::Command(noise(1_000))] {
        assert!(fits(append(batch(&payload))));
    }
    let alone = entry(Payload::Command(noise(PROPOSAL_BYTES_MAX)));
    assert!(fits(append(vec![alone])));
    // What is not allowed would not fit indeed, but for what numbers could take and do not.
    let more = entry(Payload::Command(noise(PROPOSAL_BYTES_MAX + 64)));
    assert!(!fits(append(vec![more])));
}

#[test]
fn no_entry_takes_more_in_a_message_than_it_counts_for() {
    let bytes = |entries| postcard::to_allocvec(&append(entries)).expect("it can be written").len();
    let payloads = [
        Payload::Empty,
        Payload::Command(noise(0)),
        Payload::Command(noise(PROPOSAL_BYTES_MAX)),
        Payload::Members(Box::default()),
        Payload::Members(Box::new(most_members())),
    ];
    for payload in payloads {
        let one = entry(payload);
        let counts_for = one.bytes();
        assert!(bytes(vec![one]) - bytes(Vec::new()) <= counts_for);
    }
}

#[test]
fn the_largest_part_of_a_snapshot_fits() {
    let part = |chunk_bytes| Message {
        term: Term(MOST),
        body: Body::Snapshot {
            last: (Term(MOST), Index(MOST)),
            members: most_members(),
            offset: MOST,
            chunk: noise(chunk_bytes),
            done: true,
            round: MOST,
        },
    };
    assert!(fits(part(CHUNK_BYTES_MAX)));
    assert!(!fits(part(CHUNK_BYTES_MAX + 64)));
}

/// What a member sends, with its disk done at once.
fn said(raft: &mut Raft, now: Time) -> Vec<Message> {
    let mut said = Vec::new();
    while let Some(effect) = raft.poll_effect() {
        match effect {
            Effect::Send { message, .. } => said.push(message),
            Effect::Write(write) => raft.handle_written(now, write.sequence),
            _ => {}
        }
    }
    said
}

#[test]
fn what_a_leader_with_the_largest_spec_sends_fits() {
    let (me, other) = (NodeId(1), NodeId(2));
    let now = Time::from_nanos(1_000_000_000);
    let mut raft = Raft::new(largest(), Stored::default(), Time::ZERO, Rng::new(1)).expect("valid");
    raft.handle_timeout(now);
    said(&mut raft, now);
    for bytes in [PROPOSAL_BYTES_MAX, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000] {
        raft.propose(now, noise(bytes)).expect("it leads, alone");
        said(&mut raft, now);
    }
    let learners = BTreeSet::from([other]);
    raft.change_members(now, BTreeSet::from([me]), learners).expect("nothing else is under way");
    said(&mut raft, now);
    // The new one has nothing. Its membership began with the second round.
    let round = 2;
    let term = raft.term();
    let prev = raft.last().1;
    let lacks = Body::Rejected { prev, hint: (Term(0), Index(0)), round };
    raft.handle_message(now, other, Message { term, body: lacks });
    let mut bodies = BTreeMap::new();
    for _ in 0..8 {
        for message in said(&mut raft, now) {
            if let Body::Append { prev, entries, .. } = &message.body
                && !entries.is_empty()
            {
                let matched = Index(prev.1.0 + entries.len() as u64);
                bodies.insert(matched, entries.iter().map(Entry::bytes).sum::<usize>());
                let body = Body::Appended { matched, round };
                raft.handle_message(now, other, Message { term, body });
            }
            assert!(fits(message));
        }
    }
    let largest = bodies.values().max().copied();
    assert_eq!(largest, Some(BATCH_BYTES_MAX), "{bodies:?}");
    assert!(bodies.len() >= 3 && bodies.contains_key(&raft.last().1), "{bodies:?}");
}
