//! The balancer: keeps the books and lets a strategy choose.

use std::any::Any;
use std::collections::VecDeque;

use nexus_base::{Rng, Time};

use super::roster::Roster;
use super::ticket::{Stage, Tickets};
use super::{
    Arrival, Choice, Finished, Outcome, Release, Report, ServerId, ServerIndex, Strategy,
    StrategyName, Ticket, View, strategy,
};

/// How much a balancer takes on. What goes beyond is refused with an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Servers in the pool, those that left with requests in flight included.
    pub servers_max: u32,
    /// Requests at servers at one time.
    pub in_flight_max: u32,
    /// Requests that strategies hold at one time.
    pub held_max: u32,
}

impl Default for Limits {
    /// 65,536 servers, 1,048,576 in flight, 1,048,576 held. Source: a guess, a
    /// few times above the largest pools we measure; about 70 MB when all is full.
    fn default() -> Limits {
        Limits { servers_max: 1 << 16, in_flight_max: 1 << 20, held_max: 1 << 20 }
    }
}

/// What became of an arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// Send it to `server` now.
    Sent {
        /// Stands for the request until it ends.
        ticket: Ticket,
        /// Who serves it.
        server: ServerId,
    },
    /// Keep it; an [`Effect::Assign`] with this ticket will say where it goes, or an
    /// [`Effect::Refuse`] that it goes nowhere.
    Held {
        /// Stands for the request until it ends.
        ticket: Ticket,
    },
}

/// Something the driver is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Effect {
    /// Send the held request of this ticket to this server now. If the server
    /// left in between, finish the ticket as failed.
    Assign {
        /// The held request.
        ticket: Ticket,
        /// Who serves it.
        server: ServerId,
    },
    /// Tell whoever asked that the held request of this ticket will not be served
    /// by its deadline. The ticket is closed.
    Refuse {
        /// The held request.
        ticket: Ticket,
    },
    /// Ask this server how it is, and hand its answer to
    /// [`Balancer::handle_report`] with [`ReportCause::Probed`](super::ReportCause::Probed).
    /// An answer that never comes does no harm.
    Probe(ServerId),
}

/// Everything counted since the balancer was made.
///
/// At any moment `placed = in_flight + held + done + failed + cancelled + expired`, where
/// what is in flight and held are read from the [`Balancer`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Requests sent or held.
    pub placed: u64,
    /// Requests refused with a [`PickError`].
    pub refused: u64,
    /// Requests that ended well.
    pub done: u64,
    /// Requests that ended with [`Outcome::Failed`].
    pub failed: u64,
    /// Requests that ended with [`Outcome::Cancelled`], in flight or held.
    pub cancelled: u64,
    /// Requests that were held and then refused because of their deadline.
    pub expired: u64,
    /// Ends ignored because their ticket was not open: repeated or unknown.
    pub unknown_tickets: u64,
    /// Reports and leaves ignored because their server was not in the pool.
    pub unknown_servers: u64,
    /// Reports ignored because a later one was known.
    pub late_reports: u64,
}

/// Keeps a pool's books and places requests as its strategy chooses.
///
/// Every method that takes `now` expects time not to run backwards; if it does,
/// ages and response times count as zero.
pub struct Balancer {
    /// At least one.
    strategies: Vec<Box<dyn Strategy>>,
    limits: Limits,
    roster: Roster,
    tickets: Tickets,
    held: usize,
    /// What became of held requests; there are never more than were held.
    released: VecDeque<Effect>,
    counts: Counts,
}

