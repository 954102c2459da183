//! Timers: exact, in order, and taken back when they are.

use std::time::Duration;

use nexus::{Agent, Context, Handle, Handler, KindSpec, Message};
use nexus_sim::{World, check, seeds};

use crate::log::Log;

struct Bell(Log);

impl Agent for Bell {
    const KIND: &'static str = "bell";
    fn new(_: &str) -> Bell {
        unreachable!("made by the scenario")
    }
}

#[derive(Message)]
struct Ring(u64);

impl Handler<Ring> for Bell {
    async fn handle(&mut self, Ring(number): Ring, cx: &mut Context<Self>) {
        self.0.push(format!("{number}@{}", cx.now().as_nanos()));
    }
}

/// Ring after each of these nanoseconds; take back those marked.
#[derive(Message)]
struct Plan(Vec<(u64, bool)>);

impl Handler<Plan> for Bell {
    async fn handle(&mut self, Plan(plan): Plan, cx: &mut Context<Self>) {
        let timers: Vec<_> = plan
            .into_iter()
            .map(|(nanos, keep)| (keep, cx.after(Duration::from_nanos(nanos), Ring(nanos))))
            .collect();
        for (keep, timer) in timers {
            assert!(keep || timer.cancel(), "it had not rung");
        }
    }
}

fn bell(world: &World) -> (Handle<Bell>, Log) {
    let log = Log::default();
    let of_bell = log.clone();
    world.register(KindSpec::from_fn(move |_| Bell(of_bell.clone())));
    (world.spawn("one"), log)
}

#[test]
fn they_ring_to_the_nanosecond_and_in_order() {
    check(seeds(20), |world| {
        let (bell, log) = bell(world);
        let plan = [(7, true), (3, true), (5, false), (3_600_000_000_000, true), (0, true)];
        world.tell(&bell, Plan(plan.to_vec())).expect("there is room");
        world.run_until_idle();
        assert_eq!(log.take(), "0@0 3@3 7@7 3600000000000@3600000000000");
    });
}

#[test]
fn they_outlive_a_restart_but_not_the_agent() {
    check(seeds(20), |world| {
        let (bell, log) = bell(world);
        world.tell(&bell, Plan(vec![(100, true), (300, true)])).expect("there is room");
        world.run_for(Duration::from_nanos(50));
        bell.restart();
        world.run_for(Duration::from_nanos(150));
        assert_eq!((bell.epoch(), log.take().as_str()), (1, "100@100"));
        bell.stop();
        world.run_until_idle();
        assert_eq!(log.take(), "");
        assert_eq!(world.system().counts()["bell"].dead, 1, "the last one rang for nobody");
    });
}

#[test]
fn a_hundred_thousand_ring_once_each() {
    check(seeds(1), |world| {
        let (bell, log) = bell(world);
        let mut rng = nexus_base::Rng::new(world.seed());
        let plan: Vec<_> = (0..100_000).map(|_| (rng.below(1 << 40), rng.below(4) > 0)).collect();
        let mut due: Vec<u64> = plan.iter().filter(|(_, keep)| *keep).map(|(at, _)| *at).collect();
        due.sort_unstable();
        world.tell(&bell, Plan(plan)).expect("there is room");
        world.run_until_idle();
        let expected: Vec<String> = due.iter().map(|at| format!("{at}@{at}")).collect();
        assert_eq!(log.lines(), expected);
    });
}
