//! Full mailboxes: each policy does what it says, and every message is counted.

use std::sync::Arc;

use nexus::{
    Agent, AskError, Changed, Context, Handle, Handler, KindSpec, MailboxSpec, Message, Node,
    Overflow, TellError, Wire,
};

use crate::support::{
    Echo, Note, Opener, Probe, Shared, Woken, assert_alive, assert_balanced, err, eventually, held,
    note, probe, probes_with, says, start, test,
};

const ROOM: u32 = 3;

/// A node with a probe that is held, and a mailbox of `ROOM` under `overflow`.
fn held_probe(overflow: Overflow) -> (Node, Arc<Shared>, Handle<Probe>, Opener) {
    let node = start(2);
    let shared = probes_with(&node, MailboxSpec { len_max: ROOM, overflow });
    let probe = held(&node, &shared, "p");
    let opener = Opener(shared.clone());
    (node, shared, probe, opener)
}

/// Tells `0 1 2`, which fills the mailbox.
fn fill(probe: &Handle<Probe>) {
    for number in 0..ROOM {
        probe.try_tell(note(number)).expect("there is room");
    }
    assert_eq!(probe.mailbox_len(), ROOM);
}

/// Lets the probe go, and compares what it then handles with `expected`.
#[track_caller]
fn check_handled(node: &Node, shared: &Shared, expected: &[&str]) {
    shared.door.open();
    assert_balanced(node, "probe");
    let log = shared.log();
    assert_eq!(log[2..], *expected, "after `made` and `holding`");
}

#[test]
fn refuse_gives_the_message_back() {
    test(|| {
        let (node, shared, probe, _opener) = held_probe(Overflow::Refuse);
        fill(&probe);
        let error = err(node.block_on(probe.tell(note("more"))));
        says(&error, "mailbox is full at 3 messages; nothing changed; try again later");
        assert!(matches!(&error, TellError::MailboxFull { len_max: ROOM, .. }));
        assert_eq!(error.into_message(), note("more"));
        let error = err(node.block_on(probe.ask(Echo(1))));
        assert_eq!(error, AskError::MailboxFull { len_max: ROOM });
        says(&error, "mailbox is full at 3 messages; nothing changed; try again later");
        check_handled(&node, &shared, &["0", "1", "2"]);
        assert_eq!(node.counts()["probe"].refused, 2);
    });
}

#[test]
fn wait_lets_senders_in_in_the_order_they_came() {
    test(|| {
        let (node, shared, probe, _opener) = held_probe(Overflow::Wait);
        fill(&probe);
        let error = err(probe.try_tell(note("at once")));
        assert!(matches!(error, TellError::MailboxFull { len_max: ROOM, .. }));
        let woken = Arc::new(Woken::default());
        let mut waiting: Vec<_> = (0..4).map(|number| probe.tell(note(10 + number))).collect();
        for tell in &mut waiting {
            assert!(woken.poll(tell).is_pending());
        }
        let mut asked = probe.ask(Echo(5));
        assert!(woken.poll(&mut asked).is_pending());
        shared.door.open();
        for tell in waiting {
            node.block_on(tell).expect("there will be room");
        }
        assert_eq!(node.block_on(asked), Ok(5));
        check_handled(&node, &shared, &["0", "1", "2", "10", "11", "12", "13"]);
    });
}

#[test]
fn a_sender_that_gives_up_waiting_passes_its_place_on() {
    test(|| {
        let (node, shared, probe, _opener) = held_probe(Overflow::Wait);
        fill(&probe);
        let woken: [Arc<Woken>; 4] = Default::default();
        let mut tells: Vec<_> = (0..4).map(|number| probe.tell(note(10 + number))).collect();
        for (tell, woken) in tells.iter_mut().zip(&woken) {
            assert!(woken.poll(tell).is_pending());
        }
        shared.door.open();
        // Woken for the room there now is, the first three go away.
        eventually("the first is woken", || woken[0].is());
        let mut last = tells.pop().expect("four tells wait");
        drop(tells);
        eventually("the last is woken", || woken[3].is());
        assert!(woken[3].poll(&mut last).is_ready());
        check_handled(&node, &shared, &["0", "1", "2", "13"]);
    });
}

