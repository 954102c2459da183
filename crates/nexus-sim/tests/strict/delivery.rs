//! Deliveries: each comes to a step's end or back undelivered, once.

use std::time::Duration;

use nexus::{AskError, Changed, Deliver, Message, StateChange, encode};
use nexus_base::Time;
use nexus_sim::{World, check, seeds};

use crate::activation::desk;
use crate::desk::{Told, activate, put, reply};
use crate::kinds::{Add, Boom, Count, Look, Note, Odd, Slow, Snag};

fn put_by(world: &World, number: u64, deadline: Time) {
    let (bytes, message) = (encode(&Look), Look::NAME);
    let (kind, key) = ("note", "one");
    world.system().deliver(Deliver { kind, key, message, bytes: &bytes, deadline, number });
}

/// What the host is told in each of twenty worlds in which `act` is done to a note that has
/// just been activated.
#[track_caller]
fn told(act: impl Fn(&mut World), expected: &[&str]) {
    check(seeds(20), |world| {
        let desk = desk(world);
        activate(world, "note", None);
        act(world);
        world.run_until_idle();
        assert_eq!(desk.words(), expected);
    });
}

#[test]
fn steps_come_in_the_order_of_the_messages() {
    check(seeds(20), |world| {
        let desk = desk(world);
        activate(world, "note", None);
        let mut numbers = Vec::new();
        for round in 0..5 {
            put(world, "note", 2 * round, Slow(3));
            put(world, "note", 2 * round + 1, Add("+".to_owned()));
            world.run_until_idle();
        }
        for told in desk.take() {
            let Told::Stepped(step) = told else { panic!("all are handled") };
            numbers.push(step.delivery.expect("all were delivered"));
        }
        assert_eq!(numbers, (0..10).collect::<Vec<u64>>());
    });
}

#[test]
fn what_cannot_be_delivered_comes_back_before_deliver_returns() {
    let mut world = World::new(1);
    let desk = desk(&world);
    put(&world, "note", 1, Look);
    put(&world, "nobody", 2, Look);
    activate(&world, "note", None);
    put(&world, "note", 3, Count);
    let (kind, key, deadline) = ("note", "one", Time::MAX);
    let deliver = |message, bytes, number| {
        world.system().deliver(Deliver { kind, key, message, bytes, deadline, number });
    };
    deliver(Add::NAME, &[3, 1][..], 4);
    put_by(&world, 5, world.now());
    let words = desk.words();
    let expected = [
        "undelivered 1: unknown_agent",
        "undelivered 2: unknown_agent",
        "undelivered 3: bad_request",
        "undelivered 4: bad_request",
        "undelivered 5: deadline",
    ];
    assert_eq!(words, expected);
    (6..9).for_each(|number| put(&world, "note", number, Look));
    assert_eq!(desk.words(), ["undelivered 8: mailbox_full"]);
    world.run_until_idle();
    assert_eq!(desk.words(), ["stepped 6", "stepped 7"]);
}

#[test]
fn a_message_that_waited_too_long_is_not_handled() {
    let late = |world: &mut World| {
        put(world, "note", 1, Slow(10));
        put_by(world, 2, world.now().after(Duration::from_millis(5)));
    };
    told(late, &["stepped 1", "undelivered 2: deadline"]);
}

#[test]
fn a_crash_ends_the_agent_and_nothing_of_the_step_leaves() {
    check(seeds(20), |world| {
        let desk = desk(world);
        activate(world, "note", None);
        put(world, "note", 1, Boom);
        put(world, "note", 2, Add("never".to_owned()));
        world.run_until_idle();
        let ended = "ended 7: crashed: panic in handler: boom";
        assert_eq!(desk.words(), ["undelivered 1: crashed", "undelivered 2: stopped", ended]);
        assert_eq!(world.system().agent_count(), 0);
        activate(world, "note", None);
        put(world, "note", 3, Look);
        world.run_until_idle();
        assert_eq!(reply::<String>(&desk.step()), "", "it begins with what is kept");
    });
}

#[test]
fn a_state_or_a_reply_without_bytes() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "strange", None);
        put(world, "strange", 1, Odd { state: false, reply: true });
        world.run_until_idle();
        let step = desk.step();
        let message = Odd::NAME;
        let reason = "Serde Serialization Error".to_owned();
        assert_eq!(step.reply, Some(Err(AskError::ReplyUnencodable { message, reason })));
        assert_eq!(step.state, StateChange::None);
        put(world, "strange", 2, Odd { state: true, reply: false });
        world.run_until_idle();
        let told = desk.take();
        let [Told::Undelivered(2, AskError::Crashed(crash)), Told::Ended(7, _)] = &told[..] else {
            panic!("{:?}", told.iter().map(crate::desk::words).collect::<Vec<_>>());
        };
        assert_eq!(&*crash.message, "the state cannot be kept: Serde Serialization Error");
    });
}

