//! Messages that no member would send.

use super::super::*;
use super::net::{Faults, Net};
use super::script::Play;

const TWO: NodeId = NodeId(2);

/// A follower of member 2 in term 1 that has three entries, of which two are committed.
fn follower() -> Play {
    let mut play = Play::new(3, |_| {});
    for line in ["stand 2", "propose a", "run 20"] {
        play.line(line);
    }
    play
}

/// Hands member 1 a message; what it counted, and that its log is as before.
fn check(from: NodeId, term: u64, body: Body, counted: fn(&Counts) -> u64) {
    let mut play = follower();
    let raft = |play: &Play| -> (Index, (Term, Index), Counts) {
        let raft = play.net.seats[&NodeId(1)].raft.as_ref().expect("it runs");
        (raft.commit(), raft.last(), raft.counts())
    };
    let (commit, last, counts) = raft(&play);
    let message = Message { term: Term(term), body };
    play.net.call(NodeId(1), |raft, now| raft.handle_message(now, from, message));
    let (commit_after, last_after, counts_after) = raft(&play);
    assert_eq!((commit, last), (commit_after, last_after));
    assert_eq!(counted(&counts_after), counted(&counts) + 1, "{counts_after:?}");
    play.line("run 200");
    assert_eq!(play.net.checker.broken, None);
}

fn entry(term: u64, index: u64) -> Entry {
    Entry { term: Term(term), index: Index(index), payload: Payload::Empty }
}

fn append(prev: (u64, u64), entries: Vec<Entry>) -> Body {
    let prev = (Term(prev.0), Index(prev.1));
    Body::Append { prev, entries, commit: Index(u64::MAX), round: u64::MAX }
}

fn part(last: (u64, u64), offset: u64, voters: &[u64]) -> Body {
    let members =
        Members { voters: voters.iter().copied().map(NodeId).collect(), ..Members::default() };
    let last = (Term(last.0), Index(last.1));
    let chunk = Bytes::from_static(b"x");
    Body::Snapshot { last, members, offset, chunk, done: true, round: 1 }
}

#[test]
fn entries_out_of_order_are_not_taken() {
    let malformed = |counts: &Counts| counts.malformed;
    check(TWO, 1, append((1, 2), vec![entry(1, 4)]), malformed);
    check(TWO, 1, append((1, 2), vec![entry(1, 3), entry(1, 3)]), malformed);
    check(TWO, 1, append((1, 2), vec![entry(2, 3)]), malformed);
    check(TWO, 1, append((1, 2), vec![entry(0, 3)]), malformed);
    check(TWO, 1, append((2, 2), vec![]), malformed);
    check(TWO, 1, append((1, u64::MAX), vec![entry(1, 0)]), malformed);
    check(TWO, 1, append((1, u64::MAX - 1), vec![entry(1, u64::MAX)]), malformed);
}

#[test]
fn what_is_committed_is_not_replaced() {
    let malformed = |counts: &Counts| counts.malformed;
    check(TWO, 1, append((0, 0), vec![entry(0, 1)]), malformed);
}

#[test]
fn no_term_is_without_a_successor() {
    check(TWO, u64::MAX, append((1, 2), vec![]), |counts| counts.malformed);
}

#[test]
fn a_term_has_one_leader() {
    check(NodeId(3), 1, append((1, 2), vec![]), |counts| counts.malformed);
}

#[test]
fn strangers_do_not_answer() {
    let body = Body::Appended { matched: Index(u64::MAX), round: u64::MAX };
    check(NodeId(9), 1, body.clone(), |counts| counts.unknown);
    check(NodeId(1), 1, body.clone(), |counts| counts.unknown);
    check(TWO, 1, body, |counts| counts.stale);
}

#[test]
fn snapshots_make_sense() {
    let malformed = |counts: &Counts| counts.malformed;
    check(TWO, 1, part((1, 9), 0, &[]), malformed);
    check(TWO, 1, part((2, 9), 0, &[1, 2, 3]), malformed);
    check(TWO, 1, part((1, u64::MAX), 0, &[1, 2, 3]), malformed);
    check(TWO, 1, part((0, 0), 0, &[1, 2, 3]), malformed);
}

