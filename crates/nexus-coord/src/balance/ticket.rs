//! Tickets: one per open request, so that an end is believed exactly once.

use nexus_base::Time;

use super::ServerIndex;

/// Stands for one request from its placement to its end.
///
/// Used up by its end: a second end with the same ticket is recognised. (A
/// number comes back after 2³² requests through the same place in the table.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket {
    place: u32,
    round: u32,
}

impl Ticket {
    /// The ticket as one number, for logs and messages.
    pub const fn as_u64(self) -> u64 {
        (self.round as u64) << 32 | self.place as u64
    }

    /// The ticket that [`Ticket::as_u64`] made `bits` of.
    pub const fn from_u64(bits: u64) -> Ticket {
        Ticket { place: bits as u32, round: (bits >> 32) as u32 }
    }
}

/// What an open ticket stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Held by the strategy of this index.
    Held { by: u8 },
    /// At a server since `at`, where it was the `in_flight`-th of ours.
    Sent { server: ServerIndex, at: Time, in_flight: u32 },
}

/// The open tickets.
#[derive(Clone, Debug, Default)]
pub(super) struct Tickets {
    entries: Vec<Entry>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Entry {
    round: u32,
    stage: Option<Stage>,
}

impl Tickets {
    /// Open tickets.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(super) fn open(&mut self, stage: Stage) -> Ticket {
        let place = self.free.pop().unwrap_or_else(|| self.new_entry());
        let entry = &mut self.entries[place as usize];
        entry.stage = Some(stage);
        Ticket { place, round: entry.round }
    }

    pub(super) fn stage(&self, ticket: Ticket) -> Option<Stage> {
        let entry = self.entries.get(ticket.place as usize)?;
        if entry.round == ticket.round { entry.stage } else { None }
    }

    /// Moves a held ticket on to its server.
    pub(super) fn send(&mut self, ticket: Ticket, stage: Stage) {
        debug_assert!(matches!(self.stage(ticket), Some(Stage::Held { .. })));
        self.entries[ticket.place as usize].stage = Some(stage);
    }

    /// Ends `ticket`; `None` if it is not open.
    pub(super) fn close(&mut self, ticket: Ticket) -> Option<Stage> {
        let entry = self.entries.get_mut(ticket.place as usize)?;
        if entry.round != ticket.round {
            return None;
        }
        let stage = entry.stage.take()?;
        entry.round = entry.round.wrapping_add(1);
        self.free.push(ticket.place);
        Some(stage)
    }

    fn new_entry(&mut self) -> u32 {
        let place = u32::try_from(self.entries.len()).expect("the limits on tickets fit 32 bits");
        self.entries.push(Entry { round: 0, stage: None });
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_closes_once() {
        let mut tickets = Tickets::default();
        let first = tickets.open(Stage::Held { by: 0 });
        assert_eq!(tickets.close(first), Some(Stage::Held { by: 0 }));
        assert_eq!(tickets.close(first), None);
        let second = tickets.open(Stage::Held { by: 0 });
        assert_ne!(first, second, "the place is reused, the ticket is not");
        assert_eq!(tickets.close(first), None);
        assert_eq!(Ticket::from_u64(second.as_u64()), second);
        assert_eq!(tickets.len(), 1);
    }
}
