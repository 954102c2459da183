//! How often members are probed, how long one may be silent, how much is remembered.

use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use foca::{Config, PeriodicParams};

use super::wire::FRAME_BYTES_MAX;
use crate::ClusterId;

/// The most members that [`Spec::members_max`] may ask for. A guess: at this size each
/// change costs every node a walk over some 400 kB.
pub const MEMBERS_LIMIT: usize = 10_000;

/// How membership behaves. What depends on the size of the cluster follows it by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    /// The cluster; datagrams of another one do not pass for ours.
    pub cluster: ClusterId,
    /// Each node probes one member in each period.
    pub probe_period: Duration,
    /// How long the answer of a probed member may take before others are asked to try.
    pub probe_timeout: Duration,
    /// How many others are asked to try.
    pub indirect_probes: u8,
    /// Periods that a suspect has to answer, whatever the size of the cluster.
    pub suspicion_periods: u32,
    /// Periods more for each doubling of the cluster.
    pub suspicion_periods_doubling: u32,
    /// How often each node passes on a piece of news, whatever the size of the cluster.
    pub transmissions: u8,
    /// How much oftener for each doubling of the cluster.
    pub transmissions_doubling: u8,
    /// How often news are passed on, while there are any.
    pub gossip_period: Duration,
    /// To how many members at a time.
    pub gossip_fanout: u8,
    /// How often a member that is down is asked whether it is; this heals partitions.
    pub retry_period: Duration,
    /// How often a node asks another whether it knows of anybody else.
    pub sync_period: Duration,
    /// How long a member that is down is remembered.
    pub forget_after: Duration,
    /// The most members, those that are down included.
    pub members_max: usize,
}

impl Default for Spec {
    fn default() -> Spec {
        Spec {
            cluster: ClusterId(0),
            // Period, timeout, helpers: what the SWIM libraries in use have for a local
            // network; the rest was chosen by the tests of this module.
            probe_period: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(400),
            indirect_probes: 3,
            suspicion_periods: 2,
            suspicion_periods_doubling: 1,
            transmissions: 3,
            transmissions_doubling: 1,
            gossip_period: Duration::from_millis(250),
            gossip_fanout: 3,
            retry_period: Duration::from_secs(5),
            sync_period: Duration::from_secs(5),
            forget_after: Duration::from_secs(3_600),
            members_max: 4_096,
        }
    }
}

impl Spec {
    /// How long a suspect of a cluster of so many members has to answer.
    pub fn suspicion(&self, member_count: usize) -> Duration {
        let periods =
            self.suspicion_periods + self.suspicion_periods_doubling * doublings(member_count);
        self.probe_period.saturating_mul(periods)
    }

    /// How often each node of a cluster of so many members passes on a piece of news.
    pub fn transmissions(&self, member_count: usize) -> u8 {
        let more = u32::from(self.transmissions_doubling) * doublings(member_count);
        u8::try_from(u32::from(self.transmissions) + more).unwrap_or(u8::MAX)
    }

    /// Looks for what cannot work.
    ///
    /// # Errors
    /// [`SpecError`] names the first setting that is wrong.
    pub fn check(&self) -> Result<(), SpecError> {
        let spans = [
            ("probe_period", self.probe_period),
            ("probe_timeout", self.probe_timeout),
            ("gossip_period", self.gossip_period),
            ("retry_period", self.retry_period),
            ("sync_period", self.sync_period),
            ("forget_after", self.forget_after),
        ];
        if let Some((name, _)) = spans.iter().find(|(_, span)| span.is_zero()) {
            return Err(SpecError::Zero { name });
        }
        let counts = [
            ("indirect_probes", u32::from(self.indirect_probes)),
            ("suspicion_periods", self.suspicion_periods),
            ("transmissions", u32::from(self.transmissions)),
            ("gossip_fanout", u32::from(self.gossip_fanout)),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(SpecError::Zero { name });
        }
        // Asking others and hearing from them takes two more ways than a direct answer.
        if self.probe_timeout.saturating_mul(2) > self.probe_period {
            return Err(SpecError::Timeout);
        }
        if self.forget_after <= self.suspicion(MEMBERS_LIMIT) {
            return Err(SpecError::Forget);
        }
        if self.suspicion_periods.max(self.suspicion_periods_doubling) > 1_000 {
            return Err(SpecError::Suspicion);
        }
        if self.members_max == 0 || self.members_max > MEMBERS_LIMIT {
            return Err(SpecError::Members { asked: self.members_max });
        }
        Ok(())
    }

