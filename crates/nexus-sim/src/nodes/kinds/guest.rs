//! A guest: it lives on the node that made it, and says where that is.

use std::fmt;

use nexus_agent::{Accepts, Agent, Context, Handler, Message};
use nexus_cluster::NodeId;

/// Where a guest is: which node, and which start of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Home {
    pub(crate) node: NodeId,
    pub(crate) start: u64,
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, start {}", self.node, self.start)
    }
}

/// It knows where it is.
pub(crate) struct Guest(pub(crate) Home);

impl Agent for Guest {
    const KIND: &'static str = "guest";

    /// One that was not made by its node is nowhere.
    fn new(_: &str) -> Guest {
        Guest(Home { node: NodeId(0), start: 0 })
    }

    fn accepts(kind: &mut Accepts<Guest>) {
        kind.message::<Where>();
    }
}

/// Where it is: the number of the node, and of its start.
#[derive(Message)]
#[message(reply = (u64, u64))]
pub(crate) struct Where;

impl Handler<Where> for Guest {
    async fn handle(&mut self, _: Where, _: &mut Context<Guest>) -> (u64, u64) {
        (self.0.node.0, self.0.start)
    }
}
