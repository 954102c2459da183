//! Members that gave their files up, and are asked all the same.

use super::super::*;
use super::script::{Play, check};

#[test]
fn who_left_does_not_help_one_that_lacks_what_it_had() {
    // The second knows neither the command nor that the third is out. Together they were a
    // majority once.
    check(
        3,
        "stand 1
         cut 2
         propose a
         add 4
         members 1 2 3 + 4
         run 30
         members 1 4
         run 60
         leave 3
         cut 1
         cut 4
         link 2 3
         run 1000
         stand 2
         show",
        "n1 follows 1 a | n2 stands 1 | n3 learns 1 | n4 follows 1 a",
    );
}

#[test]
fn who_left_and_comes_back_learns_everything_and_votes_again() {
    check(
        3,
        "stand 1
         propose a
         run 20
         members 1 2
         run 30
         leave 3
         propose b
         run 20
         members 1 2 + 3
         run 60
         members 1 2 3
         run 60
         show
         cut 1
         run 1000
         stand 2
         propose c
         run 60
         show",
        "n1 leads 1 ab | n2 follows 1 ab | n3 follows 1 ab
         n1 follows 1 ab | n2 leads 2 abc | n3 follows 2 abc",
    );
}

const ME: NodeId = NodeId(3);

/// A member that was in term 5, where it voted for the first, with a log up to (4, 10); and
/// that was fed up to `upto` of that since, which says that it votes.
fn back(upto: u64) -> Raft {
    let vote = Vote { term: Term(5), voted_for: Some(NodeId(1)) };
    let members = Members { voters: (1..=3).map(NodeId).collect(), ..Members::default() };
    let payload = |index| match index {
        1 => Payload::Members(Box::new(members.clone())),
        _ => Payload::Empty,
    };
    let entry = |index| Entry { term: Term(4), index: Index(index), payload: payload(index) };
    let entries = (1..=upto).map(entry).collect();
    let stored = Stored { vote, snapshot: None, entries, left: Some((Term(4), Index(10))) };
    let spec = Spec { lease: false, ..Spec::new(ME, []) };
    Raft::new(spec, stored, Time::ZERO, Rng::new(1)).expect("it fits together")
}

/// Whether it votes for the second, which stands with such a log; at once and after a restart.
fn votes(upto: u64, term: u64, last: (u64, u64)) -> bool {
    let mut raft = back(upto);
    let now = Time::ZERO.after(Duration::from_secs(60));
    let last = (Term(last.0), Index(last.1));
    let message = Message { term: Term(term), body: Body::Vote { last, transfer: None } };
    raft.handle_message(now, NodeId(2), message);
    let mut granted = false;
    while let Some(effect) = raft.poll_effect() {
        match effect {
            Effect::Send { message: Message { body: Body::Voted { granted: is }, .. }, .. } => {
                granted |= is;
            }
            Effect::Write(write) => raft.handle_written(now, write.sequence),
            _ => {}
        }
    }
    granted
}

#[test]
fn what_was_promised_outlives_the_files() {
    for fed in [0, 1, 9] {
        assert!(!votes(fed, 5, (4, 20)), "it has voted in that term");
        assert!(!votes(fed, 4, (4, 20)), "that term is over for it");
        assert!(!votes(fed, 6, (4, 9)), "it had an entry more");
        assert!(!votes(fed, 6, (3, 99)), "it had a later entry");
        assert!(votes(fed, 6, (4, 10)), "that is as much as it had");
    }
    assert!(!votes(12, 6, (4, 11)), "by now it has more than it had");
    assert!(votes(12, 6, (4, 12)));
}

#[test]
fn who_is_fed_anew_does_not_stand_before_it_has_what_it_had() {
    let stands = |fed| {
        let mut raft = back(fed);
        raft.handle_timeout(Time::ZERO.after(Duration::from_secs(60)));
        let mut asked = false;
        while let Some(effect) = raft.poll_effect() {
            asked |= matches!(effect, Effect::Send { .. });
        }
        asked
    };
    assert!(!stands(9), "its members are those of long ago");
    assert!(stands(10));
}

#[test]
fn what_it_said_before_it_left_does_not_count_once_it_is_back() {
    let mut play = Play::new(3, |_| {});
    let told = |play: &mut Play, script: &str| script.lines().for_each(|line| play.line(line));
    told(&mut play, "stand 1\npropose a\nrun 20");
    let leader = play.net.seats[&NodeId(1)].raft.as_ref().expect("it runs");
    let (term, matched) = leader.last();
    told(&mut play, "members 1 2\nrun 60\nleave 3\ncut 3\nmembers 1 2 + 3\nrun 20");
    let late = Message { term, body: Body::Appended { matched, round: 1 } };
    play.net.call(NodeId(1), |raft, now| raft.handle_message(now, ME, late));
    let has_it = |play: &Play| {
        let leader = play.net.seats[&NodeId(1)].raft.as_ref().expect("it runs");
        leader.has_caught_up(ME)
    };
    assert!(!has_it(&play), "it has nothing");
    told(&mut play, "link 1 3\nrun 120");
    assert!(has_it(&play), "by now it has");
}
