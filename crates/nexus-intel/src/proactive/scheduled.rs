//! Scheduled by prediction: requests wait together, and each goes where it is
//! expected to be done first.
//!
//! Placing on arrival commits too early. What a request will take is hardly known
//! when it comes, and most of what is learned about a pool is learned while it
//! waits: which server turned out to be busy for longer, which is free already. So
//! nothing is sent before a server can begin on it. An idle server is left idle
//! where a faster one, though busy, would still be done earlier.

use nexus_base::{Rng, Time};
use nexus_coord::balance::{
    Arrival, Choice, Finished, Outcome, Release, ServerIndex, Strategy, Ticket, View,
};

use super::Fault;
use super::blocks::Blocks;
use super::judge::Judge;
use super::lineup::Lineup;
use super::outlook::{Outlook, Soonest, sane};
use super::seat::{Job, Seat};
use super::speeds::Speeds;
use super::spread::Spread;
use super::waiting::{Held, Waiting};
use super::work::{Demand, WorkModel};
use crate::learn::Prediction;

/// Of those that wait, so many are looked at when a server is free. Beyond, they
/// wait for the next time. A guess: twice the servers of the pool in the demo.
const LOOKED_AT_MAX: usize = 64;

/// How a [`Scheduled`] is set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScheduledSpec {
    /// What the strategy is called in tables and reports.
    pub name: &'static str,
    /// Blocks of context that each server keeps; zero where none are kept.
    pub blocks_max: usize,
    /// Tokens in a block.
    pub block_tokens: u32,
}

impl ScheduledSpec {
    /// One for servers that keep nothing of what they have read.
    pub const fn new(name: &'static str) -> ScheduledSpec {
        ScheduledSpec { name, blocks_max: 0, block_tokens: 0 }
    }

    /// One for servers that keep the last `blocks_max` blocks of context, of
    /// `block_tokens` tokens each.
    pub const fn keeping(self, blocks_max: usize, block_tokens: u32) -> ScheduledSpec {
        ScheduledSpec { blocks_max, block_tokens, ..self }
    }
}

/// Holds requests and sends each where it is expected to be done first.
///
/// With a deadline, a request that is expected to miss it is refused at once, and
/// when its turn comes it is refused if its chances have become too small: under
/// overload everything served late would have taken the place of something served
/// in time. Otherwise first come first served.
///
/// While requests of other strategies are in the pool they count as work that is
/// there, and this one holds its own until servers are free of them.
///
/// ```
/// use nexus_base::{Rng, Time};
/// use nexus_coord::balance::{Arrival, Balancer, Limits, Placement};
/// use nexus_intel::proactive::{EvenSpeeds, LearnedWork, Scheduled, ScheduledSpec};
///
/// let spec = ScheduledSpec::new("proactive");
/// let scheduled = Scheduled::new(spec, LearnedWork::new(), EvenSpeeds);
/// let mut balancer = Balancer::new(Box::new(scheduled), Limits::default());
/// balancer.handle_join(Time::ZERO)?;
///
/// let mut place = || balancer.handle_request(Time::ZERO, &Arrival::new(374), &mut Rng::new(7));
/// assert!(matches!(place()?, Placement::Sent { .. }), "the server was idle");
/// assert!(matches!(place()?, Placement::Held { .. }), "it is not any more");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scheduled<W, S> {
    spec: ScheduledSpec,
    work: W,
    speeds: S,
    judge: Judge,
    spread: Spread,
    blocks: Blocks,
    /// What was thought of each request when it was sent is kept with it.
    seats: Vec<Seat<Prediction>>,
    lineup: Lineup,
    are_speeds_on: bool,
    are_speeds_believed: bool,
    waiting: Waiting,
    outlook: Outlook,
    /// Scratch: known blocks by seat.
    known: Vec<u32>,
    /// The last prediction, until something is learned: a request is predicted when
    /// it is placed and again when that is noted.
    last: Option<(Demand, Prediction)>,
    /// The work of the request that ended last, in seconds of an ordinary server.
    work_s: Option<f64>,
}