#[test]
fn a_kill_brings_back_what_was_begun_and_what_waited() {
    check(seeds(20), |world| {
        let desk = desk(world);
        activate(world, "note", None);
        put(world, "note", 1, Slow(10));
        put(world, "note", 2, Look);
        world.run_for(Duration::from_millis(5));
        world.system().kill_by_name("note", "one");
        world.run_until_idle();
        let told = desk.take();
        let [
            Told::Undelivered(1, AskError::Stopped { changed: Changed::Unknown }),
            Told::Undelivered(2, AskError::Stopped { changed: Changed::No }),
            Told::Ended(7, nexus::StopReason::Killed),
        ] = &told[..]
        else {
            panic!("{:?}", told.iter().map(crate::desk::words).collect::<Vec<_>>());
        };
    });
}

#[test]
fn a_kill_before_the_start_brings_everything_back() {
    let killed = |world: &mut World| {
        put(world, "note", 1, Look);
        world.system().kill_by_name("note", "one");
        put(world, "note", 2, Look);
    };
    told(killed, &["undelivered 1: stopped", "undelivered 2: stopped", "ended 7: killed"]);
}

#[test]
fn a_stop_waits_for_the_step_that_was_begun() {
    let stopped = |world: &mut World| {
        put(world, "note", 1, Slow(10));
        put(world, "note", 2, Look);
        world.run_for(Duration::from_millis(5));
        world.system().stop_by_name("note", "one");
    };
    told(stopped, &["stepped 1", "undelivered 2: stopped", "ended 7: stopped"]);
}

#[test]
fn made_afresh_a_strict_agent_ends() {
    let restarted = |world: &mut World| {
        world.find::<Note>("one").expect("it is active").restart();
        put(world, "note", 1, Look);
    };
    told(restarted, &["undelivered 1: stopped", "ended 7: made afresh"]);
}

#[test]
fn only_who_rests_is_passivated() {
    let passivated = |world: &mut World| {
        put(world, "note", 1, Slow(10));
        assert!(!world.system().passivate("note", "one"), "it has mail");
        world.run_for(Duration::from_millis(5));
        assert!(!world.system().passivate("note", "one"), "its handler is suspended");
        world.run_until_idle();
        assert!(world.system().passivate("note", "one"));
        assert!(!world.system().passivate("note", "one"), "it is gone");
    };
    told(passivated, &["stepped 1", "ended 7: stopped"]);
}

#[test]
fn a_step_that_was_told_is_not_told_of_again() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "note", None);
        put(world, "note", 1, Look);
        put(world, "note", 2, Look);
        world.run_until_idle();
        let mut outboxes = Vec::new();
        for told in desk.take() {
            let Told::Stepped(step) = told else { panic!("both are handled") };
            outboxes.push(step.outbox);
        }
        outboxes.pop().expect("there are two").release();
        drop(outboxes);
        world.system().kill_by_name("note", "one");
        world.run_until_idle();
        assert_eq!(desk.words(), ["ended 7: killed"]);
    });
}

#[test]
fn an_ask_by_a_handle_is_answered_when_its_step_is_let_out() {
    check(seeds(20), |world| {
        let desk = desk(world);
        activate(world, "note", None);
        let note = world.find::<Note>("one").expect("it is active");
        let again = note.clone();
        let kept = world.task(async move { note.ask(Add("a".to_owned())).await });
        world.run_for(Duration::ZERO);
        let step = desk.step();
        assert_eq!((step.delivery, step.reply, step.outbox.len()), (None, None, 1));
        let lost = world.task(async move { again.ask(Look).await });
        world.run_for(Duration::from_millis(1));
        let read = desk.step();
        assert!(read.is_read(), "an answer to a handle is one");
        step.outbox.release();
        drop(read);
        assert_eq!(world.block_on(kept.expect("the node takes work")), Ok(Ok(1)));
        let unknown = Err(AskError::Stopped { changed: Changed::Unknown });
        assert_eq!(world.block_on(lost.expect("the node takes work")), Ok(unknown));
    });
}

#[test]
fn what_a_handler_that_cannot_be_dropped_answered_does_not_leave() {
    let ended = "ended 7: crashed: panic in handler: caught on a snag";
    let snagged = |world: &mut World| put(world, "note", 1, Snag);
    told(snagged, &["undelivered 1: crashed", ended]);
}

#[test]
fn a_local_agent_is_reached_in_the_same_way() {
    check(seeds(10), |world| {
        let desk = desk(world);
        let local = world.spawn::<crate::kinds::Local>("one");
        put(world, "local", 1, Count);
        world.run_until_idle();
        let step = desk.step();
        assert_eq!((step.activation, step.delivery, reply::<u32>(&step)), (0, Some(1), 1));
        put(world, "local", 2, Count);
        local.kill();
        world.run_until_idle();
        assert_eq!(desk.words(), ["undelivered 2: stopped"]);
    });
}

#[test]
fn a_world_that_ends_brings_everything_back() {
    let world = World::new(1);
    let desk = desk(&world);
    activate(&world, "note", None);
    put(&world, "note", 1, Slow(10));
    put(&world, "note", 2, Look);
    drop(world);
    let expected = ["undelivered 1: stopped", "undelivered 2: stopped", "ended 7: node shut down"];
    assert_eq!(desk.words(), expected);
    assert_eq!(std::sync::Arc::strong_count(&desk), 1, "the system has let it go");
}
