//! The kinds of the scenarios: one of each residence.

use std::pin::Pin;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use nexus::{
    Accepts, Agent, Context, Handler, Journaled, MailboxSpec, Message, Residence, Wire, WireId,
};
use serde::de::Deserializer;
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};

/// Keeps its whole state.
#[derive(Serialize, Deserialize)]
pub struct Note {
    pub text: String,
    /// Of version 2.
    pub edits: u32,
}

impl Agent for Note {
    const KIND: &'static str = "note";
    const MAILBOX: MailboxSpec = MailboxSpec::DEFAULT.len_max(2);

    fn new(_: &str) -> Note {
        Note { text: String::new(), edits: 0 }
    }

    fn residence() -> Residence<Note> {
        Residence::snapshot().version(2).upgrade(|from, bytes| {
            let text = nexus::decode(bytes).map_err(|reason| format!("from {from}: {reason}"))?;
            Ok(Note { text, edits: 0 })
        })
    }

    fn accepts(kind: &mut Accepts<Note>) {
        kind.message::<Add>().message::<Look>().message::<Slow>().message::<Boom>();
        kind.message::<Term>().message::<Post>().message::<Plan>().message::<Flood>();
        kind.message::<PlanUnnamed>().message::<Snag>();
    }
}

#[derive(Message)]
#[message(reply = u32)]
pub struct Add(pub String);

impl Handler<Add> for Note {
    async fn handle(&mut self, Add(text): Add, _: &mut Context<Note>) -> u32 {
        self.text.push_str(&text);
        self.edits += 1;
        self.edits
    }
}

#[derive(Message)]
#[message(reply = String)]
pub struct Look;

impl Handler<Look> for Note {
    async fn handle(&mut self, _: Look, _: &mut Context<Note>) -> String {
        self.text.clone()
    }
}

/// Takes so many milliseconds.
#[derive(Message)]
pub struct Slow(pub u64);

impl Handler<Slow> for Note {
    async fn handle(&mut self, Slow(millis): Slow, cx: &mut Context<Note>) {
        self.text.push('<');
        cx.sleep(Duration::from_millis(millis)).await;
        self.text.push('>');
    }
}

#[derive(Message)]
pub struct Boom;

impl Handler<Boom> for Note {
    async fn handle(&mut self, _: Boom, _: &mut Context<Note>) {
        self.text.push('!');
        panic!("boom");
    }
}

#[derive(Message)]
#[message(reply = u64)]
pub struct Term;

impl Handler<Term> for Note {
    async fn handle(&mut self, _: Term, cx: &mut Context<Note>) -> u64 {
        cx.term()
    }
}

/// Keeps its events.
#[derive(Serialize, Deserialize)]
pub struct Ledger {
    pub total: u64,
}

#[derive(Wire)]
pub struct Paid(pub u64);

impl Agent for Ledger {
    const KIND: &'static str = "ledger";

    fn new(_: &str) -> Ledger {
        Ledger { total: 0 }
    }

    fn residence() -> Residence<Ledger> {
        Residence::journal().idle_after(Duration::from_secs(1))
    }

    fn accepts(kind: &mut Accepts<Ledger>) {
        kind.message::<Pay>();
    }
}

impl Journaled for Ledger {
    type Event = Paid;

    fn apply(&mut self, Paid(amount): Paid) {
        self.total += amount;
    }
}

/// Pays one amount after the other; the total.
#[derive(Message)]
#[message(reply = u64)]
pub struct Pay(pub Vec<u64>);

impl Handler<Pay> for Ledger {
    async fn handle(&mut self, Pay(amounts): Pay, cx: &mut Context<Ledger>) -> u64 {
        for amount in amounts {
            cx.record(self, Paid(amount));
        }
        self.total
    }
}

/// Keeps nothing.
pub struct Tally(u32);

impl Agent for Tally {
    const KIND: &'static str = "tally";

    fn new(_: &str) -> Tally {
        Tally(0)
    }

    fn residence() -> Residence<Tally> {
        Residence::strict()
    }

    fn accepts(kind: &mut Accepts<Tally>) {
        kind.message::<Count>().message::<Reach>();
    }
}

#[derive(Message)]
#[message(reply = u32)]
pub struct Count;

impl Handler<Count> for Tally {
    async fn handle(&mut self, _: Count, _: &mut Context<Tally>) -> u32 {
        self.0 += 1;
        self.0
    }
}

/// Lives where it is spawned.
pub struct Local;

impl Agent for Local {
    const KIND: &'static str = "local";

    fn new(_: &str) -> Local {
        Local
    }