impl<W: WorkModel, S: Speeds> Scheduled<W, S> {
    /// One that expects what `work` and `speeds` say, and knows no servers yet.
    pub fn new(spec: ScheduledSpec, work: W, mut speeds: S) -> Scheduled<W, S> {
        speeds.set_on(true);
        Scheduled {
            spec,
            work,
            speeds,
            judge: Judge::new(),
            spread: Spread::default(),
            blocks: Blocks::new(spec.blocks_max),
            seats: Vec::new(),
            lineup: Lineup::default(),
            are_speeds_on: true,
            are_speeds_believed: true,
            waiting: Waiting::default(),
            outlook: Outlook::default(),
            known: Vec::new(),
            last: None,
            work_s: None,
        }
    }

    /// One that goes by what this one has learned of work, and by these speeds; it has
    /// neither servers nor requests.
    pub(crate) fn rehearsed<R: Speeds>(&self, speeds: R) -> Scheduled<W, R>
    where
        W: Clone,
    {
        let (judge, spread) = (self.judge.clone(), self.spread.clone());
        let fresh = Scheduled::new(self.spec, self.work.clone(), speeds);
        Scheduled { judge, spread, ..fresh }
    }

    /// How much work the request was that ended last, in seconds of an ordinary server,
    /// by how long it took and what has been learned of its server. `None` if its turn
    /// had not come or it did not end well.
    pub(crate) fn last_work_s(&self) -> Option<f64> {
        self.work_s
    }

    /// What is wrong with the model's predictions, if anything is.
    pub fn work_fault(&self) -> Option<Fault> {
        self.judge.work_fault()
    }

    /// What is wrong with the speeds, if anything is.
    pub fn speeds_fault(&self) -> Option<Fault> {
        self.judge.speeds_fault()
    }

    /// The model.
    pub fn work(&self) -> &W {
        &self.work
    }

    /// The speeds.
    pub fn speeds(&self) -> &S {
        &self.speeds
    }

    /// Has the speeds said, or every server taken for an ordinary one.
    pub fn set_speeds_on(&mut self, is_on: bool) {
        if self.are_speeds_on != is_on {
            self.are_speeds_on = is_on;
            self.speeds.set_on(is_on);
            self.ask_all_speeds();
        }
    }

    /// Bytes that it has come to, for all servers together.
    pub fn size_bytes(&self) -> usize {
        let seats: usize = self.seats.iter().map(Seat::size_bytes).sum();
        let outside = seats + self.work.size_bytes() + self.speeds.size_bytes();
        let places = self.lineup.size_bytes() + self.waiting.size_bytes();
        size_of::<Self>() + outside + places + self.blocks.size_bytes()
    }

    /// Requests that it holds.
    pub fn held_count(&self) -> usize {
        self.waiting.len()
    }

    /// Requests that were sent to a server and have not ended, by whichever strategy.
    pub fn sent_to(&self, server: ServerIndex) -> impl Iterator<Item = Ticket> {
        self.seats[server.as_usize()].tickets()
    }

    /// Takes out the most pressing of what it holds, to be served in another way.
    pub fn take_held(&mut self) -> Option<(Ticket, Arrival)> {
        let ticket = self.waiting.iter().next()?.ticket;
        let held = self.waiting.remove(ticket)?;
        Some((ticket, held.arrival))
    }

    /// Seconds of work to go by.
    fn expected_s(&mut self, demand: &Demand) -> f64 {
        let prediction = self.predict(demand);
        self.judge.believed_s(&prediction)
    }

    fn predict(&mut self, demand: &Demand) -> Prediction {
        match &self.last {
            Some((last, prediction)) if last == demand => *prediction,
            _ => {
                let prediction = self.work.predict(demand);
                self.last = Some((*demand, prediction));
                prediction
            }
        }
    }

    /// Expected work of `arrival` by seat: less where its first blocks are kept.
    fn expected_by_seat(&mut self, arrival: &Arrival) -> ByBlocks {
        let all_s = self.expected_s(&Demand::of(arrival, 0));
        let Some(blocks) = arrival.blocks.as_deref().filter(|_| self.spec.blocks_max > 0) else {
            return ByBlocks { all_s, saved_s: 0.0 };
        };
        self.blocks.known(blocks, &mut self.known);
        let known_max = self.known.iter().copied().max().unwrap_or(0);
        if known_max == 0 {
            return ByBlocks { all_s, saved_s: 0.0 };
        }
        let least_s = self.expected_s(&Demand::of(arrival, known_max * self.spec.block_tokens));
        ByBlocks { all_s, saved_s: ((all_s - least_s) / f64::from(known_max)).max(0.0) }
    }

