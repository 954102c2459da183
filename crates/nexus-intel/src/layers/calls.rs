//! The trial of a pool's layers: which of its calls are open, and what they came to.

use std::time::Duration;

use nexus_base::{FixedMap, Level, Rng, Time};
use nexus_coord::balance::{Arrival, Outcome as Ended, Ticket};

use super::recorder::Recorder;
use super::trial::{Counted, Trial, TrialError, TrialSpec};
use crate::measure::{Gain, Objective, Phase};
use crate::safety::Ladder;

/// A trial, and the requests in the pool.
pub(super) struct Calls {
    trial: Trial,
    open: FixedMap<Ticket, Call>,
    recorder: Recorder,
}

#[derive(Clone, Debug)]
struct Call {
    counted: Counted,
    /// What is known of it, but which blocks of context: those are not replayed.
    arrival: Arrival,
}

impl Calls {
    pub(super) fn new(now: Time, spec: TrialSpec, rng: Rng) -> Result<Calls, TrialError> {
        let trial = Trial::new(now, spec, rng)?;
        Ok(Calls { trial, open: FixedMap::default(), recorder: Recorder::default() })
    }

    /// The level that is to place requests.
    pub(super) fn level(&self, ladder: &Ladder) -> Level {
        self.trial.level(ladder)
    }

    /// Measures what the ladder says is next, and ends blocks that are over.
    pub(super) fn attend(&mut self, now: Time, ladder: &Ladder) {
        self.trial.attend(now, ladder, |_| true);
    }

    /// Whether another block has begun than the one that is recorded.
    pub(super) fn has_new_block(&self) -> bool {
        self.recorder.is_over(self.trial.span())
    }

    /// Records the block that has begun, in which servers are thought to be so fast.
    pub(super) fn record_block(&mut self, now: Time, ladder: &Ladder, speeds: Vec<f64>) {
        let levels = self.trial.levels(ladder).unwrap_or_default();
        self.recorder.begin(now, self.trial.span(), levels, speeds);
    }

    /// A request came, or has been there and is sent.
    pub(super) fn handle_came(&mut self, now: Time, ticket: Ticket, arrival: &Arrival) {
        let open = self.open.len();
        let counted = self.count(now, arrival);
        let call = || Call { counted, arrival: Arrival { blocks: None, ..arrival.clone() } };
        self.open.entry(ticket).or_insert_with(call);
        if self.open.len() > open {
            self.recorder.handle_came(now);
        }
    }

    /// A request is in the pool no longer; it was so many seconds of work, as far as is
    /// known. What follows for the ladder, if anything.
    pub(super) fn handle_ended(
        &mut self,
        now: Time,
        ticket: Ticket,
        ended: Ended,
        work_s: Option<f64>,
        ladder: &mut Ladder,
    ) {
        let Some(Call { counted, arrival }) = self.open.remove(&ticket) else { return };
        self.record(now, counted, (ended, arrival.deadline), ladder);
        if let Some(work_s) = work_s {
            let at = counted.at();
            self.recorder.handle_served(at, arrival, work_s, now.since(at));
        }
    }

    /// A request was refused when it came.
    pub(super) fn handle_refused(&mut self, now: Time, arrival: &Arrival, ladder: &mut Ladder) {
        let counted = self.count(now, arrival);
        self.recorder.handle_came(now);
        self.record(now, counted, (Ended::Failed, arrival.deadline), ladder);
    }

    /// A request whose end will not be known.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.open.remove(&ticket);
    }

    /// What is measured, of which layer, and what the switchback is doing.
    pub(super) fn measured(&self) -> Option<(Level, Gain, Phase)> {
        self.trial.measured()
    }

    pub(super) fn trial(&self) -> &Trial {
        &self.trial
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// By how large it is as far as it says: tokens of context, or where there are none
    /// thousandths of the complexity that it declares.
    fn count(&self, now: Time, arrival: &Arrival) -> Counted {
        let size = match arrival.context_tokens {
            0 => (1_000.0 * arrival.features.complexity()) as u64,
            tokens => u64::from(tokens),
        };
        self.trial.count(now, size)
    }

    fn record(
        &mut self,
        now: Time,
        counted: Counted,
        (ended, deadline): (Ended, Time),
        ladder: &mut Ladder,
    ) {
        let is_share = matches!(self.trial.objective(), Objective::MissedShare(_));
        let cost = match ended {
            Ended::Done => now.since(counted.at()),
            // As long as whoever asked would have waited at the most: an hour would drown
            // all others.
            _ if !is_share && deadline < Time::MAX => deadline.max(now).since(counted.at()),
            Ended::Failed | Ended::Cancelled => Duration::MAX,
        };
        self.trial.record(now, counted, cost, ladder);
    }
}
