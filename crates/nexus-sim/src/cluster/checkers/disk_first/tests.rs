//! What a member may tell of its disk, a write at a time.

use bytes::Bytes;
use nexus_cluster::raft::{Entry, Members, Payload, Snapshot};

use super::*;

const ME: NodeId = NodeId(1);
const LEADER: NodeId = NodeId(2);

/// A member whose disk is in term 1, with three entries.
fn member() -> Stable {
    let vote = Vote { term: Term(1), voted_for: None };
    Stable { vote, last: Index(3), ..Stable::default() }
}

fn empty(sequence: u64) -> Write {
    Write { sequence, vote: None, cut_from: None, entries: vec![], snapshot: None, left: None }
}

fn term(sequence: u64, term: u64) -> Write {
    Write { vote: Some(Vote { term: Term(term), voted_for: None }), ..empty(sequence) }
}

fn entry(sequence: u64, term: u64, index: u64) -> Write {
    let entry = Entry { term: Term(term), index: Index(index), payload: Payload::Empty };
    Write { entries: vec![entry], ..empty(sequence) }
}

fn in_place(sequence: u64, term: u64, index: u64) -> Write {
    Write { cut_from: Some(Index(index)), ..entry(sequence, term, index) }
}

fn snapshot(sequence: u64, term: u64, index: u64) -> Write {
    let last = (Term(term), Index(index));
    let snapshot = Snapshot { last, members: Members::default(), state: Bytes::new() };
    Write { snapshot: Some(snapshot), ..empty(sequence) }
}

fn tells(member: &Stable, term: u64, index: u64) -> bool {
    let body = Body::Appended { matched: Index(index), round: 1 };
    member.sent(ME, LEADER, &Message { term: Term(term), body }).is_ok()
}

#[test]
fn an_entry_is_told_once_it_is_on_disk() {
    let mut member = member();
    member.writing(&entry(1, 1, 4));
    assert!(tells(&member, 1, 3));
    assert!(!tells(&member, 1, 4));
    member.written(1);
    assert!(tells(&member, 1, 4));
    assert!(!tells(&member, 1, 5));
}

#[test]
fn a_leader_is_told_what_was_on_disk_for_it_though_another_has_cut_it_off() {
    let mut member = member();
    for write in [entry(1, 1, 4), entry(2, 1, 5), term(3, 2), in_place(4, 2, 4)] {
        member.writing(&write);
    }
    // Not before its write either, whatever the later term has to say about it.
    assert!(!tells(&member, 1, 4));
    member.written(1);
    assert!(tells(&member, 1, 4));
    assert!(!tells(&member, 1, 5));
    member.written(2);
    assert!(tells(&member, 1, 5));
}

#[test]
fn what_is_to_be_replaced_on_disk_is_not_what_replaces_it() {
    let mut member = member();
    for write in [entry(1, 1, 4), term(2, 2), in_place(3, 2, 4)] {
        member.writing(&write);
    }
    member.written(1);
    assert!(!tells(&member, 2, 3));
    member.written(2);
    assert!(tells(&member, 2, 3));
    assert!(!tells(&member, 2, 4));
    member.written(3);
    assert!(tells(&member, 2, 4));

    // The same within a term: what is cut off is of an earlier one, and was on disk.
    member.writing(&in_place(4, 2, 3));
    assert!(!tells(&member, 2, 3));
    member.written(4);
    assert!(tells(&member, 2, 3));
    assert!(!tells(&member, 2, 4));
}

#[test]
fn a_snapshot_in_place_of_the_log_is_told_once_it_is_on_disk() {
    let mut member = member();
    member.writing(&Write { cut_from: Some(Index(1)), ..snapshot(1, 1, 5) });
    member.writing(&entry(2, 1, 6));
    // What the disk has meanwhile is covered by the snapshot.
    assert!(tells(&member, 1, 3));
    assert!(!tells(&member, 1, 5));
    member.written(1);
    assert!(tells(&member, 1, 5));
    assert!(!tells(&member, 1, 6));
    member.written(2);
    assert!(tells(&member, 1, 6));
}

#[test]
fn a_snapshot_of_what_is_held_hides_nothing() {
    let mut member = member();
    member.writing(&snapshot(1, 1, 2));
    assert!(tells(&member, 1, 3));
    member.written(1);
    assert!(tells(&member, 1, 3));
}

#[test]
fn a_vote_is_told_once_it_is_on_disk() {
    let mut member = member();
    let vote = Vote { term: Term(2), voted_for: Some(LEADER) };
    member.writing(&Write { vote: Some(vote), ..empty(1) });
    let yes = Message { term: Term(2), body: Body::Voted { granted: true } };
    assert!(member.sent(ME, LEADER, &yes).is_err());
    member.written(1);
    assert_eq!(member.sent(ME, LEADER, &yes), Ok(()));
    assert!(member.sent(ME, NodeId(3), &yes).is_err());
}
