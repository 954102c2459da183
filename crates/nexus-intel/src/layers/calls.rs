//! The trial of a pool's layers: which of its calls are open, and what they came to.

use std::time::Duration;

use nexus_base::{FixedMap, Level, Rng, Time};
use nexus_coord::balance::{Arrival, Outcome as Ended, Ticket};

use super::trial::{Counted, Trial, TrialError, TrialSpec};
use crate::measure::{Gain, Phase};
use crate::safety::Ladder;

/// A trial, and the requests in the pool.
pub(super) struct Calls {
    trial: Trial,
    open: FixedMap<Ticket, Counted>,
}

impl Calls {
    pub(super) fn new(now: Time, spec: TrialSpec, rng: Rng) -> Result<Calls, TrialError> {
        Ok(Calls { trial: Trial::new(now, spec, rng)?, open: FixedMap::default() })
    }

    /// The level that is to place requests.
    pub(super) fn level(&self, ladder: &Ladder) -> Level {
        self.trial.level(ladder)
    }

    /// Measures what the ladder says is next, and ends blocks that are over.
    pub(super) fn attend(&mut self, now: Time, ladder: &Ladder) {
        self.trial.attend(now, ladder, |_| true);
    }

    /// A request came, or has been there and is sent.
    pub(super) fn handle_came(&mut self, now: Time, ticket: Ticket, arrival: &Arrival) {
        let counted = self.count(now, arrival);
        self.open.entry(ticket).or_insert(counted);
    }

    /// A request is in the pool no longer. What follows for the ladder, if anything.
    pub(super) fn handle_ended(
        &mut self,
        now: Time,
        ticket: Ticket,
        ended: Ended,
        ladder: &mut Ladder,
    ) {
        if let Some(counted) = self.open.remove(&ticket) {
            self.record(now, counted, ended, ladder);
        }
    }

    /// A request was refused when it came.
    pub(super) fn handle_refused(&mut self, now: Time, arrival: &Arrival, ladder: &mut Ladder) {
        let counted = self.count(now, arrival);
        self.record(now, counted, Ended::Failed, ladder);
    }

    /// A request whose end will not be known.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.open.remove(&ticket);
    }

    /// What is measured, of which layer, and what the switchback is doing.
    pub(super) fn measured(&self) -> Option<(Level, Gain, Phase)> {
        self.trial.measured()
    }

    fn count(&self, now: Time, arrival: &Arrival) -> Counted {
        self.trial.count(now, u64::from(arrival.context_tokens))
    }

    fn record(&mut self, now: Time, counted: Counted, ended: Ended, ladder: &mut Ladder) {
        let cost = match ended {
            Ended::Done => now.since(counted.at()),
            Ended::Failed | Ended::Cancelled => Duration::MAX,
        };
        self.trial.record(now, counted, cost, ladder);
    }
}
