//! Cancellation: giving up on an answer is noticed, and kept apart from failing.

use std::time::Duration;

use nexus::{Agent, Context, Handler, KindSpec, Message, OnCancel};
use nexus_sim::{World, check, seeds};

use crate::log::Log;

/// `FINISHES` says what becomes of its handlers.
struct Cook<const FINISHES: bool>(Log);

impl<const FINISHES: bool> Agent for Cook<FINISHES> {
    const KIND: &'static str = "cook";
    const ON_CANCEL: OnCancel = if FINISHES { OnCancel::Finish } else { OnCancel::Drop };
    fn new(_: &str) -> Self {
        unreachable!("made by the scenario")
    }
}

#[derive(Message)]
struct Cook1;

/// Says when it goes.
struct Gone<'a>(&'a Log);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.push("gone");
    }
}

impl<const FINISHES: bool> Handler<Cook1> for Cook<FINISHES> {
    async fn handle(&mut self, _: Cook1, cx: &mut Context<Self>) {
        let _gone = Gone(&self.0);
        self.0.push("begun");
        cx.sleep(Duration::from_secs(5)).await;
        self.0.push(if cx.is_cancelled() { "cancelled" } else { "wanted" });
    }
}

/// Waits until nobody waits for it.
#[derive(Message)]
struct Idle;

impl<const FINISHES: bool> Handler<Idle> for Cook<FINISHES> {
    async fn handle(&mut self, _: Idle, cx: &mut Context<Self>) {
        cx.cancelled().await;
        self.0.push(format!("noticed at {}", cx.now().as_secs_f64()));
    }
}

fn kitchen<const FINISHES: bool>(world: &World) -> (nexus::Handle<Cook<FINISHES>>, Log) {
    let log = Log::default();
    let of_cook = log.clone();
    world.register(KindSpec::from_fn(move |_| Cook::<FINISHES>(of_cook.clone())));
    (world.spawn("one"), log)
}

/// Asks from a task, and drops the ask after `after`.
fn ask_and_give_up<const FINISHES: bool, M: Message>(
    world: &mut World,
    cook: &nexus::Handle<Cook<FINISHES>>,
    message: M,
    after: Duration,
) where
    Cook<FINISHES>: Handler<M>,
{
    let cook = cook.clone();
    let task = world.task(async move { cook.ask(message).await.is_ok() });
    let task = task.expect("the node takes work");
    world.run_for(after);
    task.cancel();
}

#[test]
fn a_handler_finishes_and_can_tell() {
    check(seeds(20), |world| {
        let (cook, log) = kitchen::<true>(world);
        ask_and_give_up(world, &cook, Cook1, Duration::from_secs(1));
        world.run_until_idle();
        assert_eq!(log.take(), "begun cancelled gone");
        assert_eq!(world.now().as_secs_f64(), 5.0);
        assert!(world.ask(&cook, Cook1).is_ok());
        assert_eq!(log.take(), "begun wanted gone");
    });
}

#[test]
fn a_handler_whose_kind_wants_it_is_dropped() {
    check(seeds(20), |world| {
        let (cook, log) = kitchen::<false>(world);
        ask_and_give_up(world, &cook, Cook1, Duration::from_secs(1));
        world.run_for(Duration::ZERO);
        assert_eq!(log.take(), "begun gone");
        assert_eq!(world.now().as_secs_f64(), 1.0);
        assert!(world.ask(&cook, Cook1).is_ok());
        assert_eq!(log.take(), "begun wanted gone");
    });
}

#[test]
fn whoever_waits_for_it_is_woken() {
    check(seeds(20), |world| {
        let (cook, log) = kitchen::<true>(world);
        ask_and_give_up(world, &cook, Idle, Duration::from_secs(2));
        world.run_until_idle();
        assert_eq!(log.take(), "noticed at 2");
    });
}

#[test]
fn a_tell_is_not_cancelled() {
    check(seeds(20), |world| {
        let (cook, log) = kitchen::<false>(world);
        world.tell(&cook, Cook1).expect("there is room");
        ask_and_give_up(world, &cook, Cook1, Duration::from_secs(1));
        world.run_until_idle();
        assert_eq!(log.take(), "begun wanted gone", "the ask was given up before it was begun");
        let counts = world.system().counts()["cook"];
        assert_eq!((counts.handled, counts.dropped), (1, 1));
    });
}