    fn accepts(kind: &mut Accepts<Local>) {
        kind.message::<Count>().message::<Post>().message::<Plan>();
    }
}

impl Handler<Count> for Local {
    async fn handle(&mut self, _: Count, _: &mut Context<Local>) -> u32 {
        1
    }
}

/// Has no bytes if it says so.
#[derive(Default)]
pub struct Strange(bool);

impl Serialize for Strange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 { Err(S::Error::custom("strange")) } else { serializer.serialize_u8(1) }
    }
}

impl<'de> Deserialize<'de> for Strange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strange, D::Error> {
        u8::deserialize(deserializer).map(|_| Strange(false))
    }
}

impl Wire for Strange {
    const ID: WireId = WireId::named("strange");
}

impl Agent for Strange {
    const KIND: &'static str = "strange";

    fn new(_: &str) -> Strange {
        Strange(false)
    }

    fn residence() -> Residence<Strange> {
        Residence::snapshot()
    }

    fn accepts(kind: &mut Accepts<Strange>) {
        kind.message::<Odd>();
    }
}

/// Leaves a state, or replies with something, that has no bytes.
#[derive(Message)]
#[message(reply = Strange)]
pub struct Odd {
    pub state: bool,
    pub reply: bool,
}

impl Handler<Odd> for Strange {
    async fn handle(&mut self, odd: Odd, _: &mut Context<Strange>) -> Strange {
        self.0 = odd.state;
        Strange(odd.reply)
    }
}

/// Sends to two agents by name, tells one by its handle in between, and sets an alarm.
#[derive(Message)]
pub struct Post;

impl Handler<Post> for Note {
    async fn handle(&mut self, _: Post, cx: &mut Context<Note>) {
        cx.send::<Ledger, _>("first", Pay(vec![1]));
        let local = cx.find::<Local>("one").expect("spawned by the scenario");
        local.tell(Post).await.expect("it is held");
        cx.after(Duration::from_millis(1), Look);
        cx.send::<Note, _>("second", Look);
    }
}

impl Handler<Post> for Local {
    async fn handle(&mut self, _: Post, cx: &mut Context<Local>) {
        cx.send::<Note, _>("third", Look);
    }
}

/// Sets a reminder, and takes one back.
#[derive(Message)]
pub struct Plan {
    pub set: String,
    pub forget: String,
}

impl Handler<Plan> for Note {
    async fn handle(&mut self, Plan { set, forget }: Plan, cx: &mut Context<Note>) {
        cx.remind(&set, Duration::from_secs(60), Look);
        cx.forget(&forget);
    }
}

impl Handler<Plan> for Local {
    async fn handle(&mut self, Plan { set, .. }: Plan, cx: &mut Context<Local>) {
        cx.remind(&set, Duration::from_secs(60), Post);
    }
}

/// Sets a reminder with a message that is not taken by name.
#[derive(Message)]
pub struct PlanUnnamed;

impl Handler<PlanUnnamed> for Note {
    async fn handle(&mut self, _: PlanUnnamed, cx: &mut Context<Note>) {
        cx.remind("again", Duration::from_secs(60), Unnamed);
    }
}

#[derive(Message)]
pub struct Unnamed;

impl Handler<Unnamed> for Note {
    async fn handle(&mut self, _: Unnamed, _: &mut Context<Note>) {}
}

/// Asks `tally/<key>` by name, for so many milliseconds at most; what came of it.
#[derive(Message)]
#[message(reply = String)]
pub struct Reach {
    pub key: String,
    pub millis: u64,
}

impl Handler<Reach> for Tally {
    async fn handle(&mut self, Reach { key, millis }: Reach, cx: &mut Context<Tally>) -> String {
        let limit = Duration::from_millis(millis);
        match cx.call::<Tally, _>(&key, Count).within(limit).await {
            Ok(count) => count.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

/// Sends so many letters of so many bytes.
#[derive(Message)]
pub struct Flood {
    pub letters: usize,
    pub bytes: usize,
}

impl Handler<Flood> for Note {
    async fn handle(&mut self, Flood { letters, bytes }: Flood, cx: &mut Context<Note>) {
        for _ in 0..letters {
            cx.send::<Note, _>("far", Add("x".repeat(bytes)));
        }
    }
}

/// Handled by a future that panics when it is dropped.
#[derive(Message)]
pub struct Snag;

impl Handler<Snag> for Note {
    fn handle(&mut self, _: Snag, _: &mut Context<Note>) -> impl Future<Output = ()> + Send {
        Snagged
    }
}

struct Snagged;

impl Future for Snagged {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Poller<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Drop for Snagged {
    fn drop(&mut self) {
        panic!("caught on a snag");
    }
}