#[test]
fn no_memory_is_held_on_the_word_of_an_offset() {
    let mut play = follower();
    let held = |play: &Play| play.net.seats[&NodeId(1)].raft.as_ref().map(Raft::held_bytes);
    let before = held(&play);
    let message = Message { term: Term(1), body: part((1, 9), u64::MAX, &[1, 2, 3]) };
    play.net.call(NodeId(1), |raft, now| raft.handle_message(now, TWO, message));
    assert_eq!(held(&play), before);
}

#[test]
fn a_snapshot_larger_than_is_taken_is_given_up() {
    let mut play = Play::new(3, |spec| spec.snapshot_bytes = 2);
    play.line("stand 2");
    for offset in 0..3 {
        let mut body = part((1, 9), offset, &[1, 2, 3]);
        if let Body::Snapshot { done, .. } = &mut body {
            *done = false;
        }
        let message = Message { term: Term(1), body };
        play.net.call(NodeId(1), |raft, now| raft.handle_message(now, TWO, message));
    }
    let raft = play.net.seats[&NodeId(1)].raft.as_ref().expect("it runs");
    assert_eq!(raft.counts().overflow, 1);
}

#[test]
fn a_leader_believes_no_follower_that_has_more_than_it_does() {
    let mut play = Play::new(3, |_| {});
    play.line("stand 1");
    let body = Body::Appended { matched: Index(99), round: 1 };
    let message = Message { term: Term(1), body };
    play.net.call(NodeId(1), |raft, now| raft.handle_message(now, TWO, message));
    let raft = play.net.seats[&NodeId(1)].raft.as_ref().expect("it runs");
    assert_eq!((raft.commit(), raft.counts().malformed), (Index(1), 1));
}

/// A number that is more often at an edge than not.
fn odd(rng: &mut Rng) -> u64 {
    match rng.below(6) {
        0 => u64::MAX,
        1 => u64::MAX - rng.below(3),
        2 => rng.next_u64(),
        _ => rng.below(6),
    }
}

fn any_body(rng: &mut Rng) -> Body {
    let last = (Term(odd(rng)), Index(odd(rng)));
    let (index, round) = (Index(odd(rng)), odd(rng));
    let granted = rng.below(2) == 0;
    match rng.below(12) {
        0 => Body::PreVote { last },
        1 => Body::PreVoted { granted },
        2 => Body::Vote { last, transfer: granted.then_some(round) },
        3 => Body::Voted { granted },
        4..7 => {
            let entries = (0..rng.below(4)).map(|_| entry(odd(rng), odd(rng))).collect();
            Body::Append { prev: last, entries, commit: index, round }
        }
        7 => Body::Appended { matched: index, round },
        8 => Body::Rejected { prev: index, hint: last, round },
        9 => part((last.0.0, last.1.0), round, &[1, 2, 3]),
        10 => Body::SnapshotReceived { last, next: index.0, round },
        _ => match rng.below(3) {
            0 => Body::StandNow { round },
            1 => Body::ReadIndex { ticket: round },
            _ => Body::ReadIndexIs { ticket: round, index: Some(index) },
        },
    }
}

#[test]
fn nothing_makes_a_member_panic() {
    for seed in 0..300 {
        let mut net = Net::new(seed, 3, Faults::NONE, |spec| spec.chunk_bytes = 4);
        let mut rng = Rng::new(seed).fork("hostile");
        for _ in 0..100 {
            net.run(Duration::from_millis(rng.below(30)));
            let id = NodeId(1 + rng.below(3));
            let message = Message { term: Term(odd(&mut rng)), body: any_body(&mut rng) };
            let from = NodeId(rng.below(5));
            net.call(id, |raft, now| raft.handle_message(now, from, message));
            if let Some(leader) = net.leader() {
                let _ = net.call(leader, |raft, now| raft.propose(now, Bytes::from_static(b"x")));
            }
            // Lies about votes and logs break promises, as they would anywhere.
            net.checker.broken = None;
        }
    }
}