impl Balancer {
    /// A balancer with an empty pool.
    pub fn new(strategy: Box<dyn Strategy>, limits: Limits) -> Balancer {
        Balancer {
            strategies: vec![strategy],
            limits,
            roster: Roster::default(),
            tickets: Tickets::default(),
            held: 0,
            released: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// A balancer with an empty pool, the strategy called `name` and default limits.
    pub fn named(name: StrategyName) -> Balancer {
        Balancer::new(strategy(name), Limits::default())
    }

    /// Adds another strategy over the same servers and the same books. Every
    /// strategy is told everything, whoever chose; [`Balancer::handle_request_by`]
    /// says who chooses. So a pool can serve some requests in turn and others by
    /// load, and the load counts them all.
    ///
    /// ```
    /// use nexus_base::{Rng, Time};
    /// use nexus_coord::balance::{Arrival, Balancer, Placement, StrategyName, strategy};
    ///
    /// let mut balancer = Balancer::named(StrategyName::RoundRobin)
    ///     .with_strategy(strategy(StrategyName::LeastConnections));
    /// let mut rng = Rng::new(7);
    /// for _ in 0..2 {
    ///     balancer.handle_join(Time::ZERO).expect("two servers fit");
    /// }
    /// let mut server = |strategy_index| {
    ///     let arrival = Arrival::new(0);
    ///     match balancer.handle_request_by(strategy_index, Time::ZERO, &arrival, &mut rng) {
    ///         Ok(Placement::Sent { server, .. }) => server.index().as_usize(),
    ///         other => panic!("{other:?}"),
    ///     }
    /// };
    /// assert_eq!(server(0), 0, "the first in turn");
    /// assert_eq!(server(1), 1, "the one with less in flight");
    /// ```
    ///
    /// # Panics
    /// If a server has joined already: the strategy would not know it.
    pub fn with_strategy(mut self, strategy: Box<dyn Strategy>) -> Balancer {
        assert_eq!(self.roster.seats_taken(), 0, "strategies come before servers");
        self.strategies.push(strategy);
        self
    }

    /// What the first strategy is called.
    pub fn strategy_name(&self) -> &'static str {
        self.strategies[0].name()
    }

    /// Has `change` look at the strategy of this index, or change it, and then asks
    /// what becomes of what is held: poll the effects. `None` if there is no such
    /// strategy, or it is no `T` or does not show itself.
    pub fn change_strategy<T: Any, R>(
        &mut self,
        now: Time,
        strategy_index: usize,
        change: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let strategy = self.strategies.get_mut(strategy_index)?.as_any()?.downcast_mut::<T>()?;
        let changed = change(strategy);
        self.release_held(now);
        Some(changed)
    }

    /// The strategy of this index, to be looked at and nothing more. `None` as for
    /// [`Balancer::change_strategy`].
    pub fn strategy_as<T: Any>(&mut self, strategy_index: usize) -> Option<&T> {
        self.strategies.get_mut(strategy_index)?.as_any()?.downcast_ref::<T>()
    }

    /// The pool as the strategy sees it.
    pub fn view(&self, now: Time) -> View<'_> {
        self.roster.view(now)
    }

    /// Servers that can be chosen.
    pub fn server_count(&self) -> usize {
        self.roster.len()
    }

    /// Requests at servers, those that left included.
    pub fn in_flight_count(&self) -> usize {
        self.tickets.len() - self.held
    }

    /// Requests that strategies hold.
    pub fn held_count(&self) -> usize {
        self.held
    }

    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes a new server into the pool. Held requests may go to it: poll the effects.
    ///
    /// # Errors
    /// [`RosterFull`] at [`Limits::servers_max`]; nothing changed.
    pub fn handle_join(&mut self, now: Time) -> Result<ServerId, RosterFull> {
        let servers_max = self.limits.servers_max;
        if self.roster.seats_taken() >= servers_max as usize {
            return Err(RosterFull { servers_max });
        }
        let server = self.roster.join();
        self.tell_all(now, |strategy, view| strategy.handle_joined(view, server.index));
        self.release_held(now);
        Ok(server)
    }

    /// Takes `server` out of the pool: nothing more goes to it. Returns how many
    /// requests it still has; each of their tickets is still to be finished.
    ///
    /// # Errors
    /// [`UnknownServer`] if it is not in the pool; counted, nothing else changed.
    pub fn handle_leave(&mut self, now: Time, server: ServerId) -> Result<u32, UnknownServer> {
        let index = self.seat_of(server)?;
        let in_flight = self.roster.in_flight(index);
        self.roster.leave(index);
        self.tell_all(now, |strategy, view| strategy.handle_left(view, index));
        self.release_held(now);
        Ok(in_flight)
    }

    /// Places one request as the first strategy chooses.
    ///
    /// # Errors
    /// [`PickError`] if it cannot be placed; counted as refused, nothing else
    /// changed. With an empty pool or at [`Limits::in_flight_max`] the strategy is
    /// not asked and nothing is drawn.
    pub fn handle_request(
        &mut self,
        now: Time,
        arrival: &Arrival,
        rng: &mut Rng,
    ) -> Result<Placement, PickError> {
        self.handle_request_by(0, now, arrival, rng)
    }

    /// Places one request as a certain strategy chooses: 0 is the one the balancer
    /// was made with, the others follow in the order they were added.
    ///
    /// # Errors
    /// As [`Balancer::handle_request`].
    ///
    /// # Panics
    /// If there is no such strategy.
    pub fn handle_request_by(
        &mut self,
        strategy_index: usize,
        now: Time,
        arrival: &Arrival,
        rng: &mut Rng,
    ) -> Result<Placement, PickError> {
        let placed = self.place(strategy_index, now, arrival, rng);
        match placed {
            Ok(_) => self.counts.placed += 1,
            Err(_) => self.counts.refused += 1,
        }
        // While choosing a strategy may have found that what it holds goes elsewhere.
        self.release_held(now);
        placed
    }

