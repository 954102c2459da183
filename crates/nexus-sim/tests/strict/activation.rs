//! Activations: made from what is kept, and what their steps change in that.

use std::sync::Arc;
use std::time::Duration;

use nexus::{
    ActivateError, Activation, IDLE_AFTER, Keeps, KeptState, KindSpec, ResidenceFacts, SpawnError,
    StateChange, encode,
};
use nexus_sim::{World, check, seeds};

use crate::desk::{Desk, activate, deliver, reply};
use crate::kinds::{Add, Count, Ledger, Local, Look, Note, Paid, Pay, Strange, Tally, Term};

pub fn desk(world: &World) -> Arc<Desk> {
    world.register(KindSpec::<Note>::default());
    world.register(KindSpec::<Ledger>::default());
    world.register(KindSpec::<Tally>::default());
    world.register(KindSpec::<Local>::default());
    world.register(KindSpec::<Strange>::default());
    Desk::of(world)
}

fn kept(version: u16, bytes: &[u8]) -> KeptState<'_> {
    KeptState { version, whole: Some(bytes), events: &[] }
}

fn refused(world: &World, kind: &str, state: KeptState<'_>) -> ActivateError {
    let spec = Activation { kind, key: "one", number: 8, term: 3, state: Some(state) };
    world.system().activate(spec).expect_err("it cannot be read")
}

#[test]
fn a_kind_says_its_residence() {
    let world = World::new(1);
    let _desk = desk(&world);
    let of = |kind| world.system().residence_of(kind);
    let (strict, keeps, version) = (true, Keeps::Snapshot, 2);
    assert_eq!(of("note"), Some(ResidenceFacts { strict, keeps, version, idle_after: IDLE_AFTER }));
    let (keeps, version, idle_after) = (Keeps::Journal, 1, Duration::from_secs(1));
    assert_eq!(of("ledger"), Some(ResidenceFacts { strict, keeps, version, idle_after }));
    let (keeps, idle_after) = (Keeps::Nothing, IDLE_AFTER);
    assert_eq!(of("tally"), Some(ResidenceFacts { strict, keeps, version, idle_after }));
    let strict = false;
    assert_eq!(of("local"), Some(ResidenceFacts { strict, keeps, version, idle_after }));
    assert_eq!(of("nobody"), None);
}

#[test]
fn only_a_changed_state_is_kept() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "note", None);
        deliver(world, "note", 1, Look);
        let step = desk.step();
        assert_eq!((step.delivery, &step.state), (Some(1), &StateChange::None));
        assert_eq!((reply::<String>(&step), step.is_read()), (String::new(), true));
        deliver(world, "note", 2, Add("milk".to_owned()));
        let step = desk.step();
        assert_eq!((step.activation, step.name().as_str()), (7, "note/one"));
        assert_eq!((step.delivery, reply::<u32>(&step), step.is_read()), (Some(2), 1, false));
        let bytes = encode(&("milk".to_owned(), 1u32));
        assert_eq!(step.state, StateChange::Whole { version: 2, bytes });
        deliver(world, "note", 3, Look);
        let step = desk.step();
        assert_eq!(step.state, StateChange::None);
        assert_eq!(reply::<String>(&step), "milk");
        deliver(world, "note", 4, Term);
        assert_eq!(reply::<u64>(&desk.step()), 3);
    });
}

#[test]
fn an_agent_goes_on_from_what_is_kept() {
    check(seeds(10), |world| {
        let desk = desk(world);
        let bytes = encode(&("milk".to_owned(), 4u32));
        activate(world, "note", Some(kept(2, &bytes)));
        assert_eq!(world.system().state_of("note", "one"), Some(bytes));
        deliver(world, "note", 1, Look);
        let step = desk.step();
        assert_eq!((reply::<String>(&step), step.state), ("milk".to_owned(), StateChange::None));
        deliver(world, "note", 2, Add("!".to_owned()));
        assert_eq!(reply::<u32>(&desk.step()), 5);
    });
}

