//! Into the mailbox: room under the kind's policy, then the queue.

use crate::counters::Count;
use crate::raw::{CellRef, Envelope, Place, with_turn};
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

/// Asks for a place in the mailbox of `cell`. `ticket` is that of a sender in
/// line; with [`Entry::Reserved`] it has left the line.
#[inline]
pub(crate) fn enter(cell: &CellRef, ticket: Option<u64>) -> Entry {
    let spec = cell.kind().mailbox();
    if ticket.is_some() {
        return if cell.kind().waiters.enter(cell, ticket) { Entry::Reserved } else { Entry::Wait };
    }
    match cell.reserve(spec.len_max) {
        Place::Free => Entry::Reserved,
        place => overflow(cell, spec.overflow, place),
    }
}

/// What becomes of a place that is one too many, or that others stand in line for.
#[cold]
fn overflow(cell: &CellRef, overflow: Overflow, place: Place) -> Entry {
    match overflow {
        Overflow::DropOldest | Overflow::ShedLowest => return Entry::Evicts,
        Overflow::Wait if place == Place::Wanted && may_pass() => return Entry::Reserved,
        _ => {}
    }
    give_back(cell, 1);
    match overflow {
        Overflow::DropNewest => Entry::DropNew,
        // The line may have gone meanwhile.
        Overflow::Wait if cell.kind().waiters.enter(cell, None) => Entry::Reserved,
        Overflow::Wait => Entry::Wait,
        _ => Entry::Refused,
    }
}

/// Whether a newcomer may take a place that others stand in line for: unless
/// it could pass a message of its own.
fn may_pass() -> bool {
    with_turn(|turn| turn.is_some_and(|turn| !turn.step().stands_in_line()))
}

/// Gives back places in the mailbox and wakes those who wait for them.
#[inline]
pub(crate) fn give_back(cell: &CellRef, count: u32) {
    if cell.unreserve(count) {
        cell.kind().waiters.wake(cell);
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
    let evicted = match cell.kind().mailbox().overflow {
        Overflow::ShedLowest => cell.evict_lowest(Envelope::priority),
        _ => cell.evict_oldest(),
    };
    if let Some(envelope) = evicted {
        give_back(cell, 1);
        drop_counted(cell, envelope);
    }
}

fn drop_counted(cell: &CellRef, envelope: Envelope) {
    cell.kind().count_here(Count::Dropped);
    envelope.discard(AskError::Shed);
}

/// Delivers what nobody waits for. Where there is no room, under a policy that
/// would refuse or wait, there is nobody to hand it back to: it is dead, for
/// `reason`.
fn post_late(cell: &CellRef, envelope: Envelope, reason: &'static str) {
    match enter(cell, None) {
        Entry::Refused | Entry::Wait => {
            cell.kind().count_here(Count::Accepted);
            cell.kind().system().bury_because(cell, envelope, reason);
        }
        entry => deliver(cell, entry, envelope),
    }
}

/// Delivers what a timer held.
pub(crate) fn post_alarm(cell: &CellRef, envelope: Envelope) {
    post_late(cell, envelope, "mailbox full when its timer rang");
}

/// Delivers what a step's outbox held.
pub(crate) fn post_held(cell: &CellRef, envelope: Envelope) {
    post_late(cell, envelope, "mailbox full when its step was let out");
}

/// Delivers the news of an end: past the limit of the mailbox and whatever its
/// policy, since it comes once. An agent gets one for each that it monitors, so
/// there are no more of them than of those.
pub(crate) fn post_down(cell: &CellRef, envelope: Envelope) {
    let _wherever = cell.reserve(u32::MAX);
    deliver(cell, Entry::Reserved, envelope);
}
