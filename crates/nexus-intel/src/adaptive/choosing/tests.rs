//! What is chosen in a pool that is served, and what becomes of those that wait.

use std::collections::BTreeSet;

use nexus_base::Time;
use nexus_coord::balance::{Balancer, Effect, Limits, Outcome, Placement};

use super::*;
use crate::adaptive::{Conditions, SETTLE, STRATEGY_DWELL};

/// A pool of four servers, each with one request after the other.
struct Scene {
    balancer: Balancer,
    now: Time,
    rng: Rng,
    /// At servers.
    sent: Vec<(Ticket, ServerIndex)>,
    held: BTreeSet<Ticket>,
}

impl Scene {
    fn new() -> Scene {
        let choosing = Box::new(Choosing::new(Rng::new(1)));
        let mut balancer = Balancer::new(choosing, Limits::default());
        for _ in 0..4 {
            balancer.handle_join(Time::ZERO).expect("they fit");
        }
        let (sent, held) = (Vec::new(), BTreeSet::new());
        Scene { balancer, now: Time::ZERO, rng: Rng::new(2), sent, held }
    }

    fn choice(&mut self) -> Choice {
        self.balancer.strategy_as::<Choosing>(0).expect("it shows itself").chooser().choice()
    }

    fn arrive(&mut self) {
        match self.balancer.handle_request(self.now, &Arrival::new(1), &mut self.rng) {
            Ok(Placement::Sent { ticket, server }) => self.sent.push((ticket, server.index())),
            Ok(Placement::Held { ticket }) => {
                self.held.insert(ticket);
            }
            Err(error) => panic!("{error}"),
        }
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.balancer.poll_effect() {
            let Effect::Assign { ticket, server } = effect else { panic!("{effect:?}") };
            assert!(self.held.remove(&ticket), "only what waits is assigned");
            self.sent.push((ticket, server.index()));
        }
    }

    /// For so many rounds of ten seconds `each` requests come at once, and end after a
    /// second, or after `slow_s` where they were sent to the first server.
    fn serve(&mut self, rounds: u64, each: usize, slow_s: u64) {
        for _ in 0..rounds {
            let begun = self.now;
            (0..each).for_each(|_| self.arrive());
            for second in [1, slow_s] {
                self.now = begun.after(std::time::Duration::from_secs(second));
                while let Some(place) = self
                    .sent
                    .iter()
                    .position(|(_, server)| second == slow_s || server.as_usize() > 0)
                {
                    let (ticket, _) = self.sent.remove(place);
                    let ended = self.balancer.handle_finished(self.now, ticket, Outcome::Done);
                    ended.expect("it ends once");
                    self.carry_out();
                }
            }
            assert_eq!((self.held.len(), self.balancer.held_count()), (0, 0), "all were served");
            self.now = begun.after(std::time::Duration::from_secs(10));
        }
    }
}

#[test]
fn where_there_is_nothing_to_win_it_stays_with_least_connections() {
    let mut scene = Scene::new();
    scene.serve(400, 1, 1);
    assert_eq!(scene.choice(), StrategyName::LeastConnections.into());
}

#[test]
fn where_a_server_is_slow_times_are_weighed() {
    let mut scene = Scene::new();
    scene.serve(400, 3, 4);
    assert_eq!(scene.choice(), StrategyName::WeightedResponseTime.into());
}

#[test]
fn what_waits_when_the_queue_is_left_is_placed_at_once() {
    let mut scene = Scene::new();
    let busy = |scene: &mut Scene| {
        let choosing = |choosing: &mut Choosing| {
            let load = Conditions { load: 2.0, ..Conditions::default() };
            choosing.chooser.handle_conditions(Time::ZERO, load).expect("they can be");
            choosing.chooser.handle_timeout(Time::ZERO.after(SETTLE));
        };
        scene.balancer.change_strategy(scene.now, 0, choosing).expect("it shows itself");
    };
    busy(&mut scene);
    assert_eq!(scene.choice(), StrategyName::CentralQueue.into());
    (0..7).for_each(|_| scene.arrive());
    assert_eq!((scene.sent.len(), scene.held.len()), (4, 3));
    let idle = |choosing: &mut Choosing| {
        let at = Time::ZERO.after(SETTLE);
        choosing.chooser.handle_conditions(at, Conditions::default()).expect("they can be");
        choosing.chooser.handle_timeout(at.after(STRATEGY_DWELL + SETTLE));
    };
    scene.balancer.change_strategy(scene.now, 0, idle).expect("it shows itself");
    scene.carry_out();
    assert_eq!(scene.choice(), StrategyName::LeastConnections.into());
    assert_eq!((scene.sent.len(), scene.held.len(), scene.balancer.held_count()), (7, 0, 0));
}
