//! Order: messages from one sender to one receiver are handled as they were sent.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use nexus::{Agent, Context, Handler, KindSpec, MailboxSpec, Message, Overflow};
use nexus_sim::{World, check, seeds};

use crate::log::Log;

/// Writes down what it hears, taking its time over some of it.
struct Hearer(Log);

impl Agent for Hearer {
    const KIND: &'static str = "hearer";
    fn new(_: &str) -> Hearer {
        unreachable!("made by the scenario")
    }
}

#[derive(Clone, Message)]
#[message(reply = u32)]
struct Word {
    sender: u32,
    number: u32,
}

impl Handler<Word> for Hearer {
    async fn handle(&mut self, word: Word, cx: &mut Context<Self>) -> u32 {
        if cx.random(|rng| rng.below(3)) == 0 {
            cx.sleep(Duration::from_nanos(cx.random(|rng| rng.below(50)))).await;
        }
        self.0.push(format!("{} {}", word.sender, word.number));
        word.number
    }
}

/// Sends words in every way there is.
struct Sender;

impl Agent for Sender {
    const KIND: &'static str = "sender";
    fn new(_: &str) -> Sender {
        Sender
    }
}

/// Send this many words to the hearer of that name.
#[derive(Message)]
struct Send(u32, String);

impl Handler<Send> for Sender {
    async fn handle(&mut self, Send(count, to): Send, cx: &mut Context<Self>) {
        let hearer = cx.find::<Hearer>(&to).expect("spawned by the scenario");
        let sender = cx.key().parse().expect("senders are numbered");
        let mut number = 0;
        let mut next = || {
            number += 1;
            Word { sender, number }
        };
        for _ in 0..count {
            match cx.random(|rng| rng.below(6)) {
                0 | 1 => hearer.tell(next()).await.expect("it waits for room"),
                2 => assert!(hearer.ask(next()).await.is_ok()),
                3 => assert!(hearer.ask(next()).queued().await.is_ok()),
                4 => {
                    let (one, other) = both(hearer.ask(next()), hearer.ask(next())).await;
                    assert!(one.is_ok() && other.is_ok());
                }
                _ => cx.sleep(Duration::from_nanos(cx.random(|rng| rng.below(20)))).await,
            }
        }
    }
}

/// Both futures' outputs; the first is polled first.
async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(cx)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(cx)
        {
            second = Some(output);
        }
        if first.is_some() && second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (first.expect("both are ready"), second.expect("both are ready"))
}

fn senders_are_heard_in_order(world: &mut World, len_max: u32) {
    let log = Log::default();
    let of_hearer = log.clone();
    let mailbox = MailboxSpec::overflow(Overflow::Wait).len_max(len_max);
    world.register(KindSpec::from_fn(move |_| Hearer(of_hearer.clone())).mailbox(mailbox));
    world.spawn::<Hearer>("one");
    for sender in 0..4 {
        let sender = world.spawn::<Sender>(&sender.to_string());
        world.tell(&sender, Send(12, "one".to_owned())).expect("it is there");
    }
    world.run_until_idle();
    let lines = log.lines();
    for sender in 0..4 {
        let prefix = format!("{sender} ");
        let mine = lines.iter().filter_map(|line| line.strip_prefix(&prefix));
        let numbers: Vec<u32> = mine.map(|number| number.parse().expect("a number")).collect();
        let expected: Vec<u32> = (1..=numbers.len() as u32).collect();
        assert_eq!(numbers, expected, "words of sender {sender}");
    }
}

#[test]
fn with_room_for_all() {
    check(seeds(60), |world| senders_are_heard_in_order(world, 1_024));
}

#[test]
fn with_room_for_one() {
    check(seeds(60), |world| senders_are_heard_in_order(world, 1));
}

#[test]
fn with_room_for_three() {
    check(seeds(60), |world| senders_are_heard_in_order(world, 3));
}