    /// The same for foca, once checked.
    pub(super) fn config(&self, member_count: usize) -> Config {
        let periodic = |frequency, count: u8| {
            let num_members = NonZeroUsize::new(count.into()).expect("counts were checked");
            Some(PeriodicParams { frequency, num_members })
        };
        Config {
            probe_period: self.probe_period,
            probe_rtt: self.probe_timeout,
            num_indirect_probes: NonZeroUsize::new(self.indirect_probes.into())
                .expect("counts were checked"),
            max_transmissions: NonZeroU8::new(self.transmissions(member_count))
                .expect("counts were checked"),
            suspect_to_down_after: self.suspicion(member_count),
            remove_down_after: Some(self.forget_after),
            max_packet_size: NonZeroUsize::new(FRAME_BYTES_MAX).expect("it is a constant"),
            notify_down_members: true,
            // A page of all members is asked for instead: a random handful at a time takes
            // far longer until it has shown everybody.
            periodic_announce: None,
            periodic_announce_to_down_members: periodic(self.retry_period, 1),
            periodic_gossip: periodic(self.gossip_period, self.gossip_fanout),
        }
    }
}

/// How often a cluster doubled from nothing to be of this size.
pub(super) fn doublings(member_count: usize) -> u32 {
    usize::BITS - member_count.leading_zeros()
}

/// What is wrong with a [`Spec`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A span or count must not be zero.
    #[error("{name} must be more than zero")]
    Zero {
        /// Which.
        name: &'static str,
    },
    /// Nobody could answer through others in time.
    #[error("probe_timeout must be at most half of probe_period")]
    Timeout,
    /// A member would be forgotten before the others have called it down.
    #[error("forget_after must be longer than the suspicion of the largest cluster")]
    Forget,
    /// A suspicion that never ends.
    #[error("a suspicion may take 1,000 periods, and 1,000 for each doubling, at most")]
    Suspicion,
    /// Too many members, or none.
    #[error("members_max must be 1 to {MEMBERS_LIMIT}, not {asked}")]
    Members {
        /// What was asked for.
        asked: usize,
    },
    /// A node's start counts from 1.
    #[error("the start of a node must be at least 1")]
    Start,
    /// What the node tells of itself cannot be carried.
    #[error("the node's address or metadata cannot be carried")]
    Metadata,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Spec), expected: Result<(), SpecError>) {
        let mut spec = Spec::default();
        change(&mut spec);
        assert_eq!(spec.check(), expected);
    }

    #[test]
    fn what_cannot_work_is_named() {
        check(|_| (), Ok(()));
        check(|spec| spec.gossip_fanout = 0, Err(SpecError::Zero { name: "gossip_fanout" }));
        check(|spec| spec.probe_timeout = Duration::from_millis(501), Err(SpecError::Timeout));
        check(|spec| spec.forget_after = Duration::from_secs(16), Err(SpecError::Forget));
        check(|spec| spec.members_max = 0, Err(SpecError::Members { asked: 0 }));
        check(|spec| spec.suspicion_periods = 1_001, Err(SpecError::Suspicion));
    }

    #[test]
    fn suspicion_and_news_follow_the_size() {
        let spec = Spec::default();
        let at = |count| (spec.suspicion(count).as_secs(), spec.transmissions(count));
        assert_eq!([3, 10, 100, 1_000].map(at), [(4, 5), (6, 7), (9, 10), (12, 13)]);
    }
}
