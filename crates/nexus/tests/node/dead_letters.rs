//! Messages that were taken and never handled are counted and can be looked at.

use std::sync::Arc;

use nexus::{AskError, Changed, DEAD_LETTERS_MAX, EventName, MailboxSpec, Overflow};

use crate::support::{
    Echo, Opener, Woken, assert_balanced, err, eventually, held, note, probes_with, says, start,
    test,
};

#[test]
fn what_waits_for_an_agent_that_stops_is_dead() {
    test(|| {
        let node = start(2);
        let shared = probes_with(&node, MailboxSpec::DEFAULT);
        let probe = held(&node, &shared, "p");
        let _opener = Opener(shared.clone());
        let woken = Arc::new(Woken::default());
        let mut ask = probe.ask(Echo(1));
        assert!(woken.poll(&mut ask).is_pending());
        probe.try_tell(note("unread")).expect("there is room");
        probe.stop();
        shared.door.open();
        let error = err(node.block_on(ask));
        assert_eq!(
            (&error, error.changed()),
            (&AskError::Stopped { changed: Changed::No }, Changed::No)
        );
        says(&error, "agent stopped before it answered; nothing changed");
        eventually("both are dead", || node.counts()["probe"].dead == 2);
        let letters = node.dead_letters();
        let seen: Vec<_> = letters.iter().map(|letter| (&*letter.to, letter.message)).collect();
        assert_eq!(seen, [("probe/p", "Echo"), ("probe/p", "Note")]);
        assert!(letters.iter().all(|letter| letter.reason == "agent stopped before it came to it"));
        let events = node.events();
        assert_eq!(events.iter().filter(|event| event.name == EventName::MessageDead).count(), 2);
        assert_balanced(&node, "probe");
    });
}

#[test]
fn the_latest_are_kept_and_all_are_counted() {
    test(|| {
        let node = start(2);
        let room = MailboxSpec::overflow(Overflow::Refuse).len_max(6_000);
        let shared = probes_with(&node, room);
        let probe = held(&node, &shared, "p");
        let _opener = Opener(shared.clone());
        for number in 0..5_000 {
            probe.try_tell(note(number)).expect("there is room");
        }
        probe.stop();
        shared.door.open();
        eventually("all are dead", || node.counts()["probe"].dead == 5_000);
        assert_eq!(node.dead_letters().len(), DEAD_LETTERS_MAX);
        assert!(node.metrics().contains(&format!("nexus_dead_letters {DEAD_LETTERS_MAX}\n")));
        assert_balanced(&node, "probe");
    });
}