    /// Ends one request, in flight or held. A held request that ends was cancelled,
    /// whatever `outcome` says. Held requests may go out in its place: poll the effects.
    ///
    /// # Errors
    /// [`UnknownTicket`] if it is not open: it ended before or never existed.
    /// Counted, nothing else changed.
    pub fn handle_finished(
        &mut self,
        now: Time,
        ticket: Ticket,
        outcome: Outcome,
    ) -> Result<(), UnknownTicket> {
        match self.tickets.close(ticket) {
            None => {
                self.counts.unknown_tickets += 1;
                return Err(UnknownTicket(ticket));
            }
            Some(Stage::Held { by }) => self.cancel_held(now, by, ticket),
            Some(Stage::Sent { server, at, in_flight }) => {
                let response = now.since(at);
                let finished = Finished { ticket, outcome, response, in_flight_at_send: in_flight };
                self.finish(now, server, &finished);
            }
        }
        self.release_held(now);
        Ok(())
    }

    /// Takes in what a server tells about itself. Reports may be old, repeated and
    /// out of order; one measured after `now` by a faster clock counts as of now.
    ///
    /// # Errors
    /// [`ReportError`] if the report was of no use; counted, nothing else changed.
    pub fn handle_report(
        &mut self,
        now: Time,
        server: ServerId,
        mut report: Report,
    ) -> Result<(), ReportError> {
        let index = self.seat_of(server)?;
        report.at = report.at.min(now);
        if !self.roster.record(index, report) {
            self.counts.late_reports += 1;
            return Err(ReportError::Late);
        }
        self.tell_all(now, |strategy, view| strategy.handle_report(view, index, &report));
        Ok(())
    }

    /// The oldest thing the driver has yet to carry out, probes last.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        while let Some(effect) = self.released.pop_front() {
            match effect {
                // It was cancelled since it was assigned.
                Effect::Assign { ticket, .. } if self.tickets.stage(ticket).is_none() => {}
                effect => return Some(effect),
            }
        }
        loop {
            let server = self.strategies.iter_mut().find_map(|strategy| strategy.poll_probe())?;
            // It may have left since the strategy asked.
            if self.roster.is_candidate(server) {
                return Some(Effect::Probe(self.roster.id_of(server)));
            }
        }
    }

    fn place(
        &mut self,
        strategy_index: usize,
        now: Time,
        arrival: &Arrival,
        rng: &mut Rng,
    ) -> Result<Placement, PickError> {
        if self.roster.len() == 0 {
            return Err(PickError::Empty);
        }
        let in_flight_max = self.limits.in_flight_max;
        if self.in_flight_count() >= in_flight_max as usize {
            return Err(PickError::InFlightFull { in_flight_max });
        }
        let strategy = &mut self.strategies[strategy_index];
        match strategy.pick(&self.roster.view(now), arrival, rng) {
            Choice::Server(server) if self.roster.is_candidate(server) => {
                let ticket = self.tickets.open(self.stage_at(now, server));
                self.count_sent(now, server, ticket, arrival);
                Ok(Placement::Sent { ticket, server: self.roster.id_of(server) })
            }
            Choice::Server(_) => Err(PickError::NotACandidate { strategy: strategy.name() }),
            Choice::Hold => self.hold(strategy_index, now, arrival),
            Choice::Refuse => Err(PickError::TooLate),
        }
    }

    fn hold(
        &mut self,
        strategy_index: usize,
        now: Time,
        arrival: &Arrival,
    ) -> Result<Placement, PickError> {
        let held_max = self.limits.held_max;
        if self.held >= held_max as usize {
            return Err(PickError::HeldFull { held_max });
        }
        self.held += 1;
        let by = u8::try_from(strategy_index).expect("a pool has few strategies");
        let ticket = self.tickets.open(Stage::Held { by });
        let view = self.roster.view(now);
        self.strategies[strategy_index].handle_held(&view, ticket, arrival);
        Ok(Placement::Held { ticket })
    }

    /// What a ticket stands for that goes to `server` now, as one more there.
    fn stage_at(&self, now: Time, server: ServerIndex) -> Stage {
        Stage::Sent { server, at: now, in_flight: self.roster.in_flight(server) + 1 }
    }

    fn count_sent(&mut self, now: Time, server: ServerIndex, ticket: Ticket, arrival: &Arrival) {
        self.roster.add(server);
        self.tell_all(now, |strategy, view| strategy.handle_sent(view, server, ticket, arrival));
    }

    fn finish(&mut self, now: Time, server: ServerIndex, finished: &Finished) {
        match finished.outcome {
            Outcome::Done => self.counts.done += 1,
            Outcome::Failed => self.counts.failed += 1,
            Outcome::Cancelled => self.counts.cancelled += 1,
        }
        self.roster.subtract(server);
        // The strategy forgot a server that left when it left.
        if self.roster.is_candidate(server) {
            self.tell_all(now, |strategy, view| strategy.handle_finished(view, server, finished));
        }
    }

    fn cancel_held(&mut self, now: Time, by: u8, ticket: Ticket) {
        self.counts.cancelled += 1;
        self.held -= 1;
        let view = self.roster.view(now);
        self.strategies[usize::from(by)].handle_given_up(&view, ticket);
    }

    /// Asks the strategies what becomes of what they hold.
    fn release_held(&mut self, now: Time) {
        while self.held > 0 && self.in_flight_count() < self.limits.in_flight_max as usize {
            let view = self.roster.view(now);
            let mut strategies = self.strategies.iter_mut();
            let released = strategies.find_map(|strategy| strategy.poll_release(&view));
            match released {
                None => return,
                Some(Release::Send { ticket, arrival, server }) => {
                    self.send_held(now, ticket, &arrival, server);
                }
                Some(Release::Refuse { ticket }) => self.refuse_held(ticket),
            }
        }
    }

    fn send_held(&mut self, now: Time, ticket: Ticket, arrival: &Arrival, server: ServerIndex) {
        assert!(self.roster.is_candidate(server), "a held request goes to one of the candidates");
        self.held -= 1;
        self.tickets.send(ticket, self.stage_at(now, server));
        self.count_sent(now, server, ticket, arrival);
        let server = self.roster.id_of(server);
        self.released.push_back(Effect::Assign { ticket, server });
    }

    fn refuse_held(&mut self, ticket: Ticket) {
        self.held -= 1;
        self.counts.expired += 1;
        let stage = self.tickets.close(ticket);
        assert!(matches!(stage, Some(Stage::Held { .. })), "what is released was held");
        self.released.push_back(Effect::Refuse { ticket });
    }

    #[inline]
    fn tell_all(&mut self, now: Time, tell: impl Fn(&mut dyn Strategy, &View<'_>)) {
        let view = self.roster.view(now);
        for strategy in &mut self.strategies {
            tell(&mut **strategy, &view);
        }
    }

    fn seat_of(&mut self, server: ServerId) -> Result<ServerIndex, UnknownServer> {
        let seat = self.roster.seat_of(server);
        if seat.is_none() {
            self.counts.unknown_servers += 1;
        }
        seat.ok_or(UnknownServer(server))
    }
}

