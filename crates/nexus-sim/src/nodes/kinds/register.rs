//! A number under a name: what linearizability is checked on. Kept whole after each change.

use std::time::Duration;

use nexus_agent::{Accepts, Agent, Context, Handler, Message, Residence};
use serde::{Deserialize, Serialize};

/// How long a write that takes its time does so, at most.
const SLOW_MAX: Duration = Duration::from_millis(40);

/// A number under a name; none at first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Register {
    value: Option<i64>,
}

impl Agent for Register {
    const KIND: &'static str = "register";

    fn new(_: &str) -> Register {
        Register { value: None }
    }

    fn residence() -> Residence<Register> {
        Residence::snapshot().idle_after(super::IDLE_AFTER)
    }

    fn accepts(kind: &mut Accepts<Register>) {
        kind.message::<Get>().message::<Put>().message::<Cas>().message::<Add>();
    }
}

/// What the number is.
#[derive(Message)]
#[message(reply = Option<i64>)]
pub(crate) struct Get;

/// It is to be this.
#[derive(Message)]
pub(crate) struct Put(pub(crate) i64);

/// If it is the first, it is to be the second; whether it was.
#[derive(Message)]
#[message(reply = bool)]
pub(crate) struct Cas(pub(crate) Option<i64>, pub(crate) i64);

/// This is to be added to it; what it is then.
#[derive(Message)]
#[message(reply = i64)]
pub(crate) struct Add(pub(crate) i64);

impl Handler<Get> for Register {
    async fn handle(&mut self, _: Get, _: &mut Context<Register>) -> Option<i64> {
        self.value
    }
}

impl Handler<Put> for Register {
    async fn handle(&mut self, Put(value): Put, cx: &mut Context<Register>) {
        take_time(cx).await;
        self.value = Some(value);
    }
}

impl Handler<Cas> for Register {
    async fn handle(&mut self, Cas(expect, value): Cas, _: &mut Context<Register>) -> bool {
        let swaps = self.value == expect;
        if swaps {
            self.value = Some(value);
        }
        swaps
    }
}

impl Handler<Add> for Register {
    async fn handle(&mut self, Add(by): Add, cx: &mut Context<Register>) -> i64 {
        let value = self.value.unwrap_or(0).wrapping_add(by);
        take_time(cx).await;
        self.value = Some(value);
        value
    }
}

/// Some steps are suspended, so that a crash, a seal or a lost term comes in the middle.
async fn take_time(cx: &mut Context<Register>) {
    let time = cx.random(|rng| if rng.below(4) == 0 { rng.unit() } else { 0.0 });
    if time > 0.0 {
        cx.sleep(SLOW_MAX.mul_f64(time)).await;
    }
}
