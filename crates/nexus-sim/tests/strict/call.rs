//! Calls: asks by name, answered by whoever has the answer.

use std::time::Duration;

use nexus::{AskError, Call, Changed, Deliver, Message, encode};
use nexus_sim::{World, check, seeds};

use crate::activation::desk;
use crate::desk::{Desk, Told, activate, put, reply, words};
use crate::kinds::{Count, Reach};

/// Has `tally/one` call `tally/two`, for so long at most.
fn called(world: &mut World, desk: &Desk, millis: u64) -> Call {
    put(world, "tally", 1, Reach { key: "two".to_owned(), millis });
    world.run_for(Duration::ZERO);
    match <[Told; 1]>::try_from(desk.take()) {
        Ok([Told::Call(call)]) => call,
        Ok([other]) => panic!("{}", words(&other)),
        Err(all) => panic!("{:?}", all.iter().map(words).collect::<Vec<_>>()),
    }
}

/// What the call came to, as the caller says.
fn outcome(world: &mut World, desk: &Desk) -> String {
    world.run_until_idle();
    reply(&desk.step())
}

#[test]
fn a_call_is_answered() {
    check(seeds(20), |world| {
        let desk = desk(world);
        activate(world, "tally", None);
        let call = called(world, &desk, 10);
        assert_eq!((call.letter.kind.as_str(), call.letter.key.as_str()), ("tally", "two"));
        assert_eq!(
            (call.letter.message.as_str(), call.within),
            ("Count", Duration::from_millis(10))
        );
        world.run_for(Duration::from_millis(5));
        call.answer.complete(Ok(encode(&42u32)));
        assert_eq!(outcome(world, &desk), "42");
        assert_eq!(world.now().as_nanos(), 5_000_000, "its alarm is gone");
    });
}

#[test]
fn a_call_is_refused_garbled_or_dropped() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "tally", None);
        let call = called(world, &desk, 10);
        call.answer.complete(Err(AskError::NotRunning));
        assert_eq!(outcome(world, &desk), AskError::NotRunning.to_string());
        let call = called(world, &desk, 10);
        call.answer.complete(Ok(vec![]));
        let garbled = outcome(world, &desk);
        assert!(garbled.starts_with("the reply to Count could not be decoded: "), "{garbled}");
        drop(called(world, &desk, 10));
        let unknown = AskError::Stopped { changed: Changed::Unknown };
        assert_eq!(outcome(world, &desk), unknown.to_string());
    });
}

#[test]
fn a_call_is_given_up_at_its_deadline() {
    check(seeds(20), |world| {
        let desk = desk(world);
        activate(world, "tally", None);
        let call = called(world, &desk, 10);
        let deadline = world.now().after(Duration::from_millis(10));
        assert!(!call.answer.is_abandoned());
        let late = outcome(world, &desk);
        assert_eq!((late, world.now()), (AskError::Deadline { deadline }.to_string(), deadline));
        assert!(call.answer.is_abandoned());
        call.answer.complete(Ok(encode(&42u32)));
        world.run_until_idle();
        assert_eq!(desk.take().len(), 0);
    });
}

#[test]
fn a_call_lasts_no_longer_than_its_handler_may() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "tally", None);
        let deadline = world.now().after(Duration::from_millis(3));
        let bytes = encode(&Reach { key: "two".to_owned(), millis: 10 });
        let (kind, key, message) = ("tally", "one", Reach::NAME);
        let deliver = Deliver { kind, key, message, bytes: &bytes, deadline, number: 1 };
        world.system().deliver(deliver);
        world.run_for(Duration::ZERO);
        let told = desk.take();
        let [Told::Call(call)] = &told[..] else { panic!("one call") };
        assert_eq!(call.within, Duration::from_millis(3));
        assert_eq!(outcome(world, &desk), AskError::Deadline { deadline }.to_string());
    });
}

#[test]
fn nobody_calls_itself_or_for_no_time() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "tally", None);
        put(world, "tally", 1, Reach { key: "one".to_owned(), millis: 10 });
        let refused = outcome(world, &desk);
        assert!(refused.contains("tally/one -> tally/one; nothing changed"), "{refused}");
        put(world, "tally", 2, Reach { key: "two".to_owned(), millis: 0 });
        let refused = outcome(world, &desk);
        assert!(refused.contains("before the handler started"), "{refused}");
    });
}

#[test]
fn a_killed_caller_gives_up() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "tally", None);
        let call = called(world, &desk, 10);
        world.system().kill_by_name("tally", "one");
        world.run_until_idle();
        assert_eq!(desk.words(), ["undelivered 1: stopped", "ended 7: killed"]);
        assert!(call.answer.is_abandoned());
        call.answer.complete(Ok(encode(&42u32)));
    });
}

#[test]
fn another_call_may_follow_while_messages_wait() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "tally", None);
        let call = called(world, &desk, 10);
        put(world, "tally", 2, Count);
        world.run_for(Duration::from_millis(1));
        assert_eq!(desk.take().len(), 0, "one message at a time");
        call.answer.complete(Ok(encode(&42u32)));
        world.run_until_idle();
        assert_eq!(desk.words(), ["stepped 1", "stepped 2"]);
    });
}
