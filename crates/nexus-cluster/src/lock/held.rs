//! What is kept of a lock and of a session, and how all of it is stored.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use nexus_base::{BoundedQueue, Time};
use serde::{Deserialize, Serialize};

use super::command::nanos;
use super::ended::Ended;
use super::{Holder, Lease, Limits, Locks, SessionId, Token};

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) holder: Holder,
    pub(super) token: Token,
    pub(super) lease: Lease,
    /// When the lease ends; none where it is a session's.
    #[serde(with = "maybe_nanos")]
    pub(super) ends: Option<Time>,
    pub(super) waiters: VecDeque<(Holder, SessionId)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) ttl: Duration,
    #[serde(with = "nanos")]
    pub(super) ends: Time,
    /// Of the locks it holds or waits for.
    pub(super) names: BTreeSet<String>,
}

impl Held {
    /// Whether a session holds it or waits for it.
    pub(super) fn has_to_do_with(&self, session: SessionId) -> bool {
        self.lease == Lease::Session(session)
            || self.waiters.iter().any(|&(_, waits_by)| waits_by == session)
    }
}

/// All of it without what follows from the rest.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    limits: Limits,
    #[serde(with = "nanos")]
    now: Time,
    token_last: Token,
    locks: BTreeMap<String, Held>,
    sessions: BTreeMap<SessionId, Session>,
    ended: Ended,
}

impl From<Locks> for Stored {
    fn from(all: Locks) -> Stored {
        let Locks { limits, now, token_last, locks, sessions, ended, .. } = all;
        Stored { limits, now, token_last, locks, sessions, ended }
    }
}

impl TryFrom<Stored> for Locks {
    type Error = BadLocks;

    fn try_from(stored: Stored) -> Result<Locks, BadLocks> {
        let Stored { limits, now, token_last, locks, sessions, ended } = stored;
        if !ended.is_sound(limits.ended_max) {
            return Err(BadLocks);
        }
        let is_known = |session: &SessionId, name: &String| {
            sessions.get(session).is_some_and(|session| session.names.contains(name))
        };
        for (name, held) in &locks {
            let by_session = match held.lease {
                Lease::Session(session) => is_known(&session, name) && held.ends.is_none(),
                Lease::Ttl(_) => held.ends.is_some(),
            };
            let waiters = held.waiters.iter().all(|(_, session)| is_known(session, name));
            if !by_session || !waiters || held.token > token_last {
                return Err(BadLocks);
            }
        }
        let lease_end = |(name, held): (&String, &Held)| Some((held.ends?, name.clone()));
        let lease_ends = locks.iter().filter_map(lease_end).collect();
        let session_ends = sessions.iter().map(|(&id, session)| (session.ends, id)).collect();
        let effects = BoundedQueue::new(limits.effects_max);
        Ok(Locks {
            limits,
            now,
            token_last,
            locks,
            sessions,
            lease_ends,
            session_ends,
            ended,
            effects,
            effects_dropped: 0,
            #[cfg(feature = "mutants")]
            planted: None,
        })
    }
}

/// Bytes that are no locks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "these are no locks: a holder or waiter without session, a token never given, or more than there may be"
)]
pub(super) struct BadLocks;

mod maybe_nanos {
    use nexus_base::Time;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Option<Time>, to: S) -> Result<S::Ok, S::Error> {
        at.map(Time::as_nanos).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Time>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Time::from_nanos))
    }
}
