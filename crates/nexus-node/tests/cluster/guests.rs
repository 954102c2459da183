//! Agents that live on the node that spawned them.

use nexus_agent::{Accepts, Agent, Context, Handler, Message};

use crate::others::Sender;

/// Counts its visitors.
pub struct Guest(u64);

impl Agent for Guest {
    const KIND: &'static str = "guest";
    fn new(_key: &str) -> Guest {
        Guest(0)
    }
    fn accepts(kind: &mut Accepts<Guest>) {
        kind.message::<Visit>().message::<Offend>().message::<Send>();
    }
}

/// Answers how many visitors there have been.
#[derive(Message)]
#[message(reply = u64)]
pub struct Visit;

/// Panics.
#[derive(Message)]
#[message(reply = u64)]
pub struct Offend;

/// Sends it to visit another; what comes of it.
#[derive(Message)]
#[message(reply = Result<u64, String>)]
pub struct Send(pub String);

/// Has a strict agent write to one: it offends, perhaps, and visits so often.
#[derive(Message)]
pub struct Write {
    pub to: String,
    pub offends: bool,
    pub visits: u64,
}

impl Handler<Visit> for Guest {
    async fn handle(&mut self, _: Visit, _: &mut Context<Guest>) -> u64 {
        self.0 += 1;
        self.0
    }
}

impl Handler<Offend> for Guest {
    async fn handle(&mut self, _: Offend, _: &mut Context<Guest>) -> u64 {
        panic!("a guest is offended")
    }
}

impl Handler<Send> for Guest {
    async fn handle(&mut self, to: Send, cx: &mut Context<Guest>) -> Result<u64, String> {
        cx.call::<Guest, _>(&to.0, Visit).await.map_err(|error| error.to_string())
    }
}

impl Handler<Write> for Sender {
    async fn handle(&mut self, what: Write, cx: &mut Context<Sender>) {
        if what.offends {
            cx.send::<Guest, _>(&what.to, Offend);
        }
        (0..what.visits).for_each(|_| cx.send::<Guest, _>(&what.to, Visit));
    }
}
