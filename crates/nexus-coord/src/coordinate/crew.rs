//! The agents of a batch, and what each has in hand.

use std::collections::VecDeque;
use std::time::Duration;

use nexus_base::{AgentId, Time};

use super::account::Share;

/// The agents of a batch, by their index in it. Each is thought to do one item at a
/// time, in the order in which they came, as an agent does.
#[derive(Clone, Debug)]
pub struct Crew {
    seats: Vec<Seat>,
    in_flight_max: usize,
    in_flight: usize,
}

#[derive(Clone, Debug)]
struct Seat {
    id: AgentId,
    is_in: bool,
    in_hand: VecDeque<InHand>,
    /// When it was done with something last.
    done_at: Time,
    share: Share,
    /// Items in a row that were not answered.
    crashes: u32,
}

/// An item that is with an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InHand {
    /// Index of the item.
    pub item: usize,
    /// When it was sent.
    pub sent_at: Time,
}

impl Crew {
    pub(super) fn new(now: Time, ids: Vec<AgentId>, in_flight_max: usize) -> Crew {
        let seat = |id| Seat {
            id,
            is_in: true,
            in_hand: VecDeque::new(),
            done_at: now,
            share: Share::default(),
            crashes: 0,
        };
        Crew { seats: ids.into_iter().map(seat).collect(), in_flight_max, in_flight: 0 }
    }

    /// How many there are, those that left included.
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Who it is.
    pub fn id(&self, agent: usize) -> AgentId {
        self.seats[agent].id
    }

    /// Whether it is still to be given items.
    pub fn is_in(&self, agent: usize) -> bool {
        self.seats[agent].is_in
    }

    /// Whether it can be given an item now.
    pub fn has_room(&self, agent: usize) -> bool {
        let seat = &self.seats[agent];
        seat.is_in && seat.in_hand.len() < self.in_flight_max
    }

    /// Those that are still to be given items.
    pub fn members(&self) -> impl Iterator<Item = usize> {
        (0..self.seats.len()).filter(|&agent| self.is_in(agent))
    }

    /// What it has in hand, oldest first.
    pub fn in_hand(&self, agent: usize) -> impl Iterator<Item = InHand> {
        self.seats[agent].in_hand.iter().copied()
    }

    /// How much it has in hand.
    pub fn in_hand_len(&self, agent: usize) -> usize {
        self.seats[agent].in_hand.len()
    }

    /// For how long it has been at the first item in its hand; none without one.
    pub fn worked(&self, now: Time, agent: usize) -> Option<Duration> {
        let seat = &self.seats[agent];
        let first = seat.in_hand.front()?;
        Some(now.since(first.sent_at.max(seat.done_at)))
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn shares(&self) -> impl Iterator<Item = &Share> {
        self.seats.iter().map(|seat| &seat.share)
    }

    pub(super) fn share_mut(&mut self, agent: usize) -> &mut Share {
        &mut self.seats[agent].share
    }

    pub(super) fn handle_sent(&mut self, now: Time, agent: usize, item: usize) {
        assert!(self.has_room(agent), "a plan gives only to those with room");
        self.seats[agent].in_hand.push_back(InHand { item, sent_at: now });
        self.in_flight += 1;
    }

    /// Takes `item` out of the agent's hand; for how long it was worked on, if its
    /// turn had come. None if it was not there.
    pub(super) fn handle_ended(
        &mut self,
        now: Time,
        agent: usize,
        item: usize,
    ) -> Option<Option<Duration>> {
        let in_hand = &self.seats.get(agent)?.in_hand;
        let place = in_hand.iter().position(|held| held.item == item)?;
        let worked = self.worked(now, agent);
        let seat = &mut self.seats[agent];
        seat.in_hand.remove(place);
        self.in_flight -= 1;
        if place > 0 {
            return Some(None);
        }
        seat.done_at = now;
        seat.share.busy += worked.unwrap_or_default();
        Some(worked)
    }

    /// Counts items in a row that were not answered.
    pub(super) fn note_crash(&mut self, agent: usize, is_crash: bool) -> u32 {
        let crashes = &mut self.seats[agent].crashes;
        *crashes = if is_crash { *crashes + 1 } else { 0 };
        *crashes
    }

    /// It is given nothing more. False if that was so already.
    pub(super) fn leave(&mut self, agent: usize, why: String) -> bool {
        let seat = &mut self.seats[agent];
        if !seat.is_in {
            return false;
        }
        seat.is_in = false;
        seat.share.left = Some(why);
        true
    }
}
