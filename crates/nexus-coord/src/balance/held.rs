//! The shared queue: held requests, oldest first.

use std::collections::VecDeque;

use super::Ticket;

/// Tickets of held requests in order of arrival.
///
/// One that is cancelled stays in line, counted as gone, until it reaches the
/// front or the gone outnumber the waiting; so cancelling is cheap and the line
/// is never more than twice as long as what waits in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    line: VecDeque<Ticket>,
    gone: usize,
}

impl Held {
    /// Requests waiting.
    pub(super) fn len(&self) -> usize {
        self.line.len() - self.gone
    }

    pub(super) fn push(&mut self, ticket: Ticket) {
        self.line.push_back(ticket);
    }

    /// The oldest ticket that `is_open`.
    pub(super) fn pop(&mut self, is_open: impl Fn(Ticket) -> bool) -> Option<Ticket> {
        while let Some(ticket) = self.line.pop_front() {
            if is_open(ticket) {
                return Some(ticket);
            }
            self.gone -= 1;
        }
        None
    }

    /// Notes that one ticket in line was closed.
    pub(super) fn cancel(&mut self, is_open: impl Fn(Ticket) -> bool) {
        self.gone += 1;
        if self.gone * 2 > self.line.len() {
            self.line.retain(|&ticket| is_open(ticket));
            self.gone = 0;
        }
    }
}
