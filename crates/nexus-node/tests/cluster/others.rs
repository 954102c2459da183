//! Agents that send letters, set reminders, keep events, or keep nothing.

use std::time::Duration;

use nexus_agent::{Accepts, Agent, Context, Handler, Journaled, Message, Residence, Wire};
use serde::{Deserialize, Serialize};

use crate::carts::{Cart, Total};
use crate::guests::Write;

/// Sends letters.
#[derive(Serialize, Deserialize)]
pub struct Sender;

impl Agent for Sender {
    const KIND: &'static str = "sender";
    fn new(_key: &str) -> Sender {
        Sender
    }
    fn residence() -> Residence<Sender> {
        Residence::snapshot()
    }
    fn accepts(kind: &mut Accepts<Sender>) {
        kind.message::<Post>().message::<Relay>().message::<Write>();
    }
}

/// Sends numbers from 0 on to a receiver.
#[derive(Message)]
pub struct Post {
    pub to: String,
    pub count: u64,
}

impl Handler<Post> for Sender {
    async fn handle(&mut self, post: Post, cx: &mut Context<Sender>) {
        for number in 0..post.count {
            cx.send::<Receiver, _>(&post.to, Note(number));
        }
    }
}

/// Asks a cart for its total.
#[derive(Message)]
#[message(reply = Option<u64>)]
pub struct Relay(pub String);

impl Handler<Relay> for Sender {
    async fn handle(&mut self, relay: Relay, cx: &mut Context<Sender>) -> Option<u64> {
        cx.call::<Cart, _>(&relay.0, Total).await.ok()
    }
}

/// Gets letters.
#[derive(Serialize, Deserialize)]
pub struct Receiver(Vec<u64>);

impl Agent for Receiver {
    const KIND: &'static str = "receiver";
    fn new(_key: &str) -> Receiver {
        Receiver(Vec::new())
    }
    fn residence() -> Residence<Receiver> {
        Residence::snapshot()
    }
    fn accepts(kind: &mut Accepts<Receiver>) {
        kind.message::<Note>().message::<Got>().message::<Swallow>();
    }
}

/// A letter.
#[derive(Message)]
pub struct Note(u64);

/// All letters, as they came.
#[derive(Message)]
#[message(reply = Vec<u64>)]
pub struct Got;

impl Handler<Note> for Receiver {
    async fn handle(&mut self, note: Note, _: &mut Context<Receiver>) {
        self.0.push(note.0);
    }
}

impl Handler<Got> for Receiver {
    async fn handle(&mut self, _: Got, _: &mut Context<Receiver>) -> Vec<u64> {
        self.0.clone()
    }
}

/// Is kept, and answered with how much is there then.
#[derive(Message)]
#[message(reply = u64)]
pub struct Swallow(pub Vec<u8>);

impl Handler<Swallow> for Receiver {
    async fn handle(&mut self, more: Swallow, _: &mut Context<Receiver>) -> u64 {
        self.0.extend(more.0.into_iter().map(u64::from));
        self.0.len() as u64
    }
}

/// Sets reminders.
#[derive(Serialize, Deserialize)]
pub struct Clock(u64);

impl Agent for Clock {
    const KIND: &'static str = "clock";
    fn new(_key: &str) -> Clock {
        Clock(0)
    }
    fn residence() -> Residence<Clock> {
        Residence::snapshot()
    }
    fn accepts(kind: &mut Accepts<Clock>) {
        kind.message::<Wake>().message::<Ring>().message::<Rung>();
    }
}

/// Rings after so many seconds.
#[derive(Message)]
pub struct Wake(pub u64);

#[derive(Message)]
struct Ring;

/// How often it has rung.
#[derive(Message)]
#[message(reply = u64)]
pub struct Rung;

impl Handler<Wake> for Clock {
    async fn handle(&mut self, wake: Wake, cx: &mut Context<Clock>) {
        cx.remind("wake", Duration::from_secs(wake.0), Ring);
    }
}

impl Handler<Ring> for Clock {
    async fn handle(&mut self, _: Ring, _: &mut Context<Clock>) {
        self.0 += 1;
    }
}

impl Handler<Rung> for Clock {
    async fn handle(&mut self, _: Rung, _: &mut Context<Clock>) -> u64 {
        self.0
    }
}

/// Keeps events.
#[derive(Serialize, Deserialize)]
pub struct Account(u64);

#[derive(Wire)]
pub struct Deposited(u64);

impl Agent for Account {
    const KIND: &'static str = "account";
    fn new(_key: &str) -> Account {
        Account(0)
    }
    fn residence() -> Residence<Account> {
        Residence::journal().idle_after(Duration::from_secs(2))
    }
    fn accepts(kind: &mut Accepts<Account>) {
        kind.message::<Deposit>();
    }
}

impl Journaled for Account {
    type Event = Deposited;
    fn apply(&mut self, event: Deposited) {
        self.0 += event.0;
    }
}

/// Adds to it, and answers what is there then.
#[derive(Message)]
#[message(reply = u64)]
pub struct Deposit(pub u64);

impl Handler<Deposit> for Account {
    async fn handle(&mut self, deposit: Deposit, cx: &mut Context<Account>) -> u64 {
        cx.record(self, Deposited(deposit.0));
        self.0
    }
}

/// Keeps nothing.
pub struct Counter(u64);

impl Agent for Counter {
    const KIND: &'static str = "counter";
    fn new(_key: &str) -> Counter {
        Counter(0)
    }
    fn residence() -> Residence<Counter> {
        Residence::strict()
    }
    fn accepts(kind: &mut Accepts<Counter>) {
        kind.message::<Count>();
    }
}

/// Counts one more.
#[derive(Message)]
#[message(reply = u64)]
pub struct Count;

impl Handler<Count> for Counter {
    async fn handle(&mut self, _: Count, _: &mut Context<Counter>) -> u64 {
        self.0 += 1;
        self.0
    }
}
