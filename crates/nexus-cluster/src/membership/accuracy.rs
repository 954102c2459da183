//! Whether what the nodes say of each other is true, for worlds that know the truth.
//!
//! While faults last nothing can be promised: a node that nobody reaches is called down,
//! and rightly so. What is promised is what comes after. Once the faults have ended, every
//! running node sees every running one as up, and no one that has stopped; each within its
//! time. At any moment, nobody has seen a node that never was.
//!
//! # Source
//! Completeness and accuracy as in Chandra, Toueg, "Unreliable Failure Detectors for
//! Reliable Distributed Systems", 1996, in the eventual form, with times.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_base::Time;

use super::effect::{Effect, MemberState};
use crate::NodeId;

/// Holds what nodes see against what is.
///
/// Keeps one entry for each pair of nodes. Tell it of each start and stop, of faults, and
/// of each effect; ask with [`Accuracy::check`] as often as is cheap: that walks all pairs.
#[derive(Clone, Debug)]
pub struct Accuracy {
    agree_within: Duration,
    detect_within: Duration,
    running: BTreeMap<NodeId, Time>,
    stopped: BTreeMap<NodeId, Time>,
    seen: BTreeMap<(NodeId, NodeId), (MemberState, Time)>,
    quiet_since: Option<Time>,
    false_down_count: u64,
}

/// How one node sees another, and since when.
pub type Sight = (MemberState, Time);

/// What a node said of another that is not true.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Inaccuracy {
    /// A node was seen that never started.
    #[error("{observer} saw {subject}, which never started")]
    Stranger {
        /// Who saw it.
        observer: NodeId,
        /// Whom.
        subject: NodeId,
    },
    /// A running node is not seen, long after all faults have ended.
    #[error("{observer} sees {subject} as {seen:?}, though it runs and is reached")]
    Unseen {
        /// Who does not see it.
        observer: NodeId,
        /// Whom.
        subject: NodeId,
        /// As what it is seen; none if not at all.
        seen: Option<MemberState>,
    },
    /// A node that has stopped is still seen as there.
    #[error("{observer} sees {subject} as {seen}, though it stopped at {stopped_at}")]
    Undetected {
        /// Who sees it.
        observer: NodeId,
        /// Whom.
        subject: NodeId,
        /// As what.
        seen: MemberState,
        /// When it stopped.
        stopped_at: Time,
    },
}

impl Accuracy {
    /// A checker that knows of no node, in a world without faults.
    ///
    /// `agree_within` is the time after a start or the end of the faults in which all must
    /// see all; `detect_within` the time in which a stop must be noticed.
    pub fn new(agree_within: Duration, detect_within: Duration) -> Accuracy {
        Accuracy {
            agree_within,
            detect_within,
            running: BTreeMap::new(),
            stopped: BTreeMap::new(),
            seen: BTreeMap::new(),
            quiet_since: Some(Time::ZERO),
            false_down_count: 0,
        }
    }

    /// A node has started, or started anew; it has seen nobody yet.
    pub fn start(&mut self, now: Time, node: NodeId) {
        self.stopped.remove(&node);
        self.running.insert(node, now);
        self.forget_sights(node);
    }

    /// A node was killed, paused for good, or has left.
    pub fn stop(&mut self, now: Time, node: NodeId) {
        if self.running.remove(&node).is_some() {
            self.stopped.insert(node, now);
        }
        self.forget_sights(node);
    }

    /// A fault that reaches beyond one node has begun: a partition, loss.
    pub fn disturb(&mut self) {
        self.quiet_since = None;
    }

    /// The last such fault has ended.
    pub fn quiet(&mut self, now: Time) {
        self.quiet_since = Some(now);
    }

    /// What an effect of a node says of another.
    ///
    /// # Errors
    /// [`Inaccuracy::Stranger`].
    pub fn observe(
        &mut self,
        now: Time,
        observer: NodeId,
        effect: &Effect,
    ) -> Result<(), Inaccuracy> {
        let (member, state) = match effect {
            Effect::Up(member) => (member, MemberState::Up),
            Effect::Suspect(member) => (member, MemberState::Suspect),
            Effect::Down(member) => (member, MemberState::Down),
            Effect::Left(member) => (member, MemberState::Left),
            Effect::Send { .. } | Effect::Rejoined(_) | Effect::Conflict(_) => return Ok(()),
        };
        self.see(now, observer, member.node(), state)
    }

    /// The same, by name.
    ///
    /// # Errors
    /// [`Inaccuracy::Stranger`].
    pub fn see(
        &mut self,
        now: Time,
        observer: NodeId,
        subject: NodeId,
        state: MemberState,
    ) -> Result<(), Inaccuracy> {
        let is_running = self.running.contains_key(&subject);
        if !is_running && !self.stopped.contains_key(&subject) {
            return Err(Inaccuracy::Stranger { observer, subject });
        }
        self.false_down_count += u64::from(is_running && !state.is_active());
        self.seen.insert((observer, subject), (state, now));
        Ok(())
    }