#[test]
fn a_waiting_sender_learns_that_the_agent_has_stopped() {
    test(|| {
        let (node, shared, probe, _opener) = held_probe(Overflow::Wait);
        fill(&probe);
        let woken = Arc::new(Woken::default());
        let mut tell = probe.tell(note("late"));
        assert!(woken.poll(&mut tell).is_pending());
        let mut ask = probe.ask(Echo(1));
        assert!(woken.poll(&mut ask).is_pending());
        probe.stop();
        shared.door.open();
        assert!(
            matches!(node.block_on(tell), Err(TellError::NotRunning(Note(text))) if text == "late")
        );
        assert_eq!(node.block_on(ask), Err(AskError::NotRunning));
        assert_balanced(&node, "probe");
        assert_eq!(node.counts()["probe"].dead, u64::from(ROOM));
    });
}

/// Tells itself more than its mailbox holds.
struct Chatterbox;

impl Agent for Chatterbox {
    const KIND: &'static str = "chatterbox";
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(Overflow::Wait).len_max(ROOM);

    fn new(_key: &str) -> Chatterbox {
        Chatterbox
    }
}

/// How many of these tells to itself came through.
#[derive(Message)]
#[message(reply = u32)]
struct Chatter(u32);

impl Handler<Chatter> for Chatterbox {
    async fn handle(&mut self, Chatter(times): Chatter, cx: &mut Context<Chatterbox>) -> u32 {
        let mut taken = 0;
        for _ in 0..times {
            taken += u32::from(cx.me().tell(Chatter(0)).await.is_ok());
        }
        taken
    }
}

#[test]
fn an_agent_does_not_wait_for_room_only_it_can_make() {
    test(|| {
        let node = start(1);
        let chatterbox = node.spawn::<Chatterbox>("c").expect("the key is free");
        assert_eq!(node.block_on(chatterbox.ask(Chatter(5))), Ok(ROOM));
        assert_balanced(&node, "chatterbox");
    });
}

/// Tells the other of two as often as it says.
#[derive(Message)]
#[message(reply = u32)]
struct Flood {
    other: String,
    times: u32,
}

impl Handler<Flood> for Chatterbox {
    async fn handle(&mut self, flood: Flood, cx: &mut Context<Chatterbox>) -> u32 {
        let other: Handle<Chatterbox> = cx.find(&flood.other).expect("both run");
        let mut refused = 0;
        for _ in 0..flood.times {
            refused += u32::from(other.tell(Chatter(0)).await.is_err());
        }
        refused
    }
}

#[test]
fn agents_that_wait_for_room_in_each_others_mailboxes_are_told() {
    test(|| {
        let node = start(2);
        let [a, b] = ["a", "b"].map(|key| node.spawn(key).expect("the key is free"));
        let floods = [(a, "b"), (b, "a")].map(|(chatterbox, other): (Handle<Chatterbox>, _)| {
            let flood = Flood { other: other.to_owned(), times: 1_000 };
            node.task(async move { chatterbox.ask(flood).await }).expect("it is running")
        });
        for flood in floods {
            let refused = node.block_on(flood).expect("it does not panic");
            assert!(refused.is_ok(), "{refused:?}");
        }
        assert_balanced(&node, "chatterbox");
    });
}

#[test]
fn drop_oldest_makes_room_for_the_new() {
    test(|| {
        let (node, shared, probe, _opener) = held_probe(Overflow::DropOldest);
        let woken = Arc::new(Woken::default());
        let mut oldest = probe.ask(Echo(1));
        assert!(woken.poll(&mut oldest).is_pending());
        for number in 0..4 {
            node.block_on(probe.tell(note(number))).expect("it always takes");
        }
        let error = err(node.block_on(oldest));
        assert_eq!((&error, error.changed()), (&AskError::Shed, Changed::No));
        says(&error, "message was shed from a full mailbox; nothing changed; try again later");
        check_handled(&node, &shared, &["1", "2", "3"]);
        assert_eq!(node.counts()["probe"].dropped, 2);
    });
}

#[test]
fn drop_newest_keeps_what_is_there() {
    test(|| {
        let (node, shared, probe, _opener) = held_probe(Overflow::DropNewest);
        fill(&probe);
        node.block_on(probe.tell(note("newest"))).expect("it is taken, and dropped");
        assert_eq!(node.block_on(probe.ask(Echo(1))), Err(AskError::Shed));
        check_handled(&node, &shared, &["0", "1", "2"]);
        assert_eq!(node.counts()["probe"].dropped, 2);
    });
}

/// An agent whose messages know how much they matter.
struct Triage(Arc<Shared>);

impl Agent for Triage {
    const KIND: &'static str = "triage";

    fn new(_key: &str) -> Triage {
        unreachable!("made by its kind's constructor")
    }
}

