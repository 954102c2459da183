use bytes::Bytes;
use nexus_base::{AgentId, Rng, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft::Index;
use nexus_cluster::registry::Registration;
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::{self, HandoffId, Holding, Phase, SlotSet};
use proptest::prelude::*;

use super::*;

mod hostile;
mod world;

use world::World;

/// Plays what the numbers stand for, checking after each, then lets everything finish.
fn play(moves: &[(u8, u16)], planted: Option<Planted>) -> Result<World, String> {
    let mut world = World::new(planted);
    for &(what, which) in moves {
        world.step(what, which)?;
        world.check()?;
    }
    world.settle()?;
    Ok(world)
}

/// One of many random plays, the same for a seed.
fn moves(seed: u64) -> Vec<(u8, u16)> {
    let mut rng = Rng::new(seed);
    (0..800).map(|_| (rng.below(256) as u8, rng.below(1 << 16) as u16)).collect()
}

/// Seeds played until a planted bug shows.
const SEEDS_MAX: u64 = 40;

#[test]
#[allow(clippy::disallowed_macros, reason = "figures are for people")]
fn records_move_whole_under_repeats_and_losses() {
    let mut seen = std::collections::BTreeMap::<&str, u64>::new();
    for seed in 0..SEEDS_MAX {
        let world = play(&moves(seed), None).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for (what, count) in world.seen {
            *seen.entry(what).or_default() += count;
        }
    }
    println!("{seen:?}");
    for what in ["steps", "letters", "reminders", "committed", "given up", "refused", "names"] {
        assert!(seen.get(what).is_some_and(|&count| count >= 20), "few {what}: {seen:?}");
    }
}

#[test]
#[allow(clippy::disallowed_macros, reason = "figures are for people")]
fn each_planted_bug_is_caught() {
    for bug in Planted::ALL {
        let caught =
            (0..SEEDS_MAX).find_map(|seed| Some((seed, play(&moves(seed), Some(bug)).err()?)));
        let (seed, violation) = caught.unwrap_or_else(|| panic!("{bug:?} is not caught"));
        println!("{bug:?} is caught after {} seeds: {violation}", seed + 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_the_order_nothing_is_lost_or_done_twice(
        moves in proptest::collection::vec((any::<u8>(), any::<u16>()), 0..120),
    ) {
        if let Err(violation) = play(&moves, None) {
            return Err(TestCaseError::fail(violation));
        }
    }
}

fn agent(slot: u16, low: u128) -> AgentId {
    AgentId::from_u128((u128::from(slot) << 114) | low)
}

fn name(agent: AgentId) -> AgentName {
    AgentName::new("cart", format!("{agent}"))
}

/// A step that changes nothing.
fn step(agent: AgentId, number: u64) -> Step {
    Step {
        agent,
        name: name(agent),
        number,
        change: Change::None,
        handled: None,
        letters: Vec::new(),
        reminders: Vec::new(),
        fired: None,
    }
}

fn letter(to: AgentId) -> Letter {
    Letter { to: name(to), message: "Add".to_owned(), bytes: Bytes::from_static(b"1") }
}

fn remind(name: &str, at: u64) -> ReminderChange {
    let (name, message) = (name.to_owned(), "Ring".to_owned());
    ReminderChange::Set { name, at: Time::from_nanos(at), message, bytes: Bytes::new() }
}

fn fired(name: &str, nonce: u64) -> Option<Fired> {
    Some(Fired { name: name.to_owned(), nonce })
}

fn handled(from: u128, number: u64) -> Option<Handled> {
    let request = Request { from: Origin(from), number };
    Some(Handled { request, reply: Bytes::copy_from_slice(&number.to_le_bytes()) })
}

fn events(count: usize) -> Change {
    Change::Events { version: 1, events: vec![Bytes::from_static(b"e"); count] }
}

fn whole(bytes: usize) -> Change {
    Change::Whole { version: 1, bytes: vec![7; bytes].into() }
}

/// A shard that applies one command after the other, as it reads them from its log.
struct Log {
    state: ShardState,
}

impl Log {
    fn new(slots: SlotSet) -> Log {
        Log { state: ShardState::new(Holding::new(slots)) }
    }

    fn apply(&mut self, command: Command) -> Applied {
        let bytes = command.encode().expect("it is small enough");
        assert_eq!(Command::decode(&bytes).as_ref(), Ok(&command));
        let before = self.state.clone();
        let applied = self.state.apply(before.applied().next(), &command);
        let restored = ShardState::restore(&self.state.snapshot());
        assert_eq!(restored.as_ref(), Ok(&self.state), "a snapshot is all of it");
        if applied != Applied::Accepted && applied != Applied::Refused(Refusal::Damaged) {
            let mut same = before;
            same.applied = self.state.applied;
            assert_eq!(same, self.state, "{applied:?} changes nothing");
        }
        applied
    }

    fn hand_off(&mut self, step: shard::Step, slots: &SlotSet, parts: u32) -> Applied {
        self.apply(Command::Handoff { handoff: HandoffId(1), step, slots: slots.clone(), parts })
    }

    /// Applies steps of one agent; the last one's outcome is looked at.
    #[track_caller]
    fn check(&mut self, steps: impl IntoIterator<Item = Step>, expected: Applied) {
        let mut last = None;
        for step in steps {
            if let Some(before) = last.replace(self.apply(Command::Step(Box::new(step)))) {
                assert_eq!(before, Applied::Accepted, "but for the last");
            }
        }
        assert_eq!(last, Some(expected));
    }
}

const A: AgentId = AgentId::from_u128(1);
const B: AgentId = AgentId::from_u128(2);

fn refused(refusal: Refusal) -> Applied {
    Applied::Refused(refusal)
}

#[test]
fn steps_are_taken_in_their_turn_and_once() {
    let mut log = Log::new(SlotSet::all());
    log.check([step(A, 2)], refused(Refusal::OutOfOrder { expected: 1 }));
    log.check([step(A, 1), step(A, 2)], Applied::Accepted);
    log.check([step(A, 2)], refused(Refusal::OutOfOrder { expected: 3 }));
    log.check([Step { name: name(B), ..step(A, 3) }], refused(Refusal::OtherName));
    assert_eq!(log.state.record(A).map(Record::step), Some(2));
}

#[test]
fn a_request_is_handled_once_while_it_is_remembered() {
    let mut log = Log::new(SlotSet::all());
    let ask = |number, from, request| Step { handled: handled(from, request), ..step(A, number) };
    log.check([ask(1, 0, 5)], Applied::Accepted);
    log.check([ask(2, 0, 5)], refused(Refusal::HandledBefore { last: 5 }));
    let seen = |log: &Log, number| log.state.answered(A, Request { from: Origin(0), number });
    let reply = Bytes::copy_from_slice(&5u64.to_le_bytes());
    assert_eq!((seen(&log, 4), seen(&log, 5)), (Seen::Older, Seen::Answered(reply)));
    assert_eq!(seen(&log, 6), Seen::New);
    let others = 1..=ANSWERS_MAX as u64;
    log.check(others.clone().map(|n| ask(n + 1, n.into(), 1)), Applied::Accepted);
    assert_eq!(seen(&log, 5), Seen::New, "it was handled longest ago");
    let request = Request { from: Origin(1), number: 1 };
    assert!(matches!(log.state.answered(A, request), Seen::Answered(_)));
}

#[test]
fn what_is_beyond_a_bound_is_refused_whole() {
    let mut log = Log::new(SlotSet::all());
    let letters = |number, count| Step { letters: vec![letter(B); count], ..step(A, number) };
    log.check([letters(1, LETTERS_MAX)], Applied::Accepted);
    log.check([letters(2, 1)], refused(Refusal::TooManyLetters));
    assert_eq!(log.apply(Command::Delivered { agent: A, letter: 1 }), Applied::Accepted);
    log.check([letters(2, 1)], Applied::Accepted);

    let set = |count: usize| (0..count).map(|n| remind(&n.to_string(), 9)).collect::<Vec<_>>();
    let reminders = |number, reminders| Step { reminders, ..step(A, number) };
    log.check([reminders(3, set(REMINDERS_MAX + 1))], refused(Refusal::TooManyReminders));
    log.check([reminders(3, set(REMINDERS_MAX))], Applied::Accepted);
    log.check([reminders(4, vec![remind("x", 1)])], refused(Refusal::TooManyReminders));
    let swap = vec![ReminderChange::Forget { name: "0".to_owned() }, remind("x", 1)];
    log.check([reminders(4, swap)], Applied::Accepted);
    let replace = Step { fired: fired("x", 4), reminders: vec![remind("y", 1)], ..step(A, 5) };
    log.check([replace], Applied::Accepted);

    let keep = |number, change| Step { change, ..step(A, number) };
    log.check([keep(6, events(EVENTS_MAX))], Applied::Accepted);
    log.check([keep(7, events(1))], refused(Refusal::TooManyEvents));
    let other = Change::Events { version: 2, events: Vec::new() };
    log.check([keep(7, other)], refused(Refusal::OtherVersion { kept: 1 }));
    log.check([keep(7, whole(3)), keep(8, events(1))], Applied::Accepted);
    let kept = log.state.record(A).and_then(Record::kept).expect("it was kept");
    assert_eq!((kept.whole.as_ref().map(Bytes::len), kept.events.len()), (Some(3), 1));

    let limits = Limits { agents_max: 1, names_max: 1 };
    log.state = ShardState::with_limits(Holding::new(SlotSet::all()), limits);
    log.check([step(A, 1)], Applied::Accepted);
    log.check([step(B, 1)], refused(Refusal::TooManyAgents { agents_max: 1 }));
}

#[test]
fn letters_go_one_after_the_other_to_one_receiver() {
    let mut log = Log::new(SlotSet::all());
    log.check([Step { letters: [B, A, B].map(letter).to_vec(), ..step(A, 1) }], Applied::Accepted);
    let heads = |log: &Log| log.state.letters().map(|(_, n, _)| n).collect::<Vec<_>>();
    let mut delivered = |letter| {
        let applied = log.apply(Command::Delivered { agent: A, letter });
        (applied, heads(&log))
    };
    let early = refused(Refusal::LetterTooEarly { first: 1 });
    assert_eq!(delivered(3), (early, vec![2, 1]));
    assert_eq!(delivered(1), (Applied::Accepted, vec![2, 3]));
    assert_eq!(delivered(1), (Applied::Unchanged, vec![2, 3]));
    assert_eq!(delivered(2).1, vec![3]);
    assert_eq!(delivered(3).1, Vec::<u64>::new());
}

#[test]
fn a_reminder_takes_effect_once_and_only_as_it_was_set() {
    let mut log = Log::new(SlotSet::all());
    let first = Step { reminders: vec![remind("x", 5), remind("y", 3)], ..step(A, 1) };
    log.check([first], Applied::Accepted);
    let due = |log: &Log, now, limit| {
        let due = log.state.due(Time::from_nanos(now), limit);
        due.map(|(_, name, reminder)| (name.to_owned(), reminder.nonce)).collect::<Vec<_>>()
    };
    assert_eq!(log.state.next_reminder(), Some(Time::from_nanos(3)));
    let (x, y) = (("x".to_owned(), 1), ("y".to_owned(), 1));
    assert_eq!((due(&log, 4, 9), due(&log, 5, 9)), (vec![y.clone()], vec![y.clone(), x]));
    assert_eq!(due(&log, 5, 1), vec![y]);
    log.check([Step { reminders: vec![remind("x", 6)], ..step(A, 2) }], Applied::Accepted);
    let fire = |number, name, nonce| Step { fired: fired(name, nonce), ..step(A, number) };
    log.check([fire(3, "x", 1)], refused(Refusal::ReminderGone));
    log.check([fire(3, "x", 2)], Applied::Accepted);
    log.check([fire(4, "x", 2)], refused(Refusal::ReminderGone));
    log.check([fire(4, "y", 1)], Applied::Accepted);
    assert_eq!(log.state.next_reminder(), None);
}

#[test]
fn a_large_record_travels_in_parts_and_only_whole() {
    let slots: SlotSet = [Slot::of(A)].into_iter().collect();
    let (mut source, mut destination) = (Log::new(SlotSet::all()), Log::new(SlotSet::new()));
    let bytes = 3 * PART_BYTES_MAX + 1;
    let large = Step { change: whole(bytes), reminders: vec![remind("x", 1)], ..step(A, 1) };
    source.check([large], Applied::Accepted);
    let entry = Registration { name: "room/1".to_owned(), node: NodeId(1), incarnation: 1 };
    let register = Command::Register { agent: B, entry: entry.clone() };
    assert_eq!(source.apply(register.clone()), Applied::Accepted);
    assert_eq!(source.state.parts(HandoffId(1), &slots), None, "it is not sealed");
    assert_eq!(source.hand_off(shard::Step::Seal, &slots, 0), Applied::Accepted);
    let closed = |phase| refused(Refusal::NotOpen { slot: Slot::of(A), phase });
    source.check([step(A, 2)], closed(Phase::Sealed));
    assert_eq!(source.apply(register), closed(Phase::Sealed));
    assert_eq!(
        (source.state.next_reminder(), source.state.directory().find(B, "room/1")),
        (None, None)
    );
    source.apply(Command::Forget { node: NodeId(1), incarnation: Some(0) });

    let parts = source.state.parts(HandoffId(1), &slots).expect("it is sealed");
    let count = parts.len() as u32;
    assert_eq!(count, 4);
    let install = shard::Step::Install;
    let stage = |part: &Part| Command::Part {
        handoff: HandoffId(1),
        slots: slots.clone(),
        part: part.clone(),
    };
    for (staged, part) in parts.iter().rev().enumerate() {
        let early = destination.hand_off(install, &slots, count);
        assert_eq!(early, refused(Refusal::Incomplete { staged, parts: count }));
        assert_eq!(destination.apply(stage(part)), Applied::Accepted);
        assert_eq!(destination.apply(stage(part)), Applied::Unchanged);
    }
    let damaged = destination.hand_off(install, &slots, count - 1);
    assert_eq!(damaged, refused(Refusal::Damaged), "a part is missing");
    for part in &parts {
        assert_eq!(destination.apply(stage(part)), Applied::Accepted, "all were dropped");
    }
    let others = destination.hand_off(install, &SlotSet::all(), count);
    assert_eq!(others, refused(Refusal::OtherSlots));
    assert_eq!(destination.hand_off(install, &slots, count), Applied::Accepted);
    assert_eq!(destination.apply(stage(&parts[0])), Applied::Unchanged, "it came late");
    destination.check([step(A, 2)], closed(Phase::Installed));
    assert_eq!(destination.state.due(Time::MAX, 9).count(), 0);
    assert_eq!(destination.hand_off(shard::Step::Open, &slots, 0), Applied::Accepted);
    assert_eq!(destination.state.due(Time::MAX, 9).count(), 1);
    assert_eq!(destination.state.directory().find(B, "room/1"), Some(&entry));
    assert_eq!(destination.state.record(A), source.state.record(A));
    assert_eq!(source.hand_off(shard::Step::Drop, &slots, 0), Applied::Accepted);
    assert_eq!((source.state.records().len(), source.state.directory().len()), (0, 0));
}

#[test]
fn parts_of_other_slots_are_not_installed() {
    let [mine, others] = [0, 5].map(|slot| Slot::new(slot).into_iter().collect::<SlotSet>());
    let (mut source, mut destination) = (Log::new(SlotSet::all()), Log::new(SlotSet::new()));
    let entry = Registration { name: "room/1".to_owned(), node: NodeId(1), incarnation: 1 };
    source.apply(Command::Register { agent: A, entry });
    source.hand_off(shard::Step::Seal, &mine, 0);
    for part in source.state.parts(HandoffId(1), &mine).expect("it is sealed") {
        let slots = others.clone();
        destination.apply(Command::Part { handoff: HandoffId(1), slots, part });
    }
    let installed = destination.hand_off(shard::Step::Install, &others, 1);
    assert_eq!(installed, refused(Refusal::Damaged));
}

#[test]
fn a_command_beyond_a_proposal_has_no_bytes() {
    let large = Step { change: whole(COMMAND_BYTES_MAX), ..step(A, 1) };
    let error = Command::Step(Box::new(large)).encode().expect_err("it is too large");
    assert!(matches!(error, EncodeError::TooLarge { bytes } if bytes > COMMAND_BYTES_MAX));
    let many = Step { letters: vec![letter(B); LETTERS_MAX + 1], ..step(A, 1) };
    let error = Command::Step(Box::new(many)).encode().expect_err("there are too many");
    assert_eq!(error, EncodeError::Unsound { what: "the number of letters" });
}
