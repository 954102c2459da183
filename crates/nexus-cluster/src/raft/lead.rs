//! What only a leader has.

use std::collections::{BTreeMap, VecDeque};

use nexus_base::Time;

use super::entry::Index;
use super::progress::Progress;
use super::reads::LeaderReads;
use super::transfer::Transfer;
use crate::NodeId;

/// Rounds whose sending time is remembered. An answer to an earlier one extends no lease.
/// Source: some seconds' worth at the default heartbeat interval.
const ROUNDS_MAX: usize = 64;

/// A leadership, from the election on.
#[derive(Debug)]
pub(super) struct Lead {
    pub followers: BTreeMap<NodeId, Progress>,
    /// The first entry of its own term.
    pub term_start: Index,
    /// The round of heartbeats that was sent last; the first is 1.
    pub round: u64,
    /// When the last rounds were sent; the last is `round`.
    rounds: VecDeque<Time>,
    pub heartbeat_at: Time,
    /// When to see whether a majority was heard of.
    pub check_at: Time,
    pub uncommitted_bytes: usize,
    pub transfer: Option<Transfer>,
    /// Rounds up to here extend no lease: it was given up then.
    pub lease_floor: u64,
    /// When a majority's answers to its latest round were complete; for a planted bug only.
    pub answered: (u64, Time),
    pub reads: LeaderReads,
}

impl Lead {
    pub fn new(term_start: Index, now: Time) -> Lead {
        Lead {
            followers: BTreeMap::new(),
            term_start,
            round: 0,
            rounds: VecDeque::new(),
            heartbeat_at: now,
            check_at: now,
            uncommitted_bytes: 0,
            transfer: None,
            lease_floor: 0,
            answered: (0, now),
            reads: LeaderReads::default(),
        }
    }

    /// Counts a new round that is sent now.
    pub fn begin_round(&mut self, now: Time) {
        self.round += 1;
        if self.rounds.len() == ROUNDS_MAX {
            self.rounds.pop_front();
        }
        self.rounds.push_back(now);
    }

    /// When a round was sent, unless that is too long ago.
    pub fn round_sent(&self, round: u64) -> Option<Time> {
        let back = usize::try_from(self.round.checked_sub(round)?).ok()?;
        let at = self.rounds.len().checked_sub(back)?.checked_sub(1)?;
        self.rounds.get(at).copied()
    }
}