    /// Takes the speed of a server for what it is said to be, if that is believed.
    fn ask_speed(&mut self, server: ServerIndex) {
        let is_believed = self.are_speeds_believed;
        let speed = if is_believed { sane(self.speeds.speed(server)) } else { 1.0 };
        self.lineup.set_speed(server.as_usize(), speed);
    }

    fn ask_all_speeds(&mut self) {
        for seat in 0..self.seats.len() {
            self.ask_speed(ServerIndex::new(seat as u32));
        }
    }

    fn look(&mut self, now: Time) {
        let (seats, lineup, spread) = (&self.seats, &self.lineup, &self.spread);
        if self.spec.blocks_max > 0 {
            self.outlook.look_at_all(now, seats, lineup, spread);
        } else {
            self.outlook.look(now, seats, lineup, spread);
        }
    }

    /// Where `arrival` would be done first.
    fn soonest(&mut self, arrival: &Arrival) -> Option<Soonest> {
        let expected = self.expected_by_seat(arrival);
        let known = &self.known;
        if expected.saved_s == 0.0 {
            return self.outlook.soonest(|_| expected.all_s);
        }
        self.outlook.soonest(|seat| expected.all_s - expected.saved_s * f64::from(known[seat]))
    }

    /// Whether a request is not to be served, since it is expected to miss its
    /// deadline if work on it begins in `begin_in_s`. The more wait the surer it
    /// must be: what is late takes the place of what is not.
    fn is_too_late(
        &self,
        view: &View<'_>,
        arrival: &Arrival,
        begin_in_s: f64,
        expected_s: f64,
    ) -> bool {
        if arrival.deadline == Time::MAX {
            return false;
        }
        let is_crowded = self.waiting.len() > view.candidates().len();
        let times = if is_crowded { self.spread.likely_max() } else { 1.0 };
        let left_s = arrival.deadline.since(view.now()).as_secs_f64();
        begin_in_s + times * expected_s > left_s
    }

    /// The most pressing of those that wait, if it is too late for it.
    fn poll_too_late(&mut self, view: &View<'_>) -> Option<Ticket> {
        let first = self.waiting.iter().next()?;
        let is_late = self.is_too_late(view, &first.arrival, 0.0, first.expected_s);
        is_late.then_some(first.ticket)
    }

    /// One of those that wait and an idle server that would be done with it first.
    fn poll_begin(&mut self, now: Time) -> Option<(Ticket, ServerIndex)> {
        self.look(now);
        // Taken out for the time being, since looking needs all of `self`.
        let waiting = std::mem::take(&mut self.waiting);
        let mut begins = waiting.iter().take(LOOKED_AT_MAX).map_while(|held| {
            let soonest = if held.arrival.blocks.is_some() {
                self.soonest(&held.arrival)
            } else {
                self.outlook.soonest(|_| held.expected_s)
            }?;
            self.outlook.book(soonest);
            Some((held.ticket, soonest))
        });
        let found = begins.find(|(_, soonest)| soonest.is_idle);
        drop(begins);
        self.waiting = waiting;
        found.map(|(ticket, soonest)| (ticket, soonest.server))
    }

    /// Learns from one outcome, by our own clock.
    fn learn(&mut self, server: ServerIndex, job: &Job<Prediction>, service_s: f64) {
        if service_s <= 0.0 {
            return;
        }
        let speed = self.speeds.speed(server);
        let are_forgotten = self.judge.handle_served(job.expected_s, speed, service_s);
        if are_forgotten {
            self.speeds.forget();
        }
        if let Some(verdict) = self.work.handle_truth(&job.seen, service_s) {
            self.judge.handle_verdict(verdict);
        }
        self.spread.handle_ratio(service_s * sane(speed) / job.expected_s);
        self.speeds.handle_served(server, job.expected_s, service_s);
        self.work.learn(&job.seen, service_s);
        self.last = None;
        let are_believed = self.judge.speeds_fault().is_none();
        if are_forgotten || are_believed != self.are_speeds_believed {
            self.are_speeds_believed = are_believed;
            self.ask_all_speeds();
        } else {
            self.ask_speed(server);
        }
    }
}

