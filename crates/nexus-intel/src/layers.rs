//! The layers of one pool, as one balancing strategy.
//!
//! Below is least connections, which needs nothing; above it are requests
//! scheduled by predicted work, and by learned speeds. A [`Ladder`] says how high
//! to go. Everybody is told everything, so whoever takes over knows the pool.
//!
//! Where requests are live, a [trial](PoolLayers::with_trial) measures what each layer
//! is worth. Offline the same requests are served twice instead, and the ladder
//! alone decides.

mod calls;
mod recorder;
mod rehearsal;
#[cfg(all(test, feature = "adaptive"))]
mod tests;
mod trial;

use std::any::Any;

use nexus_base::{Level, Rng, Time};
use nexus_coord::balance::{
    Arrival, Choice, Finished, LeastConnections, Outcome, Release, Report, ServerIndex, Strategy,
    Ticket, View,
};

use crate::measure::{Gain, Phase};
use crate::proactive::{Fault, Scheduled, ScheduledSpec, Speeds, WorkModel};
use crate::safety::{Ladder, LadderError, LadderSpec, Reason, Stage};
use calls::Calls;
use rehearsal::KnownSpeeds;

pub use rehearsal::Rehearsal;
pub use trial::{Counted, Trial, TrialError, TrialSpec};

/// The layers of one pool.
///
/// When a layer steps down, what it held is placed by the one below; what it has
/// sent stays where it is.
///
/// ```
/// use nexus_base::{Level, Rng, Time};
/// use nexus_coord::balance::{Arrival, Balancer, Limits};
/// use nexus_intel::layers::PoolLayers;
/// use nexus_intel::proactive::{EvenSpeeds, LearnedWork, ScheduledSpec};
/// use nexus_intel::safety::LadderSpec;
///
/// let ladder = LadderSpec {
///     asked: Level::Proactive,
///     enabled: vec![Level::Proactive],
///     ..LadderSpec::default()
/// };
/// let spec = ScheduledSpec::new("layers");
/// let layers = PoolLayers::new(
///     Time::ZERO, ladder, spec, LearnedWork::new(), EvenSpeeds, Rng::new(1),
/// )?;
/// assert_eq!(layers.used(), Level::Proactive);
/// let mut balancer = Balancer::new(Box::new(layers), Limits::default());
/// balancer.handle_join(Time::ZERO)?;
/// balancer.handle_request(Time::ZERO, &Arrival::new(374), &mut Rng::new(7))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PoolLayers<W, S> {
    ladder: Ladder,
    base: LeastConnections,
    scheduled: Scheduled<W, S>,
    rng: Rng,
    trial: Option<Calls>,
    /// The servers in the pool.
    servers: Vec<ServerIndex>,
}

impl<W: WorkModel, S: Speeds> PoolLayers<W, S> {
    /// Sets the layers up. What the base draws when it places what a layer above
    /// held comes from `rng`.
    ///
    /// # Errors
    /// [`LadderError`] if the ladder's spec contradicts itself.
    pub fn new(
        now: Time,
        ladder: LadderSpec,
        scheduled: ScheduledSpec,
        work: W,
        speeds: S,
        rng: Rng,
    ) -> Result<PoolLayers<W, S>, LadderError> {
        let mut layers = PoolLayers {
            ladder: Ladder::new(now, ladder)?,
            base: LeastConnections::default(),
            scheduled: Scheduled::new(scheduled, work, speeds),
            rng,
            trial: None,
            servers: Vec::new(),
        };
        layers.follow_ladder();
        Ok(layers)
    }

    /// Measures the layers on what comes from `now` on: each is used in some blocks of
    /// time and not in others, until it is sure that it pays. What is drawn comes
    /// from `rng`.
    ///
    /// # Errors
    /// [`TrialError`] if the spec contradicts itself.
    pub fn with_trial(
        self,
        now: Time,
        spec: TrialSpec,
        rng: Rng,
    ) -> Result<PoolLayers<W, S>, TrialError> {
        let mut layers = PoolLayers { trial: Some(Calls::new(now, spec, rng)?), ..self };
        layers.attend(now);
        Ok(layers)
    }

