//! How a group behaves: its times and its bounds.

use std::time::Duration;

use nexus_base::Ratio;

use super::entry::OVERHEAD_BYTES;
use super::members::{MEMBERS_MAX, Members, NODE_BYTES_MAX};
use crate::NodeId;
use crate::bounded::ENTRIES_MAX;
use crate::wire::BODY_BYTES_MAX;

/// What a message takes at most beside entries or a part of a snapshot, members not counted:
/// six numbers of ten bytes, a kind, and a length.
const MESSAGE_BYTES: usize = 72;
/// What the members in a message take at most: three sets, and their lengths.
const MEMBERS_BYTES: usize = 3 * (MEMBERS_MAX * NODE_BYTES_MAX + 1);

/// The most that [`Spec::batch_bytes`] may be, so that a full batch fits a frame.
pub const BATCH_BYTES_MAX: usize = BODY_BYTES_MAX - MESSAGE_BYTES;
/// The most that [`Spec::proposal_bytes`] may be, so that an entry alone fits a frame.
pub const PROPOSAL_BYTES_MAX: usize = BATCH_BYTES_MAX - OVERHEAD_BYTES;
/// The most that [`Spec::chunk_bytes`] may be, so that a part of a snapshot fits a frame.
pub const CHUNK_BYTES_MAX: usize = BATCH_BYTES_MAX - MEMBERS_BYTES;

/// How one member of a group behaves.
///
/// The times and the lease must be the same at all members of a group: a leader relies on
/// what its voters promise.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Who this member is.
    pub id: NodeId,
    /// Who the group consists of when it begins. A member that joins later begins with
    /// [`Members::default`], and learns of the others from the leader.
    pub members: Members,
    /// The least time without a leader before an election; the most is twice that. Also how
    /// long a voter stands by a leader it has heard of.
    pub election_timeout: Duration,
    /// How often a leader says that it leads.
    pub heartbeat_interval: Duration,
    /// Whether a leader may answer reads by the clock, within its lease.
    pub lease: bool,
    /// By how much the rates of any two clocks may differ: while one counts a second, another
    /// counts at least `1 - clock_drift` seconds.
    pub clock_drift: Ratio,
    /// The most entries in one message; at most [`crate::wire::ENTRIES_MAX`].
    pub batch_entries: usize,
    /// The most bytes of entries in one message; a single larger entry goes alone. At most
    /// [`BATCH_BYTES_MAX`].
    pub batch_bytes: usize,
    /// The most messages with entries under way to one follower.
    pub flight_messages: usize,
    /// The most bytes of entries under way to one follower, or not yet on its disk.
    pub flight_bytes: usize,
    /// The most bytes of one proposal; at most [`PROPOSAL_BYTES_MAX`].
    pub proposal_bytes: usize,
    /// The most bytes a leader holds that are not committed yet.
    pub uncommitted_bytes: usize,
    /// The most reads that wait at one member.
    pub reads_waiting: usize,
    /// The bytes of a snapshot in one message; at most [`CHUNK_BYTES_MAX`].
    pub chunk_bytes: usize,
    /// The most bytes of a snapshot that is taken from a leader.
    pub snapshot_bytes: usize,
    /// Bytes of the log that are kept in memory behind a snapshot, for followers that are
    /// a little late.
    pub trail_bytes: usize,
    /// The bug this member has.
    #[cfg(feature = "mutants")]
    pub mutant: Option<super::Mutant>,
}

