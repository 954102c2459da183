//! A balancing strategy that is another one as conditions change.
//!
//! Every strategy that may be chosen is told everything, so whoever takes over knows
//! the pool. What waits in the line of a strategy that is left is placed by the next.
//!
//! Absent on purpose: predictions. They, and being measured, are what a pool's
//! [layers](crate::layers) are for; this is for pools that have none.

mod meter;

use nexus_base::Rng;
use nexus_coord::balance::{
    Arrival, CentralQueue, Choice as Picked, Finished, LeastConnections, Release, Report,
    ServerIndex, Strategy, StrategyName, Ticket, TwoChoices, View, WeightedResponseTime,
};

use super::{Choice, Chooser};
use meter::Meter;

/// Requests that end from one look at the conditions to the next. A guess.
const LOOK_EVERY: u32 = 64;

/// Balances by least connections, two choices, weighted response times or a central
/// queue, whichever a [`Chooser`] says.
///
/// ```
/// use nexus_base::{Rng, Time};
/// use nexus_coord::balance::{Arrival, Balancer, Limits};
/// use nexus_intel::adaptive::Choosing;
///
/// let mut balancer = Balancer::new(Box::new(Choosing::new(Rng::new(1))), Limits::default());
/// balancer.handle_join(Time::ZERO)?;
/// balancer.handle_request(Time::ZERO, &Arrival::new(374), &mut Rng::new(7))?;
/// let choosing = balancer.strategy_as::<Choosing>(0).expect("it shows itself");
/// assert_eq!(choosing.chooser().why().to_string(), "nothing speaks for another one");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Choosing {
    chooser: Chooser,
    meter: Meter,
    /// Requests that ended since the conditions were looked at.
    ended: u32,
    least: LeastConnections,
    two: TwoChoices,
    weighted: WeightedResponseTime,
    queue: CentralQueue,
    rng: Rng,
}

impl Choosing {
    /// One that begins with least connections. What is drawn when a line that was left
    /// is placed comes from `rng`.
    pub fn new(rng: Rng) -> Choosing {
        Choosing {
            chooser: Chooser::new(),
            meter: Meter::default(),
            ended: 0,
            least: LeastConnections::default(),
            two: TwoChoices,
            weighted: WeightedResponseTime::default(),
            queue: CentralQueue::default(),
            rng,
        }
    }

    /// What is chosen, and why.
    pub fn chooser(&self) -> &Chooser {
        &self.chooser
    }

    fn is_queue(&self) -> bool {
        self.chooser.choice() == Choice::Named(StrategyName::CentralQueue)
    }

    fn chosen(&mut self) -> &mut dyn Strategy {
        match self.chooser.choice() {
            Choice::Named(StrategyName::TwoChoices) => &mut self.two,
            Choice::Named(StrategyName::WeightedResponseTime) => &mut self.weighted,
            Choice::Named(StrategyName::CentralQueue) => &mut self.queue,
            // The chooser has no other without predictions, which nobody tells it of.
            _ => &mut self.least,
        }
    }

    fn all(&mut self) -> [&mut dyn Strategy; 4] {
        [&mut self.least, &mut self.two, &mut self.weighted, &mut self.queue]
    }

    fn look(&mut self, view: &View<'_>) {
        self.ended = 0;
        let conditions = self.meter.conditions(view);
        let looked = self.chooser.handle_conditions(view.now(), conditions);
        looked.expect("shares, counts and ratios are in range");
    }
}

impl Strategy for Choosing {
    fn name(&self) -> &'static str {
        self.chooser.choice().as_str()
    }

    fn pick(&mut self, view: &View<'_>, arrival: &Arrival, rng: &mut Rng) -> Picked {
        self.meter.handle_arrived(arrival);
        self.chosen().pick(view, arrival, rng)
    }

    fn handle_held(&mut self, view: &View<'_>, ticket: Ticket, arrival: &Arrival) {
        self.queue.handle_held(view, ticket, arrival);
    }

    fn handle_given_up(&mut self, view: &View<'_>, ticket: Ticket) {
        self.queue.handle_given_up(view, ticket);
    }

    fn poll_release(&mut self, view: &View<'_>) -> Option<Release> {
        if self.is_queue() {
            return self.queue.poll_release(view);
        }
        if view.candidates().is_empty() {
            return None;
        }
        let (ticket, arrival) = self.queue.take_held()?;
        let mut rng = self.rng.clone();
        let picked = self.chosen().pick(view, &arrival, &mut rng);
        self.rng = rng;
        let Picked::Server(server) = picked else {
            unreachable!("only the central queue has requests wait")
        };
        Some(Release::Send { ticket, arrival, server })
    }

    fn handle_joined(&mut self, view: &View<'_>, server: ServerIndex) {
        self.meter.handle_joined(server);
        self.all().into_iter().for_each(|strategy| strategy.handle_joined(view, server));
    }

    fn handle_left(&mut self, view: &View<'_>, server: ServerIndex) {
        self.all().into_iter().for_each(|strategy| strategy.handle_left(view, server));
    }

    fn handle_sent(
        &mut self,
        view: &View<'_>,
        server: ServerIndex,
        ticket: Ticket,
        arrival: &Arrival,
    ) {
        let all = self.all().into_iter();
        all.for_each(|strategy| strategy.handle_sent(view, server, ticket, arrival));
    }

    fn handle_finished(&mut self, view: &View<'_>, server: ServerIndex, finished: &Finished) {
        let all = self.all().into_iter();
        all.for_each(|strategy| strategy.handle_finished(view, server, finished));
        self.meter.handle_finished(server, finished);
        self.ended += 1;
        if self.ended >= LOOK_EVERY {
            self.look(view);
        }
    }

    fn handle_report(&mut self, view: &View<'_>, server: ServerIndex, report: &Report) {
        let all = self.all().into_iter();
        all.for_each(|strategy| strategy.handle_report(view, server, report));
    }

    fn as_any(&mut self) -> Option<&mut dyn std::any::Any> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