impl std::fmt::Debug for Balancer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Balancer")
            .field("strategy", &self.strategy_name())
            .field("servers", &self.server_count())
            .field("in_flight", &self.in_flight_count())
            .field("held", &self.held_count())
            .finish_non_exhaustive()
    }
}

/// Why a request was not placed. Nothing changed; the caller still has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PickError {
    /// There is nobody to choose from. Try again when a server has joined.
    #[error("no server is in the pool")]
    Empty,
    /// Too much is at servers already. Try again when something has finished, or shed it.
    #[error("{in_flight_max} requests are in flight already")]
    InFlightFull {
        /// The limit.
        in_flight_max: u32,
    },
    /// Too many are held. Try again when something has finished, or shed it.
    #[error("{held_max} requests are waiting already")]
    HeldFull {
        /// The limit.
        held_max: u32,
    },
    /// By what its strategy expects it would not be served by its deadline. Try
    /// again later, or with more time.
    #[error("it would not be served by its deadline")]
    TooLate,
    /// The strategy chose a server that is not in the pool: a mistake in the strategy.
    #[error("strategy {strategy} chose a server that is not in the pool")]
    NotACandidate {
        /// The strategy at fault.
        strategy: &'static str,
    },
}

/// The pool has as many servers as it may. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the pool is full at {servers_max} servers")]
pub struct RosterFull {
    /// The limit.
    pub servers_max: u32,
}

/// The server is not in the pool, or no longer. Trying again will not help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("server {0} is not in the pool")]
pub struct UnknownServer(
    /// The server named.
    pub ServerId,
);

/// The ticket is not open: its request ended before, or never was. Trying again will not help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no open request has ticket {}", .0.as_u64())]
pub struct UnknownTicket(
    /// The ticket named.
    pub Ticket,
);

/// Why a report was of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It comes from a server that is not in the pool.
    #[error(transparent)]
    UnknownServer(#[from] UnknownServer),
    /// A later report of the server is known. Harmless where reports can overtake each other.
    #[error("a later report of the server is known")]
    Late,
}
