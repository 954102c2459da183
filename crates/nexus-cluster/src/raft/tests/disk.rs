//! What a member tells while its disk is behind its memory.

use super::super::*;

const FIRST: NodeId = NodeId(2);
const SECOND: NodeId = NodeId(3);

/// A follower, and a disk that does nothing by itself.
struct Follower {
    raft: Raft,
}

impl Follower {
    fn new() -> Follower {
        let spec = Spec::new(NodeId(1), [NodeId(1), FIRST, SECOND]);
        let raft = Raft::new(spec, Stored::default(), Time::ZERO, Rng::new(1));
        Follower { raft: raft.expect("it starts") }
    }

    /// Whom it tells, in which term, that it has what, since it was last asked.
    fn told(&mut self) -> Vec<(NodeId, u64, u64)> {
        let mut told = Vec::new();
        while let Some(effect) = self.raft.poll_effect() {
            if let Effect::Send { to, message: Message { term, body } } = effect
                && let Body::Appended { matched, .. } = body
            {
                told.push((to, term.0, matched.0));
            }
        }
        told
    }

    /// A leader sends entries of its term from the first on, or a heartbeat; what is told.
    fn append(&mut self, from: NodeId, term: u64, count: u64) -> Vec<(NodeId, u64, u64)> {
        let entry =
            |index| Entry { term: Term(term), index: Index(index), payload: Payload::Empty };
        let entries = (1..=count).map(entry).collect();
        let (prev, commit) = ((Term(0), Index(0)), Index(0));
        let body = Body::Append { prev, entries, commit, round: 1 };
        self.raft.handle_message(Time::ZERO, from, Message { term: Term(term), body });
        self.told()
    }

    fn written(&mut self, sequence: u64) -> Vec<(NodeId, u64, u64)> {
        self.raft.handle_written(Time::ZERO, sequence);
        self.told()
    }
}

#[test]
fn each_leader_is_told_of_an_entry_once_its_own_is_on_disk() {
    let mut follower = Follower::new();
    assert_eq!(follower.append(FIRST, 1, 2), []);
    assert_eq!(follower.append(SECOND, 2, 0), []);
    // It takes the place of the first leader's, which the disk does not even have yet.
    assert_eq!(follower.append(SECOND, 2, 1), []);
    // The disk is in the first leader's term and has its entries: that is what it waited for.
    assert_eq!(follower.written(1), [(FIRST, 1, 2)]);
    assert_eq!(follower.written(2), [(SECOND, 2, 0)]);
    assert_eq!(follower.written(3), [(SECOND, 2, 1)]);
}
