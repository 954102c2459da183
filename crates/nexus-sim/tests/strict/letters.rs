//! Letters and reminders: part of the step in strict agents, sent at once by others.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus::{
    Gate, KindSpec, Letter, Message, REMINDER_NAME_BYTES_MAX, ReminderChange, StepOutput, encode,
};
use nexus_sim::{World, check, seeds};

use crate::activation::desk;
use crate::desk::{Desk, Told, activate, deliver, put, words};
use crate::kinds::{Local, Look, Pay, Plan, PlanUnnamed, Post};

fn letter<M: Message>(kind: &str, key: &str, message: M) -> Letter {
    let (kind, key, bytes) = (kind.to_owned(), key.to_owned(), encode(&message));
    Letter { kind, key, message: M::NAME.to_owned(), bytes }
}

#[test]
fn what_a_strict_agent_sends_is_part_of_its_step() {
    check(seeds(20), |world| {
        let desk = desk(world);
        world.spawn::<Local>("one");
        activate(world, "note", None);
        deliver(world, "note", 1, Post);
        let step = desk.step();
        let pay = letter("ledger", "first", Pay(vec![1]));
        assert_eq!(step.letters, [pay, letter("note", "second", Look)]);
        assert_eq!((step.outbox.len(), step.is_read()), (2, false));
        // The tell and the alarm leave when the node lets them.
        step.outbox.release();
        world.run_until_idle();
        assert_eq!(desk.words(), ["letter to note/third", "stepped -"]);
    });
}

#[test]
fn a_step_that_is_dropped_sends_nothing() {
    check(seeds(20), |world| {
        let desk = desk(world);
        world.spawn::<Local>("one");
        activate(world, "note", None);
        deliver(world, "note", 1, Post);
        drop(desk.take());
        world.run_until_idle();
        assert_eq!(desk.take().len(), 0);
    });
}

#[test]
fn what_a_local_agent_sends_goes_at_once() {
    check(seeds(10), |world| {
        let desk = desk(world);
        world.spawn::<Local>("one");
        deliver(world, "local", 1, Post);
        let told = desk.take();
        let [Told::Letter(sent), Told::Stepped(step)] = &told[..] else {
            panic!("{:?}", told.iter().map(words).collect::<Vec<_>>());
        };
        assert_eq!((sent, step.letters.len()), (&letter("note", "third", Look), 0));
    });
}

/// Holds the last step of a local kind.
#[derive(Default)]
struct Held(Mutex<Option<StepOutput>>);

impl Gate for Held {
    fn hold(&self, output: StepOutput) {
        *self.0.lock().expect("nobody panics here") = Some(output);
    }
}

#[test]
fn what_a_gated_local_agent_sends_is_held_by_its_gate() {
    let mut world = World::new(1);
    let held = Arc::new(Held::default());
    world.register(KindSpec::<Local>::default().gate(held.clone()));
    let desk = Desk::of(&world);
    world.spawn::<Local>("one");
    deliver(&mut world, "local", 1, Post);
    assert_eq!(desk.take().len(), 0);
    let step = held.0.lock().expect("nobody panics here").take().expect("it has ended");
    step.outbox.release();
    assert_eq!(desk.words(), ["letter to note/third", "stepped 1"]);
}

#[test]
fn without_a_host_a_letter_is_dead() {
    let mut world = World::new(1);
    let local = world.spawn::<Local>("one");
    world.block_on(async move { local.ask(Post).await }).expect("it is handled");
    let dead = world.system().dead_letters();
    let [letter] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!((&*letter.to, letter.message), ("note/third", "Look"));
}

#[test]
fn reminders_are_set_and_taken_back_in_order() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "note", None);
        let (set, forget) = ("tea".to_owned(), "milk".to_owned());
        deliver(world, "note", 1, Plan { set: set.clone(), forget: forget.clone() });
        let (after, letter) = (Duration::from_secs(60), letter("note", "one", Look));
        let expected = [
            ReminderChange::Set { name: set, after, letter },
            ReminderChange::Forget { name: forget },
        ];
        let step = desk.step();
        assert_eq!((&step.reminders[..], step.is_read()), (&expected[..], false));
    });
}

/// The message crashes `kind/one`, with these words.
fn crashes<M: Message>(kind: &str, message: M, expected: &str) {
    let mut world = World::new(1);
    let desk = desk(&world);
    match kind {
        "local" => drop(world.spawn::<Local>("one")),
        kind => activate(&world, kind, None),
    }
    put(&world, kind, 1, message);
    world.run_until_idle();
    let told = desk.take();
    let Told::Undelivered(1, why) = &told[0] else { panic!("{}", words(&told[0])) };
    assert!(why.to_string().contains(expected), "{why}");
}

#[test]
fn a_reminder_that_could_not_come_crashes_at_once() {
    let plan = |len| Plan { set: "x".repeat(len), forget: "milk".to_owned() };
    crashes("local", plan(1), "nothing is kept of agents of kind local");
    crashes("note", plan(0), "has 1 to 128 bytes, this one has 0");
    crashes("note", plan(REMINDER_NAME_BYTES_MAX + 1), "this one has 129");
    crashes("note", PlanUnnamed, "does not take Unnamed by name");
}