    /// The level that places requests now.
    pub fn used(&self) -> Level {
        match &self.trial {
            Some(trial) => trial.level(&self.ladder),
            None => self.ladder.used(),
        }
    }

    /// Which layer is measured, what it is worth so far, and what the switchback is
    /// doing; if layers are measured.
    pub fn measured(&self) -> Option<(Level, Gain, Phase)> {
        self.trial.as_ref()?.measured()
    }

    /// The last blocks of the layer that is measured, to be served again in a simulator;
    /// `None` where nothing is measured. What it takes along is little, and the
    /// replay can be done elsewhere: see [`Rehearsal::replay`].
    pub fn rehearsal(&self) -> Option<Rehearsal<W>>
    where
        W: Clone,
    {
        let calls = self.trial.as_ref()?;
        let levels = calls.trial().levels(&self.ladder)?;
        let blocks = calls.recorder().blocks().filter(|block| block.levels == levels);
        Some(Rehearsal {
            objective: calls.trial().objective(),
            levels,
            blocks: blocks.cloned().collect(),
            scheduled: self.scheduled.rehearsed(KnownSpeeds::default()),
        })
    }

    /// The ladder.
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// Changes what the ladder is asked for, enables or disables layers.
    ///
    /// # Errors
    /// As `change`; what it did before it failed holds.
    pub fn change_ladder<E>(
        &mut self,
        now: Time,
        change: impl FnOnce(&mut Ladder) -> Result<(), E>,
    ) -> Result<(), E> {
        let changed = change(&mut self.ladder);
        // What is measured may have been taken away.
        self.attend(now);
        changed
    }

    /// What schedules requests above the base.
    pub fn scheduled(&self) -> &Scheduled<W, S> {
        &self.scheduled
    }

    /// Bytes that the layers above the base have come to.
    pub fn size_bytes(&self) -> usize {
        size_of::<Ladder>() + self.scheduled.size_bytes()
    }

    fn is_scheduled(&self) -> bool {
        self.used() > Level::Reactive
    }

    fn follow_ladder(&mut self) {
        let is_adaptive = self.used() >= Level::Adaptive;
        self.scheduled.set_speeds_on(is_adaptive);
    }

    /// Ends what is over, and tells the ladder of faults it does not know of yet.
    fn attend(&mut self, now: Time) {
        if self.ladder.next_timeout().is_some_and(|at| at <= now) {
            self.ladder.handle_timeout(now);
        }
        if let Some(fault) = self.scheduled.work_fault() {
            // Adaptive predictions are made with the same model.
            self.send_down(now, Level::Proactive, fault);
            self.send_down(now, Level::Adaptive, fault);
        }
        if let Some(fault) = self.scheduled.speeds_fault() {
            self.send_down(now, Level::Adaptive, fault);
        }
        if let Some(trial) = &mut self.trial {
            trial.attend(now, &self.ladder);
            if trial.has_new_block() {
                let speeds = self.scheduled.speeds();
                let speeds = self.servers.iter().map(|&server| speeds.learned(server)).collect();
                trial.record_block(now, &self.ladder, speeds);
            }
        }
        self.follow_ladder();
    }

    fn note_came(&mut self, view: &View<'_>, ticket: Ticket, arrival: &Arrival) {
        if let Some(trial) = &mut self.trial {
            trial.handle_came(view.now(), ticket, arrival);
        }
    }

    fn note_ended(&mut self, view: &View<'_>, ticket: Ticket, outcome: Outcome) {
        if let Some(trial) = &mut self.trial {
            let work_s = self.scheduled.last_work_s().filter(|_| outcome == Outcome::Done);
            trial.handle_ended(view.now(), ticket, outcome, work_s, &mut self.ladder);
        }
    }

