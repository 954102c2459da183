//! Queries that are run before anybody asks, since they usually follow.

use std::time::Duration;

use nexus_base::Time;
use nexus_coord::RequestKind;
use nexus_intel::adaptive::CacheKnobs;
use nexus_intel::proactive::{Followers, PrefetchCounts, Prefetching};

use super::answers::Life;
use super::written::{Query, Written};

/// What usually follows what, and whether it pays to go ahead.
#[derive(Debug, Default)]
pub(super) struct Fetch {
    followers: Followers<Life, Query>,
    prefetching: Prefetching,
}

/// Arguments longer than this, in bytes as text, are not followed: what is remembered is
/// bounded. A guess.
const ARGUMENTS_BYTES_MAX: usize = 1_024;

impl Fetch {
    /// How answers are kept that nobody asked for, where no others are. Guesses: an
    /// answer that is of use is so soon, and few are fetched at one time.
    pub(super) const LIMITS: CacheKnobs =
        CacheKnobs { entries_max: 1_024, bytes_max: 4 << 20, ttl: Duration::from_secs(5) };

    /// An agent was asked; what is to be fetched, if anything.
    pub(super) fn handle_asked(
        &mut self,
        now: Time,
        life: Life,
        request: &Written<'_>,
    ) -> Option<Query> {
        if request.kind != RequestKind::Query {
            self.followers.handle_change(&life);
            return None;
        }
        if request.arguments().len() > ARGUMENTS_BYTES_MAX {
            return None;
        }
        let query = request.query();
        let is_on = self.prefetching.is_on(now);
        let next = self.followers.follower(query).filter(|next| is_on && *next != query);
        let next = next.cloned();
        self.followers.handle_query(life, query.clone());
        next
    }

    pub(super) fn handle_changed(&mut self, life: &Life) {
        self.followers.handle_change(life);
    }

    pub(super) fn is_on(&mut self, now: Time) -> bool {
        self.prefetching.is_on(now)
    }

    pub(super) fn handle_ran(&mut self, now: Time, is_kept: bool) {
        self.prefetching.handle_ran(now, is_kept);
    }

    pub(super) fn handle_used(&mut self) {
        self.prefetching.handle_used();
    }

    pub(super) fn handle_skipped(&mut self) {
        self.prefetching.handle_skipped();
    }

    pub(super) fn counts(&self) -> PrefetchCounts {
        self.prefetching.counts()
    }
}
