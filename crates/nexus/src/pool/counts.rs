//! What a pool has counted.

use nexus_coord::Routing;
use serde::Serialize;

/// What became of the calls through a pool since it was made: a look at moving
/// things, all taken at one moment.
///
/// `placed = in_flight + held + done + failed + cancelled + too_late`, and also the sum
/// over [`LevelCounts::asked`] and the sum over [`LevelCounts::used`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct PoolCounts {
    /// Calls that a member was found for, or that were let wait for one.
    pub placed: u64,
    /// Calls refused: nothing was sent.
    pub refused: u64,
    /// Calls at members, those that ended included whose callers have yet to hear of it.
    pub in_flight: usize,
    /// Calls that wait for a member.
    pub held: usize,
    /// Calls that were answered.
    pub done: u64,
    /// Calls whose member crashed, stopped, or had no room.
    pub failed: u64,
    /// Calls whose caller gave up, or whose deadline passed, also while held.
    pub cancelled: u64,
    /// Calls that were let wait for a member, and then refused since they would have
    /// been late.
    pub too_late: u64,
    /// The levels, lowest first.
    pub levels: [LevelCounts; 4],
    /// The members, in order of their number.
    pub members: Vec<MemberCounts>,
}

/// How often a routing level was asked for, and how often it served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct LevelCounts {
    /// Which level.
    pub level: Routing,
    /// Placed calls that asked for it.
    pub asked: u64,
    /// Placed calls that it served, those included that fell from a higher one.
    pub used: u64,
}

/// What became of the calls that went to one member, or to those it replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct MemberCounts {
    /// The member's key.
    pub key: String,
    /// Calls it has.
    pub in_flight: u32,
    /// Calls it answered.
    pub done: u64,
    /// Calls during which it crashed or stopped, or that it had no room for.
    pub failed: u64,
    /// Calls whose caller gave up, or whose deadline passed.
    pub cancelled: u64,
    /// How often it was replaced.
    pub replaced: u64,
    /// Why it is left out, if it is.
    pub left_out: Option<String>,
}
