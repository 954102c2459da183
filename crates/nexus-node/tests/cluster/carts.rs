//! The agents of these tests.

use nexus_agent::{Agent, Context, Handler, Message, Residence};
use serde::{Deserialize, Serialize};

/// A number that is kept.
#[derive(Serialize, Deserialize)]
pub struct Cart {
    total: u64,
}

impl Agent for Cart {
    const KIND: &'static str = "cart";
    fn new(_key: &str) -> Cart {
        Cart { total: 0 }
    }
    fn residence() -> Residence<Cart> {
        Residence::snapshot()
    }
    fn accepts(kind: &mut nexus_agent::Accepts<Cart>) {
        kind.message::<Add>().message::<Total>();
    }
}

/// Adds to it, and answers what it is then.
#[derive(Message)]
#[message(reply = u64)]
pub struct Add(pub u64);

/// Answers what it is.
#[derive(Message)]
#[message(reply = u64)]
pub struct Total;

impl Handler<Add> for Cart {
    async fn handle(&mut self, add: Add, _: &mut Context<Cart>) -> u64 {
        self.total = self.total.checked_add(add.0).expect("carts are not that large");
        self.total
    }
}

impl Handler<Total> for Cart {
    async fn handle(&mut self, _: Total, _: &mut Context<Cart>) -> u64 {
        self.total
    }
}
