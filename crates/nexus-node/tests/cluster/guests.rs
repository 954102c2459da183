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

/// Has a strict agent write to one: it visits, and offends.
#[derive(Message)]
pub struct Write(pub String);

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
    async fn handle(&mut self, to: Write, cx: &mut Context<Sender>) {
        cx.send::<Guest, _>(&to.0, Visit);
        cx.send::<Guest, _>(&to.0, Offend);
        cx.send::<Guest, _>(&to.0, Visit);
    }
}
