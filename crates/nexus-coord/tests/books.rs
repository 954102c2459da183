//! The books under any sequence of events: whatever the strategy, counts agree
//! with a model that keeps a list of everything, and each choice is one the
//! strategy is allowed to make.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nexus_base::{Rng, Time};
use nexus_coord::balance::{
    Arrival, Balancer, Counts, Effect, Limits, Outcome, PickError, Placement, Report, ReportCause,
    ServerId, StrategyName, Ticket, Utilisation, strategy,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const LIMITS: Limits = Limits { servers_max: 6, in_flight_max: 20, held_max: 10 };

/// One event; numbers choose among what there is, modulo how much there is.
#[derive(Clone, Debug)]
enum Event {
    Join,
    Leave(usize),
    LeaveAgain(usize),
    Request { second: bool },
    Finish(usize, Outcome),
    FinishAgain(usize),
    FinishUnknown(u64),
    CancelHeld(usize),
    Report { server: usize, age: u64, in_flight: u32 },
    ReportGone(usize),
    Effects { answered: bool },
}

fn any_event() -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![Just(Outcome::Done), Just(Outcome::Failed), Just(Outcome::Cancelled)];
    prop_oneof![
        3 => Just(Event::Join),
        1 => any::<usize>().prop_map(Event::Leave),
        1 => any::<usize>().prop_map(Event::LeaveAgain),
        12 => any::<bool>().prop_map(|second| Event::Request { second }),
        8 => (any::<usize>(), outcome).prop_map(|(which, outcome)| Event::Finish(which, outcome)),
        1 => any::<usize>().prop_map(Event::FinishAgain),
        1 => any::<u64>().prop_map(Event::FinishUnknown),
        1 => any::<usize>().prop_map(Event::CancelHeld),
        3 => (any::<usize>(), 0..5_000u64, 0..9u32)
            .prop_map(|(server, age, in_flight)| Event::Report { server, age, in_flight }),
        1 => any::<usize>().prop_map(Event::ReportGone),
        5 => any::<bool>().prop_map(|answered| Event::Effects { answered }),
    ]
}

/// What the books should say, kept the slow way.
#[derive(Default)]
struct Model {
    servers: Vec<ServerId>,
    gone: Vec<ServerId>,
    in_flight: BTreeMap<Ticket, ServerId>,
    /// With the index of the strategy that holds it.
    held: VecDeque<(Ticket, usize)>,
    ended: Vec<Ticket>,
    counts: Counts,
    last_in_turn: Option<ServerId>,
}

impl Model {
    fn count(&self, server: ServerId) -> u32 {
        self.in_flight.values().filter(|&&other| other == server).count() as u32
    }

    fn counts_of_all(&self) -> Vec<u32> {
        self.servers.iter().map(|&server| self.count(server)).collect()
    }

    /// Servers that are in the pool, or left and still have something in flight.
    fn seats_taken(&self) -> usize {
        let leaving = self.gone.iter().filter(|&&server| self.count(server) > 0).count();
        self.servers.len() + leaving
    }
}

struct Run {
    /// The strategies over the one set of books.
    names: [StrategyName; 2],
    balancer: Balancer,
    model: Model,
    now: Time,
    rng: Rng,
    /// Every choice and assignment, to compare runs.
    trace: Vec<(Ticket, Option<ServerId>)>,
}

impl Run {
    fn new(names: [StrategyName; 2], seed: u64) -> Run {
        let [first, second] = names.map(strategy);
        Run {
            names,
            balancer: Balancer::new(first, LIMITS).with_strategy(second),
            model: Model::default(),
            now: Time::ZERO,
            rng: Rng::new(seed),
            trace: Vec::new(),
        }
    }

    fn run(&mut self, events: &[Event]) {
        for event in events {
            self.now = self.now.after(Duration::from_nanos(1_000));
            self.step(event);
            self.check_books();
        }
    }

    fn step(&mut self, event: &Event) {
        match *event {
            Event::Join => self.join(),
            Event::Leave(which) => self.leave(which),
            Event::LeaveAgain(which) => self.leave_again(which),
            Event::Request { second } => self.request(usize::from(second)),
            Event::Finish(which, outcome) => self.finish(which, outcome),
            Event::FinishAgain(which) => self.finish_again(which),
            Event::FinishUnknown(bits) => self.finish_unknown(Ticket::from_u64(bits)),
            Event::CancelHeld(which) => self.cancel_held(which),
            Event::Report { server, age, in_flight } => self.report(server, age, in_flight),
            Event::ReportGone(which) => self.report_gone(which),
            Event::Effects { answered } => self.effects(answered),
        }
    }

