//! Why a lock was not granted, renewed, released.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Holder, NAME_BYTES_MAX, SessionId, TTL_MAX, Token};

/// Why a command was not carried out. Nothing changed but the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LockError {
    /// Try again after a pause, or wait for it.
    #[error("the lock is held by {by:?} with token {token}")]
    Held {
        /// By whom.
        by: Holder,
        /// With which token.
        token: Token,
    },
    /// The lease has ended, or the lock was released before: whoever asked does not hold
    /// it. Acquire it anew, and take back what was done without it.
    #[error("the lock is no longer held with token {token}")]
    Lost {
        /// The token that was shown.
        token: Token,
        /// The one it is held with now.
        now: Option<Token>,
    },
    /// It holds with another lease than it asked for. Release it first.
    #[error("it holds the lock already, with another lease and token {token}")]
    OtherLease {
        /// With which token.
        token: Token,
    },
    /// It waits by another session. Withdraw first.
    #[error("it waits for the lock already, by another session")]
    WaitsOtherwise,
    /// The session has ended, or was never opened. Open a new one.
    #[error("there is no session {session:?}: it has ended, or was never opened")]
    NoSession {
        /// Which.
        session: SessionId,
    },
    /// Open a session and wait by it: else the lock might go to somebody who is gone.
    #[error("only who has a session can wait for a lock")]
    WaitNeedsSession,
    /// Renew the session instead.
    #[error("the lock is held as long as its session, which is what is renewed")]
    RenewSession,
    /// Choose another name.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes, not {bytes}")]
    BadName {
        /// How many it has.
        bytes: usize,
    },
    /// Choose another time.
    #[error("a lease or session lasts up to {TTL_MAX:?} and longer than nothing, not {ttl:?}")]
    BadTtl {
        /// What was asked for.
        ttl: Duration,
    },
    /// Trying again helps once some are released.
    #[error("{max} locks are held, which is the most")]
    TooManyLocks {
        /// The limit.
        max: usize,
    },
    /// Trying again helps once some have ended.
    #[error("{max} sessions are open, which is the most")]
    TooManySessions {
        /// The limit.
        max: usize,
    },
    /// Trying again helps once some have had their turn.
    #[error("{max} wait for the lock, which is the most")]
    TooManyWaiters {
        /// The limit.
        max: usize,
    },
}