    /// How one node sees another; none if not at all.
    pub fn sight(&self, observer: NodeId, subject: NodeId) -> Option<Sight> {
        self.seen.get(&(observer, subject)).copied()
    }

    /// How often a running node was said to be down. Under faults that is no mistake, but
    /// a figure worth knowing.
    pub fn false_down_count(&self) -> u64 {
        self.false_down_count
    }

    /// Whether all that is promised by now is so. Always, while faults last.
    ///
    /// # Errors
    /// The first [`Inaccuracy`], in the order of the nodes' numbers.
    pub fn check(&self, now: Time) -> Result<(), Inaccuracy> {
        let Some(quiet_since) = self.quiet_since else { return Ok(()) };
        let is_due = |since: Time, within| now.since(since.max(quiet_since)) > within;
        for (&observer, &started_at) in &self.running {
            if !is_due(started_at, self.agree_within) {
                continue;
            }
            for (&subject, &started_at) in &self.running {
                if subject != observer && is_due(started_at, self.agree_within) {
                    self.check_running(now, observer, subject)?;
                }
            }
            for (&subject, &stopped_at) in &self.stopped {
                if is_due(stopped_at, self.detect_within) {
                    self.check_stopped(observer, subject, stopped_at)?;
                }
            }
        }
        Ok(())
    }

    fn check_running(
        &self,
        now: Time,
        observer: NodeId,
        subject: NodeId,
    ) -> Result<(), Inaccuracy> {
        let seen = self.sight(observer, subject);
        match seen {
            Some((MemberState::Up, _)) => Ok(()),
            // A fresh suspicion has time to be cleared; one that stays has not been.
            Some((MemberState::Suspect, since)) if now.since(since) <= self.agree_within => Ok(()),
            _ => {
                let seen = seen.map(|(state, _)| state);
                Err(Inaccuracy::Unseen { observer, subject, seen })
            }
        }
    }

    fn check_stopped(
        &self,
        observer: NodeId,
        subject: NodeId,
        stopped_at: Time,
    ) -> Result<(), Inaccuracy> {
        match self.sight(observer, subject) {
            Some((seen, _)) if seen.is_active() => {
                Err(Inaccuracy::Undetected { observer, subject, seen, stopped_at })
            }
            _ => Ok(()),
        }
    }

    fn forget_sights(&mut self, observer: NodeId) {
        let of_observer = (observer, NodeId(0))..=(observer, NodeId(u64::MAX));
        let sights: Vec<_> = self.seen.range(of_observer).map(|(pair, _)| *pair).collect();
        for pair in sights {
            self.seen.remove(&pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    fn at(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    fn world() -> Accuracy {
        let mut accuracy = Accuracy::new(Duration::from_secs(10), Duration::from_secs(20));
        for node in [A, B] {
            accuracy.start(at(0), node);
        }
        for (observer, subject) in [(A, B), (B, A)] {
            accuracy.see(at(1), observer, subject, MemberState::Up).expect("they both started");
        }
        accuracy
    }

    #[test]
    fn a_running_node_must_be_seen_once_it_is_time() {
        let mut accuracy = world();
        assert_eq!(accuracy.check(at(100)), Ok(()));
        accuracy.see(at(100), A, B, MemberState::Down).expect("it started");
        let seen = Some(MemberState::Down);
        let unseen = Err(Inaccuracy::Unseen { observer: A, subject: B, seen });
        assert_eq!((accuracy.check(at(101)), accuracy.false_down_count()), (unseen, 1));
        accuracy.disturb();
        assert_eq!(accuracy.check(at(101)), Ok(()), "under faults it is no mistake");
        accuracy.quiet(at(102));
        assert_eq!((accuracy.check(at(112)), accuracy.check(at(113))), (Ok(()), unseen));
    }

    #[test]
    fn a_suspicion_must_not_stay() {
        let mut accuracy = world();
        accuracy.see(at(50), A, B, MemberState::Suspect).expect("it started");
        assert_eq!(accuracy.check(at(60)), Ok(()));
        assert!(accuracy.check(at(61)).is_err());
    }

    #[test]
    fn a_stop_must_be_noticed() {
        let mut accuracy = world();
        accuracy.stop(at(50), B);
        assert_eq!(accuracy.check(at(70)), Ok(()));
        assert!(matches!(accuracy.check(at(71)), Err(Inaccuracy::Undetected { .. })));
        accuracy.see(at(71), A, B, MemberState::Left).expect("it started once");
        assert_eq!(accuracy.check(at(71)), Ok(()));
    }

    #[test]
    fn nobody_sees_one_that_never_was() {
        let stranger = world().see(at(1), A, NodeId(9), MemberState::Up);
        assert_eq!(stranger, Err(Inaccuracy::Stranger { observer: A, subject: NodeId(9) }));
    }
}
