//! What becomes of requests and layers when a layer is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nexus_coord::balance::{Balancer, Effect, Limits, Placement, Ticket};

use super::*;
use crate::learn::{Explanation, Prediction, Verdict};
use crate::proactive::{Demand, LearnedWork};

/// A model that says nothing but nonsense while it is told to.
struct Work {
    learned: LearnedWork,
    is_broken: Arc<AtomicBool>,
}

impl WorkModel for Work {
    fn predict(&self, demand: &Demand) -> Prediction {
        let prediction = self.learned.predict(demand);
        match self.is_broken.load(Ordering::Relaxed) {
            true => Prediction { value: f64::NAN, model: f64::NAN, ..prediction },
            false => prediction,
        }
    }

    fn handle_truth(&mut self, prediction: &Prediction, service_s: f64) -> Option<Verdict> {
        self.learned.handle_truth(prediction, service_s)
    }

    fn learn(&mut self, prediction: &Prediction, service_s: f64) {
        self.learned.learn(prediction, service_s);
    }

    fn explain(&self) -> Explanation {
        self.learned.explain()
    }

    fn size_bytes(&self) -> usize {
        self.learned.size_bytes()
    }
}

/// Speeds that are as told, once they are on.
struct Told {
    speed: f64,
    is_on: bool,
}

impl Speeds for Told {
    fn handle_joined(&mut self, _: ServerIndex) {}

    fn handle_served(&mut self, _: ServerIndex, _: f64, _: f64) {}

    fn speed(&self, _: ServerIndex) -> f64 {
        if self.is_on { self.speed } else { 1.0 }
    }

    fn set_on(&mut self, is_on: bool) {
        self.is_on = is_on;
    }
}

/// A pool of one server, and a clock.
struct Scene {
    balancer: Balancer,
    now: Time,
    /// Requests that came.
    came: u32,
    is_broken: Arc<AtomicBool>,
}

impl Scene {
    fn new(asked: Level, speed: f64) -> Scene {
        let enabled = vec![Level::Proactive, Level::Adaptive];
        let ladder = LadderSpec { asked, enabled, ..LadderSpec::default() };
        let is_broken = Arc::new(AtomicBool::new(false));
        let work = Work { learned: LearnedWork::new(), is_broken: is_broken.clone() };
        let speeds = Told { speed, is_on: false };
        let spec = ScheduledSpec::new("scheduled");
        let layers = PoolLayers::new(Time::ZERO, ladder, spec, work, speeds, Rng::new(1));
        let layers = layers.expect("the usual patience");
        let mut balancer = Balancer::new(Box::new(layers), Limits::default());
        balancer.handle_join(Time::ZERO).expect("there is room");
        Scene { balancer, now: Time::ZERO, came: 0, is_broken }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.after(std::time::Duration::from_secs(seconds));
    }

    fn arrive(&mut self) -> Placement {
        // No two alike: what was predicted for one is not for the next.
        self.came += 1;
        let arrival = Arrival::new(self.came);
        let placed = self.balancer.handle_request(self.now, &arrival, &mut Rng::new(2));
        placed.expect("it has no deadline")
    }

    /// A request comes and is done a second later.
    fn serve(&mut self) {
        let Placement::Sent { ticket, .. } = self.arrive() else { panic!("the server is idle") };
        self.pass(1);
        self.end(ticket);
    }

    fn end(&mut self, ticket: Ticket) {
        self.balancer.handle_finished(self.now, ticket, Outcome::Done).expect("it is open");
    }

    /// Held requests that have been sent.
    fn sent(&mut self) -> usize {
        let effects = std::iter::from_fn(|| self.balancer.poll_effect());
        effects.filter(|effect| matches!(effect, Effect::Assign { .. })).count()
    }

    fn layers<R>(&mut self, f: impl FnOnce(&mut PoolLayers<Work, Told>) -> R) -> R {
        self.balancer.change_strategy(self.now, 0, f).expect("layers show themselves")
    }

    fn used(&mut self) -> Level {
        self.layers(|layers| layers.used())
    }
}

#[test]
fn what_a_layer_holds_that_is_taken_away_is_placed_by_the_one_below() {
    let mut scene = Scene::new(Level::Proactive, 1.0);
    let Placement::Sent { ticket, .. } = scene.arrive() else { panic!("the server is idle") };
    assert!((0..2).all(|_| matches!(scene.arrive(), Placement::Held { .. })));
    let now = scene.now;
    let disabled = scene
        .layers(|layers| layers.change_ladder(now, |ladder| ladder.disable(now, Level::Proactive)));
    disabled.expect("it is not the reactive level");
    assert_eq!((scene.sent(), scene.balancer.held_count()), (2, 0));
    assert!(matches!(scene.arrive(), Placement::Sent { .. }), "from here on as well");
    scene.end(ticket);
    assert_eq!(scene.balancer.in_flight_count(), 3);
}

#[test]
fn a_model_that_says_what_is_no_number_is_left_at_the_next_arrival() {
    let mut scene = Scene::new(Level::Adaptive, 1.0);
    assert!(matches!(scene.arrive(), Placement::Sent { .. }));
    scene.is_broken.store(true, Ordering::Relaxed);
    assert!(matches!(scene.arrive(), Placement::Held { .. }), "it is not known yet");
    assert!(matches!(scene.arrive(), Placement::Sent { .. }), "now it is");
    assert_eq!(scene.sent(), 1, "what was held goes with it");
    assert_eq!(scene.used(), Level::Reactive);
    let reasons = scene.layers(|layers| {
        [Level::Proactive, Level::Adaptive].map(|level| layers.ladder().reason(level).cloned())
    });
    assert_eq!(reasons, [Some(Reason::NotANumber), Some(Reason::NotANumber)]);
}

#[test]
fn a_layer_is_not_tried_again_while_its_fault_lasts_and_is_once_it_is_over() {
    let mut scene = Scene::new(Level::Proactive, 1.0);
    scene.is_broken.store(true, Ordering::Relaxed);
    (0..2).for_each(|_| scene.serve());
    for _ in 0..10 {
        scene.pass(3_600);
        scene.serve();
        assert_eq!(scene.used(), Level::Reactive);
    }
    scene.is_broken.store(false, Ordering::Relaxed);
    (0..300).for_each(|_| scene.serve());
    scene.pass(2 * 86_400);
    scene.serve();
    assert_eq!(scene.used(), Level::Proactive);
}

#[test]
fn speeds_that_make_predictions_worse_take_the_adaptive_level_down_and_no_other() {
    let mut scene = Scene::new(Level::Adaptive, 10.0);
    for served in 0..450 {
        scene.serve();
        let is_down = scene.used() < Level::Adaptive;
        assert!(!is_down || served >= 200, "not before there is a verdict: {served}");
    }
    assert_eq!(scene.used(), Level::Proactive, "within 450 outcomes");
}
