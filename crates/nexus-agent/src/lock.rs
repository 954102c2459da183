//! Locks of the cluster, as a handler takes them.
//!
//! A lock is held by one at a time, for as long as its lease is renewed. The node's
//! [`crate::Host`] finds who decides about it; here is what is asked, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use nexus_base::{Rng, Time};
use serde::{Deserialize, Serialize};

use crate::slot::Slot;
use crate::{Changed, Fence, Wire};

mod taking;

pub use taking::{LOCK_WITHIN, Locking};

/// One taking of a lock, drawn at random. Who asks again with the same claim comes to the
/// same, for as long as he holds the lock; once that has ended the claim holds no more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Wire)]
#[wire(name = "nexus.claim")]
pub struct Claim(pub u128);

impl Claim {
    /// A new one.
    pub fn draw(rng: &mut Rng) -> Claim {
        Claim(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()))
    }
}

/// What is asked about a lock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LockVerb {
    /// Hold it, if nobody else does. Asked again with the same claim, the lease is renewed.
    Take {
        /// Which lock.
        name: String,
        /// Which taking this is.
        claim: Claim,
        /// How long it is held without being renewed.
        ttl: Duration,
    },
    /// Hold it for as long again.
    Renew {
        /// Which lock.
        name: String,
        /// What it was granted with.
        fence: Fence,
    },
    /// Let it go.
    Release {
        /// Which lock.
        name: String,
        /// What it was granted with.
        fence: Fence,
    },
    /// Who holds it?
    Look {
        /// Which lock.
        name: String,
    },
}

impl LockVerb {
    /// The lock it is about.
    pub fn name(&self) -> &str {
        match self {
            LockVerb::Take { name, .. }
            | LockVerb::Renew { name, .. }
            | LockVerb::Release { name, .. }
            | LockVerb::Look { name } => name,
        }
    }
}

/// That somebody holds a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tenure {
    /// What it was granted with.
    pub fence: Fence,
    /// By which taking.
    pub claim: Claim,
    /// Until when it is held without being renewed, by this node's clock. For who holds it:
    /// at the least. For who only looks: about then.
    pub until: Time,
}

/// What is answered: that it is held, or that it is not, which is what a release leads to.
pub type LockReply = Result<Option<Tenure>, LockError>;

/// Why a lock was not taken, renewed, released, looked at.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Wire)]
#[wire(name = "nexus.lock-error")]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else holds it. Nothing changed; try again later.
    #[error("somebody else holds the lock, with fence {fence}; nothing changed; try again later")]
    Held {
        /// With which fence.
        fence: Fence,
    },
    /// The lease has ended, or the lock was released before. Take it anew, and take back what
    /// was done without it.
    #[error("the lock is held no longer: its lease has ended, or it was released; take it anew")]
    Lost {
        /// With which fence somebody else holds it now.
        newest: Option<Fence>,
    },
    /// It cannot be as it was asked. Nothing changed.
    #[error("the lock was refused: {reason}; nothing changed")]
    Refused {
        /// Why, in words.
        reason: String,
    },
    /// Too much is asked about locks at once. Nothing changed; try again after a pause.
    #[error("{asks_max} asks about locks are under way, which is the most; nothing changed")]
    Busy {
        /// The limit.
        asks_max: usize,
    },
    /// This node is in no cluster, so nobody keeps locks. Nothing changed.
    #[error("this node is in no cluster, and locks are the cluster's; nothing changed")]
    NoCluster,
    /// Nobody who decides about locks was reached in time. Nothing changed; try again.
    #[error("nobody who decides about locks answered in time; nothing changed; try again")]
    Unreachable,
    /// There was no certain answer in time, and it may have been done. Ask again with the same
    /// claim or fence; a lock that was taken unknown to anybody is free after its lease.
    #[error("there was no certain answer about the lock in time; it may have been done")]
    Unknown,
}

impl LockError {
    /// Whether something may have changed.
    pub const fn changed(&self) -> Changed {
        match self {
            LockError::Unknown => Changed::Unknown,
            _ => Changed::No,
        }
    }
}

/// What an agent asks about a lock.
pub struct LockAsk {
    /// What.
    pub what: LockVerb,
    /// How long the asker waits from now on. Nodes wait a minute at most, and say so then.
    pub within: Duration,
    /// Where the answer goes.
    pub answer: LockAnswer,
}

/// Where the answer to a [`LockAsk`] goes. Dropped unanswered, the asker learns that the
/// outcome is unknown.
pub struct LockAnswer(Arc<Slot<LockReply>>);

impl LockAnswer {
    /// Hands the answer to the asker, from any thread. One that has given up does not get it.
    pub fn complete(self, reply: LockReply) {
        self.0.complete(Ok(reply));
    }
}

impl Drop for LockAnswer {
    fn drop(&mut self) {
        // Nothing where it has been answered.
        self.0.complete(Ok(Err(LockError::Unknown)));
    }
}

/// A lock that is held, as far as its holder can tell: see [`Lock::is_held`]. It is not let
/// go when this is dropped, but when its lease ends, or by [`crate::Context::unlock`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a lock is held until its lease ends"]
pub struct Lock {
    name: String,
    claim: Claim,
    ttl: Duration,
    fence: Fence,
    until: Time,
}

impl Lock {
    #[cfg(test)]
    pub(crate) fn held(name: &str, claim: Claim, fence: Fence, until: Time) -> Lock {
        Lock { name: name.to_owned(), claim, ttl: Duration::from_secs(9), fence, until }
    }

    /// Which lock.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What whatever the lock protects is shown, so that it refuses those who held it before.
    pub const fn fence(&self) -> Fence {
        self.fence
    }

    /// Until when nobody else holds it, by this node's clock ([`crate::Context::now`]).
    pub const fn until(&self) -> Time {
        self.until
    }

    /// Whether nobody else holds it for sure. What is done after a look may be late all the
    /// same: the fence is what keeps it out then.
    pub fn is_held(&self, now: Time) -> bool {
        now < self.until
    }
}
