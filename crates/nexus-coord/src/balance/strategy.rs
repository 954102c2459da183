//! What a strategy is asked and told.

use std::any::Any;
use std::time::Duration;

use nexus_base::Rng;

use super::{Arrival, Report, ServerIndex, Ticket, View};

/// Chooses who serves a request, and learns from what became of it.
///
/// The [`Balancer`](super::Balancer) calls it and keeps the books, so a strategy
/// holds only what its choice needs beyond the [`View`]. Every `handle_*` comes
/// after the view was brought up to date and concerns a current candidate.
///
/// ```
/// use nexus_base::{Rng, Time};
/// use nexus_coord::balance::{Arrival, Balancer, Choice, Limits, Placement, Strategy, View};
///
/// /// Always the server that has been in the pool's table longest.
/// struct First;
///
/// impl Strategy for First {
///     fn name(&self) -> &'static str {
///         "first"
///     }
///     fn pick(&mut self, view: &View<'_>, _: &Arrival, _: &mut Rng) -> Choice {
///         Choice::Server(view.candidates()[0])
///     }
/// }
///
/// let mut balancer = Balancer::new(Box::new(First), Limits::default());
/// let only = balancer.handle_join(Time::ZERO).expect("one server fits");
/// let placed = balancer.handle_request(Time::ZERO, &Arrival::new(1), &mut Rng::new(1));
/// assert!(matches!(placed, Ok(Placement::Sent { server, .. }) if server == only));
/// ```
pub trait Strategy: Send {
    /// What it is called in configuration, tables and reports.
    fn name(&self) -> &'static str;

    /// Picks one of [`View::candidates`], of which there is at least one, or holds
    /// the request until [`Strategy::poll_release`] says what becomes of it, or
    /// refuses it.
    ///
    /// `handle_sent` follows a server and `handle_held` a hold, unless too many are
    /// held already; so a choice should change nothing by itself.
    fn pick(&mut self, view: &View<'_>, arrival: &Arrival, rng: &mut Rng) -> Choice;

    /// The strategy holds `ticket` from here on.
    fn handle_held(&mut self, _view: &View<'_>, _ticket: Ticket, _arrival: &Arrival) {}

    /// `ticket`, which the strategy holds, waits no longer.
    fn handle_given_up(&mut self, _view: &View<'_>, _ticket: Ticket) {}

    /// What becomes now of a request that the strategy holds, if anything; it
    /// holds that one no longer.
    ///
    /// Asked while something is held, after each event that may have changed the
    /// answer, until it is `None`.
    fn poll_release(&mut self, _view: &View<'_>) -> Option<Release> {
        None
    }

    /// `server` became a candidate, with nothing in flight.
    fn handle_joined(&mut self, _view: &View<'_>, _server: ServerIndex) {}

    /// `server` is no longer a candidate. What it had in flight no longer matters.
    fn handle_left(&mut self, _view: &View<'_>, _server: ServerIndex) {}

    /// A request went to `server`, by whichever strategy; its count in the view
    /// includes it already.
    fn handle_sent(
        &mut self,
        _view: &View<'_>,
        _server: ServerIndex,
        _ticket: Ticket,
        _arrival: &Arrival,
    ) {
    }

    /// A request at `server` ended; its count in the view no longer includes it.
    fn handle_finished(&mut self, _view: &View<'_>, _server: ServerIndex, _finished: &Finished) {}

    /// `server` told something about itself; it may be old, see [`Report::at`].
    fn handle_report(&mut self, _view: &View<'_>, _server: ServerIndex, _report: &Report) {}

    /// Itself, if whoever made it may look at it and change it at work; see
    /// [`Balancer::change_strategy`](super::Balancer::change_strategy).
    fn as_any(&mut self) -> Option<&mut dyn Any> {
        None
    }

    /// The oldest probe the strategy wants sent.
    fn poll_probe(&mut self) -> Option<ServerIndex> {
        None
    }
}

/// What a strategy decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// This server takes the request now.
    Server(ServerIndex),
    /// Nobody is to take it yet: the strategy holds it.
    Hold,
    /// It would not be served by its deadline, and is not to take the place of
    /// one that would.
    Refuse,
}

/// What becomes of a request that a strategy held.
#[derive(Clone, PartialEq, Debug)]
pub enum Release {
    /// A server takes it.
    Send {
        /// Which request.
        ticket: Ticket,
        /// What was known of it when it came.
        arrival: Arrival,
        /// Who takes it.
        server: ServerIndex,
    },
    /// It will not be served by its deadline any more.
    Refuse {
        /// Which request.
        ticket: Ticket,
    },
}

/// How a request ended, as the dispatcher saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The server answered.
    Done,
    /// The server answered with an error, crashed, or could not be reached.
    Failed,
    /// The caller stopped waiting. Says nothing about the server.
    Cancelled,
}

/// The end of one request, as the dispatcher saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finished {
    /// Which request.
    pub ticket: Ticket,
    /// How it ended.
    pub outcome: Outcome,
    /// From sending it to its end.
    pub response: Duration,
    /// How many this dispatcher had at the server when it sent the request,
    /// that request included; so at least one.
    pub in_flight_at_send: u32,
}