/// Blocks until the door opens.
#[derive(Message)]
struct Occupy;

impl Handler<Occupy> for Triage {
    async fn handle(&mut self, _: Occupy, _cx: &mut Context<Triage>) {
        self.0.note("occupied");
        self.0.door.pass();
    }
}

/// A message that carries its priority. Nobody can say that of a 13.
#[derive(Wire)]
struct Weighed(u8);

impl Message for Weighed {
    type Reply = u8;
    const NAME: &'static str = "Weighed";

    fn priority(&self) -> u8 {
        assert!(self.0 != 13, "no priority today");
        self.0
    }
}

impl Handler<Weighed> for Triage {
    async fn handle(&mut self, Weighed(priority): Weighed, _cx: &mut Context<Triage>) -> u8 {
        self.0.note(priority.to_string());
        priority
    }
}

fn triage(len_max: u32) -> (Node, Arc<Shared>, Handle<Triage>, Opener) {
    let node = start(2);
    let shared = Arc::new(Shared::default());
    let inner = shared.clone();
    let spec = KindSpec::from_fn(move |_| Triage(inner.clone()));
    let mailbox = MailboxSpec { len_max, overflow: Overflow::ShedLowest };
    node.register(spec.mailbox(mailbox)).expect("nobody else has the kind");
    let triage: Handle<Triage> = node.spawn("t").expect("the key is free");
    triage.try_tell(Occupy).expect("the mailbox is empty");
    shared.wait_for("occupied");
    let opener = Opener(shared.clone());
    (node, shared, triage, opener)
}

#[test]
fn shed_lowest_keeps_what_matters() {
    test(|| {
        let (node, shared, triage, _opener) = triage(ROOM);
        let woken = Arc::new(Woken::default());
        let mut least = triage.ask(Weighed(1));
        assert!(woken.poll(&mut least).is_pending());
        for priority in [50, 20, 90, 20, 60, 10] {
            triage.try_tell(Weighed(priority)).expect("it always takes");
        }
        assert_eq!(node.block_on(least), Err(AskError::Shed));
        shared.door.open();
        assert_balanced(&node, "triage");
        assert_eq!(shared.log(), ["occupied", "50", "90", "60"]);
        assert_eq!(node.counts()["triage"].dropped, 4);
    });
}

#[test]
fn a_priority_that_panics_goes_first_and_harms_nobody() {
    test(|| {
        let (node, shared, triage, _opener) = triage(ROOM);
        for priority in [50, 13, 60, 70] {
            triage.try_tell(Weighed(priority)).expect("it always takes");
        }
        shared.door.open();
        assert_balanced(&node, "triage");
        assert_eq!(shared.log(), ["occupied", "50", "60", "70"]);
        assert_alive(&node);
    });
}

#[test]
fn a_mailbox_for_nothing_holds_one() {
    test(|| {
        for overflow in [Overflow::Refuse, Overflow::Wait, Overflow::DropOldest] {
            let node = start(1);
            probes_with(&node, MailboxSpec { len_max: 0, overflow });
            let probe = probe(&node, "p");
            assert_eq!(node.block_on(probe.ask(Echo(1))), Ok(1), "{overflow:?}");
            node.block_on(probe.tell(note("heard"))).expect("there is room for one");
            assert_balanced(&node, "probe");
        }
    });
}

#[test]
fn many_senders_on_a_small_mailbox_lose_nothing() {
    test(|| {
        let node = start(2);
        let shared = probes_with(&node, MailboxSpec { len_max: 2, overflow: Overflow::Wait });
        let probe = probe(&node, "p");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (probe, node) = (&probe, &node);
                scope.spawn(move || {
                    for number in 0..500 {
                        let text = note(format!("{thread}:{number}"));
                        node.block_on(probe.tell(text)).expect("there will be room");
                    }
                });
            }
            for task in 4..6 {
                let probe = probe.clone();
                let tells = async move {
                    for number in 0..500 {
                        let text = note(format!("{task}:{number}"));
                        probe.tell(text).await.expect("there will be room");
                    }
                };
                drop(node.task(tells).expect("it is running"));
            }
        });
        eventually("all have been handled", || node.counts()["probe"].handled == 3_000);
        assert_balanced(&node, "probe");
        for sender in 0..6 {
            let numbers = shared.lines(&format!("{sender}:"));
            let expected: Vec<String> = (0..500).map(|number| number.to_string()).collect();
            assert_eq!(numbers, expected, "each sender's messages come in order");
        }
    });
}
