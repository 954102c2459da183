//! What a group promises, a line of script at a time.

use super::super::*;
use super::script::{check, check_with};

#[test]
fn a_majority_elects_and_commits() {
    check(
        3,
        "stand 1
         propose a
         propose b
         run 20
         show",
        "n1 leads 1 ab | n2 follows 1 ab | n3 follows 1 ab",
    );
}

#[test]
fn one_member_is_a_group() {
    check(
        1,
        "stand 1
         propose a
         run 5
         read 1
         lease 1
         reads 1
         show",
        "n1 lease true
         n1 ready [1] refused []
         n1 leads 1 a",
    );
}

#[test]
fn a_minority_commits_nothing_and_gives_up() {
    check(
        3,
        "stand 1
         cut 1
         propose lost
         run 50
         show
         run 400
         show
         write more 1",
        "n1 leads 1 | n2 follows 1 | n3 follows 1
         n1 follows 1 | n2 follows 1 | n3 follows 1
         n1 this member does not lead",
    );
}

#[test]
fn what_a_deposed_leader_did_not_commit_is_replaced() {
    check(
        3,
        "stand 1
         propose a
         run 20
         cut 1
         propose lost
         stand 2
         propose b
         run 20
         heal
         run 100
         show",
        "n1 follows 2 ab | n2 leads 2 ab | n3 follows 2 ab",
    );
}

#[test]
fn one_that_comes_back_unseats_nobody() {
    // It stands again and again while it is cut off, but only asks.
    check(
        3,
        "stand 1
         cut 3
         stand 3
         stand 3
         heal
         run 400
         show",
        "n1 leads 1 | n2 follows 1 | n3 follows 1",
    );
}

#[test]
fn who_lacks_a_committed_entry_is_not_elected() {
    check(
        3,
        "stand 1
         cut 3
         propose a
         run 20
         kill 1
         heal
         stand 3
         show
         stand 2
         run 60
         show",
        "n1 down | n2 follows 1 a | n3 stands 1
         n1 down | n2 leads 2 a | n3 follows 2 a",
    );
}

#[test]
fn a_restarted_member_has_what_it_acknowledged() {
    check(
        3,
        "stand 1
         propose a
         run 20
         kill 1
         kill 2
         kill 3
         start 1
         start 2
         start 3
         stand 2
         run 20
         show",
        "n1 follows 2 a | n2 leads 2 a | n3 follows 2 a",
    );
}

#[test]
fn a_lease_answers_reads_and_ends_without_a_majority() {
    check(
        3,
        "stand 1
         run 100
         lease 1
         read 1
         reads 1
         cut 1
         run 230
         lease 1
         run 70
         lease 1",
        "n1 lease true
         n1 ready [1] refused []
         n1 lease true
         n1 lease false",
    );
}

#[test]
fn without_leases_a_round_answers_reads() {
    check_with(
        3,
        |spec| spec.lease = false,
        "stand 1
         read 1
         reads 1
         run 20
         reads 1
         lease 1
         cut 1
         read 1
         run 400
         reads 1",
        "n1 ready [] refused []
         n1 ready [1] refused []
         n1 lease false
         n1 ready [1] refused [2]",
    );
}

#[test]
fn followers_read_what_was_done_before() {
    check(
        3,
        "stand 1
         propose a
         run 60
         read 2
         run 20
         reads 2
         kill 1
         read 3
         stand 3
         run 600
         reads 3",
        "n2 ready [1] refused []
         n3 ready [] refused [2]",
    );
}

#[test]
fn leadership_is_handed_over_without_waiting() {
    check(
        3,
        "stand 1
         propose a
         transfer 2
         write no 1
         lease 1
         transfer 3
         run 30
         show",
        "n1 leadership is being handed to n2
         n1 lease false
         n1 leadership is being handed to n2
         n1 follows 2 a | n2 leads 2 a | n3 follows 2 a",
    );
}

#[test]
fn a_handover_that_fails_gives_the_lease_back() {
    check(
        3,
        "stand 1
         run 60
         cut 2
         transfer 2
         lease 1
         run 350
         lease 1
         propose a
         run 20
         show",
        "n1 lease false
         n1 lease true
         n1 leads 1 a | n2 follows 1 | n3 follows 1 a",
    );
}

#[test]
fn voters_come_and_go_through_a_joint_majority() {
    check(
        3,
        "stand 1
         propose a
         add 4
         members 1 2 3 + 4
         run 20
         show
         members 2 3 4
         members 1 2 3
         run 30
         show
         stand 2
         propose b
         run 60
         show",
        "n1 leads 1 a | n2 follows 1 a | n3 follows 1 a | n4 learns 1 a
         n1 an earlier change is not committed yet
         n1 learns 1 a | n2 follows 1 a | n3 follows 1 a | n4 follows 1 a
         n1 learns 1 a | n2 leads 2 ab | n3 follows 2 ab | n4 follows 2 ab",
    );
}

