//! How long worlds of nodes take to be well again, and who is in them.
//!
//! What else such a world is like is said by [`ClusterSpec`](crate::cluster::ClusterSpec):
//! its shards are those there shall be, which are made by splitting the first.

use std::time::Duration;

use nexus_base::Rng;

use crate::cluster::{ClusterSpec, Family, Plan};

/// How long a cluster has to answer all clients again once nothing goes wrong any more.
/// Source: elections take a second or two, as in worlds of groups; membership then takes its
/// suspicions back within some of its periods, and letters that failed wait for a minute at
/// most. A guess beyond that.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(30);

/// How long it then has, without clients, until letters and reminders have all arrived.
/// Source: the longest reminder, and twice the longest pause of a letter that failed.
pub const QUIET_FOR: Duration = Duration::from_secs(130);

/// How long all agents then take to say what they have.
pub const AUDIT_WITHIN: Duration = Duration::from_secs(30);

/// The longest reminder.
pub const REMIND_MAX: Duration = Duration::from_secs(10);

/// By how much the wall clock of a node may be wrong when it starts, either way. While it
/// runs it drifts as its own clock does.
pub const WALL_OFF_MAX: Duration = Duration::from_millis(500);

/// Accounts that pay each other.
pub const ACCOUNTS: u32 = 6;
/// Clerks who have themselves reminded.
pub const CLERKS: u32 = 4;
/// Tallies, which are only in memory.
pub const TALLIES: u32 = 3;

/// Guests, of which each node makes one, and one node at a time has the name.
pub const GUESTS: u32 = 3;

/// How often a node asks for the name of a guest, in the mean. A guess: often enough that a
/// name which is free has been asked for within some seconds.
pub(crate) const NAME_EVERY: Duration = Duration::from_secs(6);

/// How long a node waits for a name.
pub(crate) const NAME_WITHIN: Duration = Duration::from_secs(2);

/// Registers of a world of so many shards. Few, so that clients meet.
pub const fn registers(shards: u32) -> u32 {
    2 + 2 * shards
}

/// Clients of a world of so many shards.
pub const fn clients(shards: u32) -> u32 {
    3 + 3 * shards
}

/// How many of the nodes begin the cluster, the others join it: any number where who keeps what
/// is changed as well, and else all.
pub(crate) fn founders(world: &ClusterSpec, plan: &Plan) -> u32 {
    if !plan.families.has(Family::Members) {
        return world.nodes;
    }
    let mut rng = Rng::new(world.seed).fork("founders");
    1 + rng.below(u64::from(world.nodes)) as u32
}

/// The mean time between two operations of one client.
pub(crate) const THINK_MEAN: Duration = Duration::from_millis(1_500);
