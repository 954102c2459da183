//! What a member says to who speaks in a term that is over.

use super::super::*;

const OTHER: NodeId = NodeId(2);

/// A member in term 2, with nothing left to say.
fn member() -> Raft {
    let spec = Spec::new(NodeId(1), [NodeId(1), OTHER, NodeId(3)]);
    let raft = Raft::new(spec, Stored::default(), Time::ZERO, Rng::new(1));
    let mut raft = raft.expect("it starts");
    let body = Body::PreVoted { granted: false };
    raft.handle_message(Time::ZERO, NodeId(3), Message { term: Term(2), body });
    while let Some(effect) = raft.poll_effect() {
        if let Effect::Write(write) = effect {
            raft.handle_written(Time::ZERO, write.sequence);
        }
    }
    raft
}

/// The sender may lead term 2 by now, or stand in it: rounds and votes count anew in each
/// term, so what it asked in term 1 is not answered by them. A leader that took such an answer
/// for one to its own round believed in a lease that nobody had given.
#[test]
fn who_speaks_in_a_term_that_is_over_is_told_of_the_term_alone() {
    let (nothing, members) = ((Term(0), Index(0)), Members::default());
    let append = Body::Append { prev: nothing, entries: vec![], commit: Index(0), round: 7 };
    let last = (Term(1), Index(5));
    let (offset, chunk, done) = (0, Bytes::new(), true);
    let snapshot = Body::Snapshot { last, members, offset, chunk, done, round: 7 };
    let vote = Body::Vote { last, transfer: None };
    for body in [append, snapshot, vote] {
        let mut raft = member();
        raft.handle_message(Time::ZERO, OTHER, Message { term: Term(1), body: body.clone() });
        let message = Message { term: Term(2), body: Body::PreVoted { granted: false } };
        let told = Effect::Send { to: OTHER, message };
        assert_eq!(
            std::iter::from_fn(|| raft.poll_effect()).collect::<Vec<_>>(),
            [told],
            "{body:?}"
        );
    }
}