    /// A layer with a fault is not used, and not tried again while it has it.
    fn send_down(&mut self, now: Time, level: Level, fault: Fault) {
        if !matches!(self.ladder.stage(level), Stage::Trying | Stage::On) {
            return;
        }
        let reason = match fault {
            Fault::NoAmount => Reason::NotANumber,
            fault => Reason::model_error(fault.to_string()),
        };
        self.ladder.handle_fault(now, level, reason).expect("both are above the reactive level");
    }
}

impl<W: WorkModel + 'static, S: Speeds + 'static> Strategy for PoolLayers<W, S> {
    fn name(&self) -> &'static str {
        match self.used() {
            Level::Reactive => self.base.name(),
            _ => self.scheduled.name(),
        }
    }

    fn pick(&mut self, view: &View<'_>, arrival: &Arrival, rng: &mut Rng) -> Choice {
        self.attend(view.now());
        if !self.is_scheduled() {
            return self.base.pick(view, arrival, rng);
        }
        let choice = self.scheduled.pick(view, arrival, rng);
        if let (Choice::Refuse, Some(trial)) = (choice, &mut self.trial) {
            // Nobody comes back to it: what a layer refuses must not look like nothing.
            trial.handle_refused(view.now(), arrival, &mut self.ladder);
        }
        choice
    }

    fn handle_held(&mut self, view: &View<'_>, ticket: Ticket, arrival: &Arrival) {
        self.note_came(view, ticket, arrival);
        self.scheduled.handle_held(view, ticket, arrival);
    }

    fn handle_given_up(&mut self, view: &View<'_>, ticket: Ticket) {
        self.scheduled.handle_given_up(view, ticket);
        self.note_ended(view, ticket, Outcome::Cancelled);
    }

    fn poll_release(&mut self, view: &View<'_>) -> Option<Release> {
        if self.is_scheduled() {
            let released = self.scheduled.poll_release(view);
            if let Some(Release::Refuse { ticket }) = released {
                self.note_ended(view, ticket, Outcome::Failed);
            }
            return released;
        }
        if view.candidates().is_empty() {
            return None;
        }
        // The layer that held it was taken away.
        let (ticket, arrival) = self.scheduled.take_held()?;
        let Choice::Server(server) = self.base.pick(view, &arrival, &mut self.rng) else {
            unreachable!("least connections places everything at once")
        };
        Some(Release::Send { ticket, arrival, server })
    }

    fn handle_joined(&mut self, view: &View<'_>, server: ServerIndex) {
        self.servers = view.candidates().to_vec();
        self.base.handle_joined(view, server);
        self.scheduled.handle_joined(view, server);
    }

    fn handle_left(&mut self, view: &View<'_>, server: ServerIndex) {
        if let Some(trial) = &mut self.trial {
            // Nobody is told how they end.
            self.scheduled.sent_to(server).for_each(|ticket| trial.forget(ticket));
        }
        self.servers = view.candidates().to_vec();
        self.base.handle_left(view, server);
        self.scheduled.handle_left(view, server);
    }

    fn handle_sent(
        &mut self,
        view: &View<'_>,
        server: ServerIndex,
        ticket: Ticket,
        arrival: &Arrival,
    ) {
        self.note_came(view, ticket, arrival);
        self.base.handle_sent(view, server, ticket, arrival);
        self.scheduled.handle_sent(view, server, ticket, arrival);
    }

    fn handle_finished(&mut self, view: &View<'_>, server: ServerIndex, finished: &Finished) {
        self.base.handle_finished(view, server, finished);
        self.scheduled.handle_finished(view, server, finished);
        self.note_ended(view, finished.ticket, finished.outcome);
        self.attend(view.now());
    }

    fn as_any(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }

    fn handle_report(&mut self, view: &View<'_>, server: ServerIndex, report: &Report) {
        self.base.handle_report(view, server, report);
        self.scheduled.handle_report(view, server, report);
    }
}