impl Spec {
    /// The defaults, for one member of a group of `voters`.
    ///
    /// The times suit a local network with disks that sync within tens of milliseconds; the
    /// sizes are guesses, unmeasured.
    pub fn new(id: NodeId, voters: impl IntoIterator<Item = NodeId>) -> Spec {
        let members = Members { voters: voters.into_iter().collect(), ..Members::default() };
        Spec {
            id,
            members,
            election_timeout: Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(50),
            lease: true,
            clock_drift: Ratio::new(1, 100),
            batch_entries: 1_024,
            batch_bytes: 256 << 10,
            flight_messages: 64,
            flight_bytes: 4 << 20,
            proposal_bytes: 1 << 20,
            uncommitted_bytes: 16 << 20,
            reads_waiting: 1_024,
            chunk_bytes: 256 << 10,
            snapshot_bytes: 1 << 30,
            trail_bytes: 1 << 20,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }

    /// How long a leader's lease is, from when it sent the round that a majority answered.
    pub fn lease_duration(&self) -> Duration {
        self.surely(self.election_timeout)
    }

    /// What has passed for sure by any clock, when this much has by one.
    pub fn surely(&self, counted: Duration) -> Duration {
        let nanos = u64::try_from(counted.as_nanos()).unwrap_or(u64::MAX);
        let (num, den) = (self.clock_drift.num(), self.clock_drift.den());
        let kept = u128::from(nanos) * u128::from(den - num) / u128::from(den);
        // No more than it was.
        Duration::from_nanos(kept as u64)
    }

    /// Whether the values make sense together.
    ///
    /// # Errors
    /// [`SpecError`]; the first that does not.
    pub fn validate(&self) -> Result<(), SpecError> {
        let wrong = |value, must| Err(SpecError { value, must });
        if self.members != Members::default() && !self.members.is_sound() {
            return wrong("members", "have voters, nobody twice, and not too many of them");
        }
        if self.heartbeat_interval.is_zero() {
            return wrong("heartbeat_interval", "be more than zero");
        }
        if self.election_timeout <= self.heartbeat_interval {
            return wrong("election_timeout", "be more than heartbeat_interval");
        }
        if self.election_timeout > TIMEOUT_MAX {
            return wrong("election_timeout", "be at most an hour");
        }
        // Locks count time by it, with leases or without.
        if self.clock_drift.num() >= self.clock_drift.den() {
            return wrong("clock_drift", "be less than one");
        }
        if self.lease && self.lease_duration() <= self.heartbeat_interval {
            return wrong("clock_drift", "leave a lease that is longer than heartbeat_interval");
        }
        self.validate_sizes()
    }

    fn validate_sizes(&self) -> Result<(), SpecError> {
        let sizes = [
            ("batch_entries", self.batch_entries),
            ("batch_bytes", self.batch_bytes),
            ("flight_messages", self.flight_messages),
            ("flight_bytes", self.flight_bytes),
            ("proposal_bytes", self.proposal_bytes),
            ("uncommitted_bytes", self.uncommitted_bytes),
            ("reads_waiting", self.reads_waiting),
            ("chunk_bytes", self.chunk_bytes),
            ("snapshot_bytes", self.snapshot_bytes),
        ];
        match sizes.into_iter().find(|(_, size)| *size == 0) {
            Some((value, _)) => Err(SpecError { value, must: "be more than zero" }),
            None => self.validate_frames(),
        }
    }

    /// Whether each message fits a frame. Who leads finds out else when it is too late: what
    /// it has taken on cannot be sent.
    fn validate_frames(&self) -> Result<(), SpecError> {
        let frames = [
            ("batch_entries", self.batch_entries, ENTRIES_MAX, ENTRIES_MUST),
            ("batch_bytes", self.batch_bytes, BATCH_BYTES_MAX, BATCH_MUST),
            ("proposal_bytes", self.proposal_bytes, PROPOSAL_BYTES_MAX, PROPOSAL_MUST),
            ("chunk_bytes", self.chunk_bytes, CHUNK_BYTES_MAX, CHUNK_MUST),
        ];
        match frames.into_iter().find(|(_, size, size_max, _)| size > size_max) {
            Some((value, .., must)) => Err(SpecError { value, must }),
            None => Ok(()),
        }
    }
}

const ENTRIES_MUST: &str = "be at most 16384: no message carries more entries";
const BATCH_MUST: &str = "be at most 4194232: a full batch must fit a frame of 4 MiB";
const PROPOSAL_MUST: &str = "be at most 4194200: an entry must fit a frame of 4 MiB";
const CHUNK_MUST: &str = "be at most 4193299: a part of a snapshot must fit a frame of 4 MiB";

/// The longest election timeout.
const TIMEOUT_MAX: Duration = Duration::from_secs(3_600);

/// A value of a [`Spec`] that cannot be. Nothing was started.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{value} must {must}")]
pub struct SpecError {
    /// Which.
    pub value: &'static str,
    /// What it must be.
    pub must: &'static str,
}

#[cfg(test)]
mod tests;