/// Expected work, less so much for each block that is there already.
#[derive(Clone, Copy, Debug)]
struct ByBlocks {
    all_s: f64,
    saved_s: f64,
}

impl<W: WorkModel, S: Speeds> Strategy for Scheduled<W, S> {
    fn name(&self) -> &'static str {
        self.spec.name
    }

    fn pick(&mut self, view: &View<'_>, arrival: &Arrival, _: &mut Rng) -> Choice {
        if self.lineup.idle_count() > 0 && self.waiting.is_empty() {
            self.look(view.now());
            if let Some(soonest) = self.soonest(arrival).filter(|soonest| soonest.is_idle) {
                return Choice::Server(soonest.server);
            }
        }
        let expected_s = self.expected_s(&Demand::of(arrival, 0));
        let begin_in_s = self.waiting.expected_s() / self.lineup.capacity();
        if self.is_too_late(view, arrival, begin_in_s, expected_s) {
            return Choice::Refuse;
        }
        Choice::Hold
    }

    fn handle_held(&mut self, view: &View<'_>, ticket: Ticket, arrival: &Arrival) {
        let expected_s = self.expected_s(&Demand::of(arrival, 0));
        self.waiting.push(view.now(), Held { ticket, arrival: arrival.clone(), expected_s });
    }

    fn handle_given_up(&mut self, _: &View<'_>, ticket: Ticket) {
        self.waiting.remove(ticket);
    }

    fn poll_release(&mut self, view: &View<'_>) -> Option<Release> {
        if self.lineup.idle_count() == 0 || self.waiting.is_empty() {
            return None;
        }
        if let Some(ticket) = self.poll_too_late(view) {
            self.waiting.remove(ticket);
            return Some(Release::Refuse { ticket });
        }
        let (ticket, server) = self.poll_begin(view.now())?;
        let arrival = self.waiting.remove(ticket)?.arrival;
        Some(Release::Send { ticket, arrival, server })
    }

    fn handle_joined(&mut self, _: &View<'_>, server: ServerIndex) {
        let seat = server.as_usize();
        if seat >= self.seats.len() {
            self.seats.resize_with(seat + 1, Seat::default);
        }
        self.seats[seat] = Seat::default();
        self.lineup.join(seat);
        self.speeds.handle_joined(server);
        self.ask_speed(server);
        self.blocks.handle_joined(server);
    }

    fn handle_left(&mut self, _: &View<'_>, server: ServerIndex) {
        self.lineup.leave(server.as_usize());
    }

    fn handle_sent(
        &mut self,
        view: &View<'_>,
        server: ServerIndex,
        ticket: Ticket,
        arrival: &Arrival,
    ) {
        let known = arrival.blocks.as_deref().map_or(0, |b| self.blocks.handle_sent(server, b));
        let demand = Demand::of(arrival, known as u32 * self.spec.block_tokens);
        let prediction = self.predict(&demand);
        let expected_s = self.judge.believed_s(&prediction);
        self.lineup.set_idle(server.as_usize(), false);
        let job = Job { ticket, seen: prediction, expected_s, sent_at: view.now() };
        self.seats[server.as_usize()].push(job);
    }

    fn handle_finished(&mut self, view: &View<'_>, server: ServerIndex, finished: &Finished) {
        self.work_s = None;
        let seat = &mut self.seats[server.as_usize()];
        let Some((job, service_s)) = seat.remove(view.now(), finished.ticket) else { return };
        self.lineup.set_idle(server.as_usize(), seat.is_idle());
        if let (Outcome::Done, Some(service_s)) = (finished.outcome, service_s) {
            self.work_s = Some(service_s * sane(self.speeds.learned(server)));
            self.learn(server, &job, service_s);
        }
    }
}
