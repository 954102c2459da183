//! An agent asks itself what it will probably be asked next.
//!
//! By a message of its own, a little later: whoever waits for an answer does not wait
//! for this, and an agent that is busy by then has none of it. Nobody else can send it:
//! it is not among what a kind takes by name.

use std::time::Duration;

use nexus_agent::{Context, Handler, Message, Wire};

use super::layers::{KindLayers, Query};
use super::{ReactiveAgent, ReactiveKind, Request, asked};

/// How long after the query that it follows. A guess: long for a message that is on
/// its way already, short for whoever reads an answer before asking on.
const AFTER: Duration = Duration::from_millis(1);

/// Messages in the mailbox of an agent whom nobody waits for: the one it handles may
/// still be counted.
const ITSELF: u32 = 1;

/// Run this query, if nobody is waiting.
#[derive(Clone, Debug, Wire)]
#[wire(name = "nexus.prefetch")]
pub(super) struct Prefetch(Request);

impl Message for Prefetch {
    type Reply = ();
    const NAME: &'static str = "nexus.prefetch";

    /// Goes first where room is needed.
    fn priority(&self) -> u8 {
        0
    }
}

/// Has the agent run `next` later, unless somebody is waiting already.
pub(super) fn begin<K: ReactiveKind>(
    layers: &KindLayers,
    cx: &Context<ReactiveAgent<K>>,
    next: &Query,
) {
    let is_idle = cx.me().mailbox_len() <= ITSELF;
    match next.request().filter(|_| is_idle) {
        Some(request) => {
            cx.after(AFTER, Prefetch(request.into()));
        }
        None => layers.skip_fetch(),
    }
}

impl<K: ReactiveKind> Handler<Prefetch> for ReactiveAgent<K> {
    async fn handle(&mut self, Prefetch(request): Prefetch, cx: &mut Context<ReactiveAgent<K>>) {
        let Some(layers) = cx.beside::<KindLayers>() else { return };
        if cx.me().mailbox_len() > ITSELF {
            layers.skip_fetch();
            return;
        }
        let (driver, rules) = (cx.system().driver(), K::rules());
        layers.fetch(&asked(cx), driver, (rules, &mut self.state), &request);
    }
}
