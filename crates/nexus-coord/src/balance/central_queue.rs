//! Central queue: requests wait together, not at servers.

use nexus_base::Rng;

use super::count_index::CountIndex;
use super::{
    Arrival, Choice, Finished, Line, Release, ServerIndex, Strategy, StrategyName, Ticket, View,
};

/// One shared queue, first come first served: a request goes to a free server,
/// each equally likely, or is held until one is free.
///
/// No request waits while a server is idle, so no strategy that places on
/// arrival has a shorter mean wait with equal servers; the price is that each
/// server idles for one message's way between two requests. A server is free
/// while it has fewer requests than it may run at once.
#[derive(Clone, Debug)]
pub struct CentralQueue {
    running_max: u32,
    index: CountIndex,
    line: Line,
}

impl CentralQueue {
    /// A central queue for servers that run up to `running_max` requests at once.
    ///
    /// # Panics
    /// If `running_max` is zero: nothing would ever be served.
    pub fn new(running_max: u32) -> CentralQueue {
        assert!(running_max > 0, "a server that runs nothing serves nothing");
        CentralQueue { running_max, index: CountIndex::default(), line: Line::default() }
    }

    /// Takes out the first in the line, to be served in another way.
    pub fn take_held(&mut self) -> Option<(Ticket, Arrival)> {
        self.line.pop()
    }

    /// The servers with the most room, if they have any.
    fn free(&self) -> &[ServerIndex] {
        match self.index.least() {
            least @ [first, ..] if self.index.count(*first) < self.running_max => least,
            _ => &[],
        }
    }
}

impl Default for CentralQueue {
    /// One request at a time, as an agent handles messages.
    fn default() -> CentralQueue {
        CentralQueue::new(1)
    }
}

impl Strategy for CentralQueue {
    fn name(&self) -> &'static str {
        StrategyName::CentralQueue.as_str()
    }

    fn pick(&mut self, _: &View<'_>, _: &Arrival, rng: &mut Rng) -> Choice {
        match self.free() {
            [] => Choice::Hold,
            free => Choice::Server(free[rng.below(free.len() as u64) as usize]),
        }
    }

    fn handle_held(&mut self, _: &View<'_>, ticket: Ticket, arrival: &Arrival) {
        self.line.push(ticket, arrival);
    }

    fn handle_given_up(&mut self, _: &View<'_>, ticket: Ticket) {
        self.line.give_up(ticket);
    }

    /// While something is held at most one server is free: the one just freed.
    fn poll_release(&mut self, _: &View<'_>) -> Option<Release> {
        let server = *self.free().first()?;
        let (ticket, arrival) = self.line.pop()?;
        Some(Release::Send { ticket, arrival, server })
    }

    fn handle_joined(&mut self, _: &View<'_>, server: ServerIndex) {
        self.index.insert(server);
    }

    fn handle_left(&mut self, _: &View<'_>, server: ServerIndex) {
        self.index.remove(server);
    }

    fn handle_sent(&mut self, _: &View<'_>, server: ServerIndex, _: Ticket, _: &Arrival) {
        self.index.increment(server);
    }

    fn handle_finished(&mut self, _: &View<'_>, server: ServerIndex, _: &Finished) {
        self.index.decrement(server);
    }
}
