//! A clerk who has himself reminded, and writes down each time that he was.

use std::time::Duration;

use nexus_agent::{Accepts, Agent, Context, Handler, Message, Residence};
use serde::{Deserialize, Serialize};

/// Reminders that a clerk has at a time; another one replaces one of these.
pub(crate) const NAMES: u64 = 4;

/// How often he was reminded, and of what last.
#[derive(Serialize, Deserialize)]
pub(crate) struct Clerk {
    asked: u64,
    rung: u64,
    last: u64,
}

impl Agent for Clerk {
    const KIND: &'static str = "clerk";

    fn new(_: &str) -> Clerk {
        Clerk { asked: 0, rung: 0, last: 0 }
    }

    fn residence() -> Residence<Clerk> {
        Residence::snapshot().idle_after(super::IDLE_AFTER)
    }

    fn accepts(kind: &mut Accepts<Clerk>) {
        kind.message::<Remind>().message::<Forget>().message::<Ring>().message::<Rung>();
    }
}

/// He is to be reminded of a number after a while.
#[derive(Message)]
pub(crate) struct Remind {
    pub(crate) number: u64,
    pub(crate) after: Duration,
}

/// He need not be, any more.
#[derive(Message)]
pub(crate) struct Forget(pub(crate) u64);

/// He is reminded.
#[derive(Message)]
pub(crate) struct Ring(u64);

/// How often he was.
#[derive(Message)]
#[message(reply = u64)]
pub(crate) struct Rung;

fn name(number: u64) -> String {
    format!("about {}", number % NAMES)
}

impl Handler<Remind> for Clerk {
    async fn handle(&mut self, Remind { number, after }: Remind, cx: &mut Context<Clerk>) {
        self.asked += 1;
        cx.remind(&name(number), after, Ring(number));
    }
}

impl Handler<Forget> for Clerk {
    async fn handle(&mut self, Forget(number): Forget, cx: &mut Context<Clerk>) {
        self.asked += 1;
        cx.forget(&name(number));
    }
}

impl Handler<Ring> for Clerk {
    async fn handle(&mut self, Ring(number): Ring, _: &mut Context<Clerk>) {
        self.rung += 1;
        self.last = number;
    }
}

impl Handler<Rung> for Clerk {
    async fn handle(&mut self, _: Rung, _: &mut Context<Clerk>) -> u64 {
        self.rung
    }
}
