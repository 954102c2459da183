//! What a lock protects: it takes notice of nobody whose fence is older than one that it has seen.

use nexus_agent::{Accepts, Agent, Context, Fence, Handler, Message, NewestFence, Residence};
use serde::{Deserialize, Serialize};

/// The newest fence, and how often one was taken.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Vault {
    newest: NewestFence,
    shown: u64,
}

impl Agent for Vault {
    const KIND: &'static str = "vault";

    fn new(_: &str) -> Vault {
        Vault::default()
    }

    fn residence() -> Residence<Vault> {
        Residence::snapshot().idle_after(super::IDLE_AFTER)
    }

    fn accepts(kind: &mut Accepts<Vault>) {
        kind.message::<Show>();
    }
}

/// Somebody shows the fence that he holds the lock with; whether it is taken.
#[derive(Message)]
#[message(reply = bool)]
pub(crate) struct Show(pub(crate) Fence);

impl Handler<Show> for Vault {
    async fn handle(&mut self, Show(fence): Show, _: &mut Context<Vault>) -> bool {
        let is_taken = self.newest.admit(fence).is_ok();
        self.shown += u64::from(is_taken);
        is_taken
    }
}
