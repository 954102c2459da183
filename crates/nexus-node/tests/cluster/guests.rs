//! Agents that live on the node that spawned them.

use nexus_agent::{Accepts, Agent, Context, Handler, Message};

/// Counts its visitors.
pub struct Guest(u64);

impl Agent for Guest {
    const KIND: &'static str = "guest";
    fn new(_key: &str) -> Guest {
        Guest(0)
    }
    fn accepts(kind: &mut Accepts<Guest>) {
        kind.message::<Visit>().message::<Offend>();
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
