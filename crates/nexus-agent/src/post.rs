//! Into the mailbox: room under the kind's policy, then the queue.

use crate::counters::Count;
use crate::raw::{CellRef, Envelope, with_turn};
use crate::{AskError, Overflow};

/// Whether a mailbox takes one more message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// A place has been reserved.
    Reserved,
    /// A place beyond the limit: another message must be evicted.
    Evicts,
    /// The new message is to be dropped.
    DropNew,
    /// There is no place, and the sender gets its message back.
    Refused,
    /// There is no place, and the sender waits for one.
    Wait,
}

/// Asks for a place in the mailbox of `cell`. `ticket` is that of a sender in line.
#[inline]
pub(crate) fn enter(cell: &CellRef, ticket: Option<u64>) -> Entry {
    let spec = cell.kind().mailbox();
    if cell.is_awaited() && !may_pass(cell, ticket) {
        return Entry::Wait;
    }
    if cell.reserve(spec.len_max) { Entry::Reserved } else { overflow(cell, spec.overflow) }
}

/// Whether a sender may look for room although others stand in line: one in
/// line when it is its turn; a newcomer unless it could pass a message of its own.
#[cold]
fn may_pass(cell: &CellRef, ticket: Option<u64>) -> bool {
    match ticket {
        Some(ticket) => {
            let room = cell.kind().mailbox().len_max.saturating_sub(cell.mailbox_len());
            cell.kind().waiters.is_up(cell, ticket, room)
        }
        None => with_turn(|turn| turn.is_some_and(|turn| !turn.step().stands_in_line())),
    }
}

#[cold]
fn overflow(cell: &CellRef, overflow: Overflow) -> Entry {
    match overflow {
        Overflow::Refuse => Entry::Refused,
        Overflow::Wait => Entry::Wait,
        Overflow::DropNewest => Entry::DropNew,
        Overflow::DropOldest | Overflow::ShedLowest => {
            cell.reserve_over();
            Entry::Evicts
        }
    }
}

/// Puts a message in, after [`enter`] has said how.
#[inline]
pub(crate) fn deliver(cell: &CellRef, entry: Entry, envelope: Envelope) {
    cell.kind().count_here(Count::Accepted);
    match entry {
        Entry::Reserved => cell.push(envelope),
        Entry::Evicts => {
            cell.push(envelope);
            evict(cell);
        }
        Entry::DropNew => drop_counted(cell, envelope),
        Entry::Refused | Entry::Wait => unreachable!("the caller still has the message"),
    }
}

#[cold]
fn evict(cell: &CellRef) {
    let shed = cell.kind().mailbox().overflow == Overflow::ShedLowest;
    let evicted = cell.evict(|envelope| if shed { envelope.priority() } else { 0 });
    if let Some(envelope) = evicted {
        cell.unreserve(1);
        drop_counted(cell, envelope);
    }
}

fn drop_counted(cell: &CellRef, envelope: Envelope) {
    cell.kind().count_here(Count::Dropped);
    envelope.discard(AskError::Shed);
}

/// Delivers what a timer held. Where there is no room, under a policy that
/// would refuse or wait, there is nobody to hand it back to: it is dead.
pub(crate) fn post_alarm(cell: &CellRef, envelope: Envelope) {
    match enter(cell, None) {
        Entry::Refused | Entry::Wait => {
            cell.kind().count_here(Count::Accepted);
            cell.kind().system().bury_because(cell, envelope, "mailbox full when its timer rang");
        }
        entry => deliver(cell, entry, envelope),
    }
}
