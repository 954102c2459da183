//! Limits: of a step, of a journal, and of what may be a strict kind.

use std::sync::Arc;

use nexus::{
    Agent, Gate, JOURNAL_LEN_MAX, KeptState, KindSpec, MailboxSpec, OnCancel, Overflow, Residence,
    STEP_LEN_MAX, SpawnError, StateChange, StepOutput, encode,
};
use nexus_sim::{World, check, seeds};

use crate::activation::desk;
use crate::desk::{Desk, Told, activate, deliver, put, reply, words};
use crate::kinds::{Add, Flood, Ledger, Look, Note, Paid, Pay};

/// What `Flood` comes to: letters, or why it crashed.
fn flood(letters: usize, bytes: usize) -> Result<usize, String> {
    let mut world = World::new(1);
    let desk = desk(&world);
    activate(&world, "note", None);
    deliver(&mut world, "note", 1, Flood { letters, bytes });
    match desk.take().swap_remove(0) {
        Told::Stepped(step) => Ok(step.letters.len()),
        Told::Undelivered(1, why) => Err(why.to_string()),
        other => panic!("{}", words(&other)),
    }
}

#[test]
fn a_step_that_no_log_would_take_crashes() {
    assert_eq!(flood(STEP_LEN_MAX, 1), Ok(STEP_LEN_MAX));
    let error = flood(STEP_LEN_MAX + 1, 1).expect_err("too many");
    assert!(error.contains("sends and records 1024 of a sort at most"), "{error}");
    assert_eq!(flood(2, 1_000_000), Ok(2));
    let error = flood(3, 1_000_000).expect_err("too large");
    assert!(error.contains("at most 2097152 are kept"), "{error}");
}

#[test]
fn a_state_too_large_to_be_kept_crashes_its_agent() {
    let mut world = World::new(1);
    let desk = desk(&world);
    activate(&world, "note", None);
    deliver(&mut world, "note", 1, Add("x".repeat(1_000_000)));
    assert_eq!(desk.words(), ["stepped 1"]);
    deliver(&mut world, "note", 2, Add("x".repeat(100_000)));
    let told = desk.take();
    let Told::Undelivered(2, why) = &told[0] else { panic!("{}", words(&told[0])) };
    assert!(why.to_string().contains("at most 1048576 are kept"), "{why}");
}

#[test]
fn a_long_journal_ends_in_the_whole_state() {
    check(seeds(3), |world| {
        let desk = desk(world);
        let events = vec![encode(&Paid(1)); JOURNAL_LEN_MAX - 2];
        let state = KeptState { version: 1, whole: None, events: &events };
        activate(world, "ledger", Some(state));
        let pay = |world: &mut World, amounts: Vec<u64>| {
            deliver(world, "ledger", 1, Pay(amounts));
            desk.step()
        };
        let whole = |total: u64| StateChange::Whole { version: 1, bytes: encode(&total) };
        assert!(matches!(pay(world, vec![1, 1]).state, StateChange::Events { .. }));
        assert_eq!(pay(world, vec![]).state, StateChange::None);
        let step = pay(world, vec![1]);
        let total = JOURNAL_LEN_MAX as u64 + 1;
        assert_eq!((reply::<u64>(&step), step.state), (total, whole(total)));
        // Counted from there.
        for _ in 0..JOURNAL_LEN_MAX {
            assert!(matches!(pay(world, vec![1]).state, StateChange::Events { .. }));
        }
        assert_eq!(pay(world, vec![1]).state, whole(2 * JOURNAL_LEN_MAX as u64 + 2));
    });
}

#[test]
fn events_follow_no_older_version() {
    let mut world = World::new(1);
    let desk = desk(&world);
    let events = [encode(&Paid(2))];
    // Before any whole state was kept, by a version that this program still reads.
    let state = KeptState { version: 0, whole: None, events: &events };
    activate(&world, "ledger", Some(state));
    deliver(&mut world, "ledger", 1, Pay(vec![3]));
    assert_eq!(desk.step().state, StateChange::Whole { version: 1, bytes: encode(&5u64) });
    deliver(&mut world, "ledger", 2, Pay(vec![4]));
    assert!(matches!(desk.step().state, StateChange::Events { version: 1, .. }));
}

/// A mailbox of one under a policy: what comes of three messages.
fn overflow(overflow: Overflow) -> Vec<String> {
    let mut world = World::new(1);
    let mailbox = MailboxSpec { len_max: 1, overflow };
    world.register(KindSpec::<Note>::default().mailbox(mailbox));
    let desk = Desk::of(&world);
    activate(&world, "note", None);
    (1..4).for_each(|number| put(&world, "note", number, Look));
    world.run_until_idle();
    desk.words()
}

#[test]
fn a_full_mailbox_does_as_its_kind_has_it() {
    let full = ["undelivered 2: mailbox_full", "undelivered 3: mailbox_full", "stepped 1"];
    assert_eq!(overflow(Overflow::Refuse), full);
    // Nobody stands in line by name.
    assert_eq!(overflow(Overflow::Wait), full);
    assert_eq!(overflow(Overflow::DropNewest), full);
    let full = ["undelivered 1: mailbox_full", "undelivered 2: mailbox_full", "stepped 3"];
    assert_eq!(overflow(Overflow::DropOldest), full);
}

struct Nowhere;

impl Gate for Nowhere {
    fn hold(&self, _: StepOutput) {}
}

/// Would be dropped in the middle of a step.
struct Dropped;

impl Agent for Dropped {
    const KIND: &'static str = "dropped";
    const ON_CANCEL: OnCancel = OnCancel::Drop;

    fn new(_: &str) -> Dropped {
        Dropped
    }

    fn residence() -> Residence<Dropped> {
        Residence::strict()
    }
}

#[test]
fn a_strict_kind_has_no_gate_and_ends_its_handlers() {
    let world = World::new(1);
    let gated = KindSpec::<Ledger>::default().gate(Arc::new(Nowhere));
    let bad = world.system().register(gated).expect_err("two would hold its output");
    assert!(matches!(bad, SpawnError::BadKind { kind: "ledger", .. }), "{bad}");
    let bad = world.system().register(KindSpec::<Dropped>::default());
    let bad = bad.expect_err("half a step would be kept");
    assert!(bad.to_string().contains("ON_CANCEL must be Finish"), "{bad}");
}