    fn join(&mut self) {
        let joined = self.balancer.handle_join(self.now);
        if self.model.seats_taken() < LIMITS.servers_max as usize {
            let server = joined.expect("there is room");
            assert!(!self.model.servers.contains(&server) && !self.model.gone.contains(&server));
            self.model.servers.push(server);
            self.model.servers.sort();
        } else {
            assert!(joined.is_err());
        }
        self.take_assignments();
    }

    fn leave(&mut self, which: usize) {
        if let Some(index) = which.checked_rem(self.model.servers.len()) {
            let server = self.model.servers.remove(index);
            let left = self.balancer.handle_leave(self.now, server);
            assert_eq!(left, Ok(self.model.count(server)));
            self.model.gone.push(server);
        }
        self.take_assignments();
    }

    fn leave_again(&mut self, which: usize) {
        if let Some(index) = which.checked_rem(self.model.gone.len()) {
            assert!(self.balancer.handle_leave(self.now, self.model.gone[index]).is_err());
            self.model.counts.unknown_servers += 1;
        }
    }

    fn request(&mut self, by: usize) {
        let (arrival, name) = (Arrival::new(100), self.names[by]);
        match self.balancer.handle_request_by(by, self.now, &arrival, &mut self.rng) {
            Ok(Placement::Sent { ticket, server }) => {
                self.check_choice(name, server);
                self.model.in_flight.insert(ticket, server);
                self.model.counts.placed += 1;
                self.trace.push((ticket, Some(server)));
            }
            Ok(Placement::Held { ticket }) => {
                assert_eq!(name, StrategyName::CentralQueue);
                assert!(self.model.counts_of_all().iter().all(|&count| count > 0));
                self.model.held.push_back((ticket, by));
                self.model.counts.placed += 1;
                self.trace.push((ticket, None));
            }
            Err(error) => {
                self.check_refusal(error);
                self.model.counts.refused += 1;
            }
        }
    }

    fn check_choice(&mut self, name: StrategyName, server: ServerId) {
        let model = &mut self.model;
        assert!(model.servers.contains(&server), "{server} is not in the pool");
        let (count, counts) = (model.count(server), model.counts_of_all());
        match name {
            StrategyName::LeastConnections => assert_eq!(Some(&count), counts.iter().min()),
            StrategyName::CentralQueue => assert_eq!(count, 0),
            StrategyName::TwoChoices => {
                let no_more = counts.iter().filter(|&&other| other >= count).count();
                assert!(no_more > 1 || counts.len() == 1, "the most loaded of all was chosen");
            }
            StrategyName::RoundRobin => {
                let after = model.servers.iter().find(|&&other| {
                    model.last_in_turn.is_some_and(|last| other.index() > last.index())
                });
                assert_eq!(server, *after.unwrap_or(&model.servers[0]));
                model.last_in_turn = Some(server);
            }
            _ => {}
        }
    }

    fn check_refusal(&self, error: PickError) {
        match error {
            PickError::Empty => assert!(self.model.servers.is_empty()),
            PickError::InFlightFull { .. } => {
                assert_eq!(self.model.in_flight.len(), LIMITS.in_flight_max as usize);
            }
            PickError::HeldFull { .. } => {
                assert_eq!(self.model.held.len(), LIMITS.held_max as usize);
            }
            other => panic!("{other}"),
        }
    }

    fn finish(&mut self, which: usize, outcome: Outcome) {
        let Some(index) = which.checked_rem(self.model.in_flight.len()) else { return };
        let ticket = *self.model.in_flight.keys().nth(index).expect("it is within");
        self.model.in_flight.remove(&ticket);
        self.end(ticket, outcome);
    }

    fn cancel_held(&mut self, which: usize) {
        let Some(index) = which.checked_rem(self.model.held.len()) else { return };
        let (ticket, _) = self.model.held.remove(index).expect("it is within");
        self.end(ticket, Outcome::Cancelled);
    }

