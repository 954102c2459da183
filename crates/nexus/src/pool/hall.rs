//! Where held calls wait: in the mailbox of an agent.
//!
//! The agent gives a wait all that an ask has: a deadline kept by the node's own
//! clock, an end when the node ends, a place among what can be seen waiting, and
//! the same in virtual time. Who gets the next member is not decided here.

use std::sync::Arc;

use nexus_agent::{Accepts, Agent, Context, Handler, MailboxSpec, Message};

use super::HELD_MAX;
use super::named::Pools;

/// One for each pool, under the pool's name. Stopping it stops the pool.
pub(super) struct Hall;

impl Agent for Hall {
    const KIND: &'static str = "nexus.pool";

    /// A call that is given a member, or gives up, stays in the mailbox until the
    /// one that has waited longest goes: hence the double.
    const MAILBOX: MailboxSpec = MailboxSpec::DEFAULT.len_max(2 * HELD_MAX);

    fn new(_key: &str) -> Hall {
        Hall
    }

    fn accepts(kind: &mut Accepts<Hall>) {
        kind.beside(Arc::<Pools>::default());
    }
}

/// Answered only by giving up on it.
#[derive(Message)]
#[message(name = "nexus.pool.wait")]
pub(super) struct Wait;

impl Handler<Wait> for Hall {
    async fn handle(&mut self, _: Wait, cx: &mut Context<Hall>) {
        cx.cancelled().await;
    }
}