#[test]
fn an_older_state_is_upgraded_and_kept_anew_when_it_changes() {
    check(seeds(10), |world| {
        let desk = desk(world);
        let bytes = encode(&"old".to_owned());
        activate(world, "note", Some(kept(1, &bytes)));
        deliver(world, "note", 1, Look);
        let step = desk.step();
        assert_eq!((reply::<String>(&step), step.state), ("old".to_owned(), StateChange::None));
        deliver(world, "note", 2, Add("er".to_owned()));
        let bytes = encode(&("older".to_owned(), 1u32));
        assert_eq!(desk.step().state, StateChange::Whole { version: 2, bytes });
    });
}

#[test]
fn what_cannot_be_read_is_refused_with_its_version_and_why() {
    let world = World::new(1);
    let desk = desk(&world);
    let note = encode(&("milk".to_owned(), 4u32));
    let error = refused(&world, "note", kept(3, &note));
    let name = "note/one".to_owned();
    assert_eq!(error, ActivateError::NewerState { name, kept: 3, known: 2 });
    let events = [encode(&Paid(1))];
    for (kind, state, expected) in [
        (
            "note",
            kept(2, &note[..3]),
            "the state of note/one, of version 2, cannot be read: Hit the end",
        ),
        ("note", kept(2, &[&note[..], &[0]].concat()), "cannot be read: 1 bytes too many"),
        ("note", kept(1, &[200]), "of version 1, cannot be read: from 1: "),
        ("note", KeptState { events: &events, ..kept(2, &note) }, "keep no events any more"),
        ("ledger", kept(0, &[1]), "the kind upgrades from no version"),
        ("ledger", KeptState { version: 1, whole: None, events: &[vec![200]] }, "event 0: "),
        ("tally", kept(1, &[]), "keep no state any more"),
    ] {
        let error = refused(&world, kind, state).to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("what is kept stays as it is"), "{error}");
    }
    assert_eq!((world.system().agent_count(), desk.take().len()), (0, 0));
}

#[test]
fn only_strict_kinds_are_activated_once_and_none_of_them_spawned() {
    let world = World::new(1);
    let activate_as = |kind, key| {
        let spec = Activation { kind, key, number: 7, term: 3, state: None };
        world.system().activate(spec)
    };
    assert_eq!(activate_as("note", "one"), Err(ActivateError::NoHost));
    let desk = desk(&world);
    let unknown = ActivateError::UnknownKind { kind: "nobody".to_owned() };
    assert_eq!(activate_as("nobody", "one"), Err(unknown));
    assert_eq!(activate_as("local", "one"), Err(ActivateError::Local { kind: "local" }));
    assert_eq!(activate_as("note", ""), Err(ActivateError::BadKey { bytes: 0 }));
    assert_eq!(activate_as("note", "one"), Ok(world.system().agent_id("note", "one")));
    let name = "note/one".to_owned();
    assert_eq!(activate_as("note", "one"), Err(ActivateError::Active { name }));
    let spawned = world.system().spawn::<Note>("two").map(drop);
    assert_eq!(spawned, Err(SpawnError::Strict { kind: "note" }));
    let spawned = world.system().spawn_by_name("note", "two", None);
    assert_eq!(spawned, Err(SpawnError::Strict { kind: "note" }));
    assert_eq!((world.system().agent_count(), desk.take().len()), (1, 0));
}

#[test]
fn a_state_in_memory_alone_is_never_part_of_a_step() {
    check(seeds(10), |world| {
        let desk = desk(world);
        activate(world, "tally", None);
        for count in 1..4 {
            deliver(world, "tally", 1, Count);
            let step = desk.step();
            assert_eq!((reply::<u32>(&step), step.state), (count, StateChange::None));
        }
        assert_eq!(world.system().state_of("tally", "one"), None);
    });
}

#[test]
fn events_are_kept_and_replayed() {
    check(seeds(10), |world| {
        let desk = desk(world);
        let events = [encode(&Paid(3)), encode(&Paid(4))];
        let state = KeptState { version: 1, whole: Some(&encode(&10u64)), events: &events };
        activate(world, "ledger", Some(state));
        deliver(world, "ledger", 1, Pay(vec![]));
        let step = desk.step();
        assert_eq!((reply::<u64>(&step), step.state), (17, StateChange::None));
        deliver(world, "ledger", 2, Pay(vec![1, 2]));
        let step = desk.step();
        let events = vec![encode(&Paid(1)), encode(&Paid(2))];
        assert_eq!(reply::<u64>(&step), 20);
        assert_eq!(step.state, StateChange::Events { version: 1, events });
    });
}
