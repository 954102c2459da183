//! Why a call has no answer, and why a pool was not made.

use nexus_agent::{AskError, Changed, ErrorCode, SpawnError};
use nexus_intel::layers::TrialError;
use nexus_intel::safety::LadderError;

use super::{HELD_MAX, IN_FLIGHT_MAX, MEMBERS_MAX};

/// Why a call through a pool has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Every member has ended and is not replaced, or not yet. Try again later;
    /// [`Pool::refill`](super::Pool::refill) brings back those that are left out.
    #[error("no member is in the pool; nothing changed; try again later, or refill it")]
    NoMember,
    /// The members have as much as the pool allows. Try again later, or shed the call.
    #[error("{in_flight_max} calls are in flight already; nothing changed; try again later")]
    InFlightFull {
        /// The limit.
        in_flight_max: u32,
    },
    /// As many wait for a member as the pool allows. Try again later, or shed the call.
    #[error("{held_max} calls wait for a member already; nothing changed; try again later")]
    HeldFull {
        /// The limit.
        held_max: u32,
    },
    /// By what the pool expects, the call would not be served by its deadline. Try
    /// again later, or with more time.
    #[error(
        "it would not be served by its deadline; nothing changed; try again later, or with more \
         time"
    )]
    TooLate,
    /// The pool was stopped before the call had a member. Trying again will not help.
    #[error("pool has been stopped; nothing changed")]
    Stopped,
    /// What the ask came to. Where the deadline passed while the call waited for
    /// a member this is [`AskError::Expired`]: nothing changed.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl PoolError {
    /// Whether a handler may have run.
    pub fn changed(&self) -> Changed {
        match self {
            PoolError::Ask(error) => error.changed(),
            _ => Changed::No,
        }
    }

    /// The error in one word.
    pub fn code(&self) -> ErrorCode {
        match self {
            PoolError::Ask(error) => error.code(),
            PoolError::InFlightFull { .. } | PoolError::HeldFull { .. } => ErrorCode::MailboxFull,
            PoolError::NoMember => ErrorCode::UnknownAgent,
            PoolError::TooLate => ErrorCode::Deadline,
            PoolError::Stopped => ErrorCode::Stopped,
        }
    }
}

/// Why a pool was not made. Members that had been made by then were told to
/// stop: their keys are free again soon after.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolSpawnError {
    /// The number of members makes no sense.
    #[error("a pool has 1 to {MEMBERS_MAX} members, not {0}; nothing changed")]
    Members(usize),
    /// The number of calls in flight makes no sense.
    #[error("a pool has 1 to {IN_FLIGHT_MAX} calls in flight, not {0}; nothing changed")]
    InFlight(u32),
    /// The number of waiting calls makes no sense.
    #[error("up to {HELD_MAX} calls wait in a pool, not {0}; nothing changed")]
    Held(u32),
    /// The layers of the adaptive routing level contradict themselves.
    #[error("the pool cannot have these layers; nothing changed")]
    Layers(#[from] LadderError),
    /// The trial of the layers contradicts itself.
    #[error("the layers cannot be tried like this; nothing changed")]
    Trial(#[from] TrialError),
    /// The pool itself or one of its members could not be spawned.
    #[error("{name} could not be spawned; the pool's other members were stopped again")]
    Spawn {
        /// Which, as `kind/key`.
        name: String,
        /// Why not.
        #[source]
        source: SpawnError,
    },
}
