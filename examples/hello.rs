//! The smallest program: one agent, one message, one answer.
//!
//! `cargo run --release --example hello`
//!
//! It is also the lowest level of intelligence, the *reactive* one: the agent answers by
//! its rules alone, and nothing is learned. See `levels_proactive` and `levels_adaptive`
//! for those above.

use nexus::prelude::*;

struct Counter(u64);

impl Agent for Counter {
    const KIND: &'static str = "counter";
    fn new(_key: &str) -> Self {
        Counter(0)
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Add(u64);

impl Handler<Add> for Counter {
    async fn handle(&mut self, Add(by): Add, _cx: &mut Context<Self>) -> u64 {
        self.0 += by;
        self.0
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::start()?;
    let visits = node.spawn::<Counter>("visits")?;
    println!("{} visits", node.block_on(visits.ask(Add(2)))?);
    Ok(())
}
