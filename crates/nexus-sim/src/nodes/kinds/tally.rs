//! A count that is only in memory: it promises nothing, and must harm nobody.

use nexus_agent::{Accepts, Agent, Context, Handler, Message, Residence};

/// A count.
pub(crate) struct Tally {
    count: u64,
}

impl Agent for Tally {
    const KIND: &'static str = "tally";

    fn new(_: &str) -> Tally {
        Tally { count: 0 }
    }

    fn residence() -> Residence<Tally> {
        Residence::strict().idle_after(super::IDLE_AFTER)
    }

    fn accepts(kind: &mut Accepts<Tally>) {
        kind.message::<Count>();
    }
}

/// One more; in which term, and how many that makes in it.
#[derive(Message)]
#[message(reply = (u64, u64))]
pub(crate) struct Count;

impl Handler<Count> for Tally {
    async fn handle(&mut self, _: Count, cx: &mut Context<Tally>) -> (u64, u64) {
        self.count += 1;
        (cx.term(), self.count)
    }
}
