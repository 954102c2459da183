//! What is asked of the locks, and what they answer.

use std::fmt;
use std::time::Duration;

use nexus_base::Time;
use serde::{Deserialize, Serialize};

use crate::raft::{Index, Term};

/// A command of the control group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Command {
    /// When, by the clock of the leader who proposed it. Between two commands no more of it may
    /// pass than has passed in truth, whoever proposed them: a leader counts on from the time
    /// that the commands before have brought, and so much slower as clocks may differ.
    #[serde(with = "nanos")]
    pub at: Time,
    /// What.
    pub op: Op,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Op {
    /// Time has gone on; nothing else.
    Tick,
    /// Open a session, or renew it if it is open.
    OpenSession {
        /// Chosen by the client: random, and never used again.
        session: SessionId,
        /// How long it lasts without being renewed.
        ttl: Duration,
    },
    /// The session's client lives.
    RenewSession {
        /// Which.
        session: SessionId,
    },
    /// The session ends, with all it holds and waits for. Closing one that is not open
    /// changes nothing.
    CloseSession {
        /// Which.
        session: SessionId,
    },
    /// Hold a lock.
    Acquire {
        /// Which.
        name: String,
        /// By whom.
        holder: Holder,
        /// How long.
        lease: Lease,
        /// Whether to wait for it, as in an election; needs a session.
        wait: bool,
    },
    /// Hold it for another time to live.
    Renew {
        /// Which.
        name: String,
        /// What it was granted with.
        token: Token,
    },
    /// Let it go.
    Release {
        /// Which.
        name: String,
        /// What it was granted with.
        token: Token,
    },
    /// Wait for it no longer. Who does not wait changes nothing.
    Withdraw {
        /// Which.
        name: String,
        /// Who.
        holder: Holder,
    },
    /// So many locks may be held at once, unless it was said before how many.
    Bound {
        /// How many.
        locks_max: usize,
    },
}

/// Who holds, as the client calls itself. Random, and with a lease of its own not used again
/// once that has ended: a late command of before could else not be told from a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Holder(pub u128);

/// A client's life, as far as the cluster can tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SessionId(pub u128);

/// For how long a lock is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Lease {
    /// This long, unless renewed.
    Ttl(Duration),
    /// As long as the session.
    Session(SessionId),
}

/// What tells a grant from all earlier ones of the same lock: show it to what the lock
/// protects, which refuses a lower one than it has seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Token {
    /// The term of the command that granted it.
    pub term: Term,
    /// Its place in the log.
    pub index: Index,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term.0, self.index.0)
    }
}

/// What is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// It is done, or was.
    Done,
    /// The lock is held by who asked.
    Granted(Token),
    /// It waits.
    Waits {
        /// How many wait before it.
        before: usize,
    },
}

/// What holders and waiters are to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Who waited holds the lock now.
    Granted {
        /// Which.
        name: String,
        /// Who.
        holder: Holder,
        /// With which token.
        token: Token,
    },
    /// Who held it did not renew it in time, or his session ended.
    Lapsed {
        /// Which.
        name: String,
        /// Who.
        holder: Holder,
        /// With which token.
        token: Token,
    },
}

/// A moment, as nanoseconds.
pub(super) mod nanos {
    use nexus_base::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::lock) fn serialize<S: Serializer>(at: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(at.as_nanos())
    }

    pub(in crate::lock) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Time, D::Error> {
        u64::deserialize(from).map(Time::from_nanos)
    }
}
