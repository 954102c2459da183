//! Bytes from broken or malicious hands: whatever they are, they are an error or can be
//! worked with.

use super::*;

/// Tries of each kind.
const TRIES: u64 = 20_000;

fn commands() -> Vec<Command> {
    let slots: SlotSet = [0, 3, 4].into_iter().filter_map(Slot::new).collect();
    let full = Step {
        change: events(3),
        handled: handled(7, 1),
        letters: vec![letter(A), letter(B)],
        reminders: vec![remind("x", 5), ReminderChange::Forget { name: "y".to_owned() }],
        ..step(A, 1)
    };
    let entry = Registration { name: "room/1".to_owned(), node: NodeId(1), incarnation: 4 };
    let part = Part { number: 0, bytes: vec![0; 20].into() };
    vec![
        Command::Step(Box::new(full)),
        Command::Step(Box::new(Step { change: whole(9), fired: fired("x", 1), ..step(A, 2) })),
        Command::Delivered { agent: A, letter: 1 },
        Command::Register { agent: B, entry: entry.clone() },
        Command::Unregister { agent: A, entry },
        Command::Forget { node: NodeId(2), incarnation: None },
        Command::Handoff {
            handoff: HandoffId(1),
            step: shard::Step::Seal,
            slots: slots.clone(),
            parts: 0,
        },
        Command::Part { handoff: HandoffId(2), slots, part },
    ]
}

/// Changes some bytes, cuts some off, or adds some.
fn mangle(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len().max(1) as u64) as usize;
        match rng.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), rng.below(256) as u8),
            2 => bytes.splice(at.min(bytes.len()).., [0xFF; 9]).for_each(drop),
            _ if at < bytes.len() => bytes[at] = rng.below(256) as u8,
            _ => {}
        }
    }
}

/// Does with a state whatever can be done with it.
fn work_with(state: &mut ShardState, commands: &[Command]) {
    let _ = (state.letters().count(), state.due(Time::MAX, 9).count(), state.next_reminder());
    for command in commands {
        if state.applied() < Index(u64::MAX) {
            state.apply(state.applied().next(), command);
        }
    }
    let _ = state.parts(HandoffId(1), &SlotSet::all());
    assert_eq!(ShardState::restore(&state.snapshot()).as_ref(), Ok(&*state));
}

#[test]
fn damaged_commands_are_errors_or_can_be_applied() {
    let mut rng = Rng::new(1);
    let good: Vec<Bytes> =
        commands().iter().map(|command| command.encode().expect("they are small")).collect();
    let mut state = ShardState::new(Holding::new(SlotSet::all()));
    let mut read = 0;
    for _ in 0..TRIES {
        let mut bytes = good[rng.below(good.len() as u64) as usize].to_vec();
        mangle(&mut bytes, &mut rng);
        if let Ok(command) = Command::decode(&bytes) {
            read += 1;
            assert_eq!(
                command.encode().map(|again| Command::decode(&again)),
                Ok(Ok(command.clone()))
            );
            state.apply(state.applied().next(), &command);
        }
    }
    assert!(read > TRIES / 100, "{read} were read: they are mangled beyond use");
    work_with(&mut state, &commands());
}

#[test]
fn random_bytes_are_no_commands() {
    let mut rng = Rng::new(2);
    let (mut refused, mut restored) = (0, 0);
    for _ in 0..TRIES {
        let mut bytes: Vec<u8> = (0..rng.below(64)).map(|_| rng.below(256) as u8).collect();
        bytes.splice(0..0, [1]);
        match Command::decode(&bytes) {
            Ok(command) => {
                assert_eq!(Command::decode(&command.encode().expect("it is small")), Ok(command))
            }
            Err(error) => {
                assert_eq!(error, DecodeError::Damaged);
                refused += 1;
            }
        }
        restored += u64::from(ShardState::restore(&bytes).is_ok());
    }
    // Short commands are dense: some noise is one. A shard is not, and none comes of noise.
    assert!(refused > TRIES / 2, "{refused} of {TRIES} were refused");
    assert_eq!(restored, 0);
    let other = Command::decode(&[9, 0]);
    assert_eq!(other, Err(DecodeError::Format { format: 9 }));
    assert_eq!(Command::decode(&[]), Err(DecodeError::Damaged));
    let bytes = COMMAND_BYTES_MAX + 1;
    assert_eq!(Command::decode(&vec![1; bytes]), Err(DecodeError::TooLarge { bytes }));
}

#[test]
fn damaged_snapshots_are_errors_or_can_be_worked_with() {
    let mut rng = Rng::new(3);
    let mut state = ShardState::new(Holding::new(SlotSet::all()));
    for command in commands() {
        state.apply(state.applied().next(), &command);
    }
    let good = state.snapshot();
    let mut read = 0;
    for _ in 0..TRIES / 10 {
        let mut bytes = good.to_vec();
        mangle(&mut bytes, &mut rng);
        if let Ok(mut state) = ShardState::restore(&bytes) {
            read += 1;
            work_with(&mut state, &commands());
        }
    }
    assert!(read > 20, "{read} were read: they are mangled beyond use");
}