#[test]
fn learners_decide_nothing() {
    check(
        3,
        "stand 1
         add 4
         add 5
         members 1 2 3 + 4 5
         run 20
         cut 2
         cut 3
         propose a
         run 50
         show",
        "n1 leads 1 | n2 follows 1 | n3 follows 1 | n4 learns 1 | n5 learns 1",
    );
}

#[test]
fn one_far_behind_gets_a_snapshot_in_parts() {
    check_with(
        3,
        |spec| {
            spec.chunk_bytes = 4;
            spec.trail_bytes = 0;
        },
        "stand 1
         kill 3
         propose abcdefghijklm
         propose nop
         run 20
         compact 1
         propose q
         start 3
         run 200
         show
         kill 3
         start 3
         run 60
         show",
        "n1 leads 1 abcdefghijklmnopq | n2 follows 1 abcdefghijklmnopq | n3 follows 1 abcdefghijklmnopq
         n1 leads 1 abcdefghijklmnopq | n2 follows 1 abcdefghijklmnopq | n3 follows 1 abcdefghijklmnopq",
    );
}

#[test]
fn a_snapshot_that_is_old_when_it_has_come_is_followed_by_the_next() {
    check_with(
        3,
        |spec| {
            spec.chunk_bytes = 2;
            spec.trail_bytes = 0;
        },
        "stand 1
         kill 3
         propose abcdefghijklmnop
         run 20
         compact 1
         start 3
         run 55
         propose q
         propose r
         run 5
         compact 1
         run 200
         show",
        "n1 leads 1 abcdefghijklmnopqr | n2 follows 1 abcdefghijklmnopqr | n3 follows 1 abcdefghijklmnopqr",
    );
}

#[test]
fn the_log_is_made_short_only_of_what_was_applied() {
    check(
        1,
        "stand 1
         propose a
         run 5
         compact 1
         compact 1
         kill 1
         start 1
         stand 1
         show",
        "n1 there is a snapshot of entry 2 already
         n1 leads 2 a",
    );
}

#[test]
fn a_leader_refuses_what_it_cannot_hold() {
    check_with(
        3,
        |spec| {
            spec.proposal_bytes = 8;
            spec.uncommitted_bytes = 100;
        },
        "stand 1
         propose 123456789
         cut 1
         propose a
         propose b
         propose c
         propose d",
        "n1 the proposal has 9 bytes, and the most is 8
         n1 100 bytes wait to be committed, which is the most",
    );
}

#[test]
fn a_spec_says_which_value_is_wrong() {
    let check = |adjust: fn(&mut Spec), wrong: &str| {
        let mut spec = Spec::new(NodeId(1), [NodeId(1)]);
        adjust(&mut spec);
        let error = Raft::new(spec, Stored::default(), Time::ZERO, Rng::new(1)).err();
        let Some(StartError::Spec(error)) = error else { panic!("{wrong}: {error:?}") };
        assert_eq!(error.value, wrong);
    };
    check(|spec| spec.members.learners = [NodeId(1)].into(), "members");
    check(|spec| spec.heartbeat_interval = Duration::ZERO, "heartbeat_interval");
    check(|spec| spec.election_timeout = spec.heartbeat_interval, "election_timeout");
    check(|spec| spec.election_timeout = Duration::MAX, "election_timeout");
    check(|spec| spec.clock_drift = nexus_base::Ratio::ONE, "clock_drift");
    check(|spec| spec.batch_entries = 0, "batch_entries");
    check(|spec| spec.reads_waiting = 0, "reads_waiting");
}

#[test]
fn a_broken_log_is_not_started_from() {
    let entry =
        |term, index| Entry { term: Term(term), index: Index(index), payload: Payload::Empty };
    let check = |entries: Vec<Entry>, broken: u64| {
        let vote = Vote { term: Term(2), voted_for: None };
        let stored = Stored { left: None, vote, snapshot: None, entries };
        let spec = Spec::new(NodeId(1), [NodeId(1)]);
        let error = Raft::new(spec, stored, Time::ZERO, Rng::new(1)).err();
        let Some(StartError::Stored { at, .. }) = error else { panic!("{error:?}") };
        assert_eq!(at, Index(broken));
    };
    check(vec![entry(1, 1), entry(1, 3)], 3);
    check(vec![entry(2, 1), entry(1, 2)], 2);
    check(vec![entry(3, 1)], 1);
}