    fn end(&mut self, ticket: Ticket, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.model.counts.done += 1,
            Outcome::Failed => self.model.counts.failed += 1,
            Outcome::Cancelled => self.model.counts.cancelled += 1,
        }
        self.balancer.handle_finished(self.now, ticket, outcome).expect("it is open");
        self.model.ended.push(ticket);
        self.take_assignments();
    }

    fn finish_again(&mut self, which: usize) {
        if let Some(index) = which.checked_rem(self.model.ended.len()) {
            self.finish_unknown(self.model.ended[index]);
        }
    }

    fn finish_unknown(&mut self, ticket: Ticket) {
        let open = self.model.in_flight.contains_key(&ticket)
            || self.model.held.iter().any(|(held, _)| *held == ticket);
        if !open {
            assert!(self.balancer.handle_finished(self.now, ticket, Outcome::Done).is_err());
            self.model.counts.unknown_tickets += 1;
        }
    }

    fn report(&mut self, which: usize, age: u64, in_flight: u32) {
        let Some(index) = which.checked_rem(self.model.servers.len()) else { return };
        let server = self.model.servers[index];
        let at = Time::from_nanos(self.now.as_nanos().saturating_sub(age));
        self.hand_in(server, at, ReportCause::Periodic, in_flight);
    }

    fn hand_in(&mut self, server: ServerId, at: Time, cause: ReportCause, in_flight: u32) {
        let known = self.balancer.view(self.now).last_report(server.index()).map(|known| known.at);
        let cpu = Utilisation::new(f64::from(in_flight) / 9.0).ok();
        let latency = Some(Duration::from_nanos(u64::from(in_flight) * 1_000));
        let report = Report { at, cause, in_flight, latency, cpu, memory: None };
        let taken = self.balancer.handle_report(self.now, server, report);
        assert_eq!(taken.is_ok(), known.is_none_or(|known| known <= at));
        self.model.counts.late_reports += u64::from(taken.is_err());
    }

    fn report_gone(&mut self, which: usize) {
        if let Some(index) = which.checked_rem(self.model.gone.len()) {
            let (at, cause) = (self.now, ReportCause::Periodic);
            let report = Report { at, cause, in_flight: 0, latency: None, cpu: None, memory: None };
            let gone = self.model.gone[index];
            assert!(self.balancer.handle_report(self.now, gone, report).is_err());
            self.model.counts.unknown_servers += 1;
        }
    }

    fn effects(&mut self, answered: bool) {
        while let Some(effect) = self.balancer.poll_effect() {
            let Effect::Probe(server) = effect else { panic!("{effect:?} came late") };
            assert!(self.model.servers.contains(&server));
            if answered {
                self.hand_in(server, self.now, ReportCause::Probed, self.model.count(server));
            }
        }
    }

    /// Held requests go out as soon as somebody is free, the oldest of each
    /// strategy first.
    fn take_assignments(&mut self) {
        while let Some(effect) = self.balancer.poll_effect() {
            let Effect::Assign { ticket, server } = effect else { continue };
            let held = &mut self.model.held;
            let place = held.iter().position(|(held, _)| *held == ticket).expect("it was held");
            let (_, by) = held.remove(place).expect("it is there");
            assert!(held.iter().take(place).all(|(_, other)| *other != by), "one came before it");
            assert_eq!(self.model.count(server), 0);
            self.model.in_flight.insert(ticket, server);
            self.trace.push((ticket, Some(server)));
        }
        let somebody_is_free = self.model.counts_of_all().contains(&0);
        let room = self.model.in_flight.len() < LIMITS.in_flight_max as usize;
        assert!(self.model.held.is_empty() || !somebody_is_free || !room);
    }

    fn check_books(&self) {
        let (balancer, model) = (&self.balancer, &self.model);
        let view = balancer.view(self.now);
        let indices: Vec<_> = model.servers.iter().map(|server| server.index()).collect();
        assert_eq!(view.candidates(), indices);
        for &server in &model.servers {
            assert_eq!(view.in_flight(server.index()), model.count(server));
        }
        assert_eq!(balancer.in_flight_count(), model.in_flight.len());
        assert_eq!(balancer.held_count(), model.held.len());
        assert_eq!(balancer.counts(), model.counts);
        let Counts { placed, done, failed, cancelled, .. } = balancer.counts();
        let open = (balancer.in_flight_count() + balancer.held_count()) as u64;
        assert_eq!(placed, open + done + failed + cancelled);
    }
}

/// Every strategy beside one that places at once and one that holds.
fn pairs() -> impl Iterator<Item = [StrategyName; 2]> {
    let second = [StrategyName::LeastConnections, StrategyName::CentralQueue];
    let beside = move |first| second.map(|second| [first, second]);
    StrategyName::ALL.into_iter().flat_map(beside)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_books_agree_with_the_model(
        events in proptest::collection::vec(any_event(), 0..200),
        seed in any::<u64>(),
    ) {
        for names in pairs() {
            Run::new(names, seed).run(&events);
        }
    }

    #[test]
    fn a_seed_decides_everything(
        events in proptest::collection::vec(any_event(), 0..200),
        seed in any::<u64>(),
    ) {
        for names in pairs() {
            let [mut once, mut again] = [Run::new(names, seed), Run::new(names, seed)];
            once.run(&events);
            again.run(&events);
            prop_assert_eq!(once.trace, again.trace, "{:?}", names);
        }
    }
}
