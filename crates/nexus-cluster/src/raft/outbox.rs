//! What waits to be done: effects, the write that collects, and what may be said after it.

use std::collections::VecDeque;

use super::effect::{Effect, Snapshot, Vote, Write};
use super::entry::{Entry, Index};
use super::message::Message;
use crate::NodeId;

/// Messages that wait for the disk, at most; further ones are lost, as messages may be.
/// Source: a guess; far more than one leader has under way.
const HELD_MAX: usize = 4_096;

/// Effects in order, and messages that promise something held back until it is on disk.
#[derive(Debug)]
pub(super) struct Outbox {
    effects: VecDeque<Effect>,
    staged: Write,
    staged_bytes: usize,
    is_staged: bool,
    flights: VecDeque<Flight>,
    flight_bytes: usize,
    /// The last write that is on disk.
    written: u64,
    /// The write that has the current term and vote.
    vote_sequence: u64,
    /// Up to where the log is on disk as it is in memory.
    durable: Index,
    held: VecDeque<Held>,
    /// Messages lost because too many waited.
    pub held_lost: u64,
}

/// A write on its way.
#[derive(Debug)]
struct Flight {
    sequence: u64,
    /// The last entry of the log once it is on disk.
    last: Index,
    bytes: usize,
}

/// A message that waits for a write.
#[derive(Debug)]
struct Held {
    after: u64,
    to: NodeId,
    message: Message,
}

impl Outbox {
    pub fn new(durable: Index) -> Outbox {
        Outbox {
            effects: VecDeque::new(),
            staged: Write {
                sequence: 1,
                vote: None,
                cut_from: None,
                entries: vec![],
                snapshot: None,
                left: None,
            },
            staged_bytes: 0,
            is_staged: false,
            flights: VecDeque::new(),
            flight_bytes: 0,
            written: 0,
            vote_sequence: 0,
            durable,
            held: VecDeque::new(),
            held_lost: 0,
        }
    }

    pub fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub fn pop(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub fn send(&mut self, to: NodeId, message: Message) {
        self.push(Effect::Send { to, message });
    }

    /// Sends once a write is on disk.
    pub fn send_after(&mut self, after: u64, to: NodeId, message: Message) {
        if after <= self.written {
            self.send(to, message);
        } else if self.held.len() < HELD_MAX {
            self.held.push_back(Held { after, to, message });
        } else {
            self.held_lost += 1;
        }
    }

    pub fn stage_vote(&mut self, vote: Vote) {
        self.is_staged = true;
        self.staged.vote = Some(vote);
        self.vote_sequence = self.staged.sequence;
    }

    pub fn stage_entry(&mut self, entry: Entry) {
        self.is_staged = true;
        self.staged_bytes += entry.bytes();
        self.staged.entries.push(entry);
    }

    /// Entries from one on are no longer.
    pub fn stage_cut(&mut self, from: Index) {
        self.is_staged = true;
        let kept = self.staged.entries.partition_point(|entry| entry.index < from);
        self.staged_bytes -= self.staged.entries.drain(kept..).map(|e| e.bytes()).sum::<usize>();
        self.staged.cut_from = Some(self.staged.cut_from.map_or(from, |before| before.min(from)));
        self.durable = self.durable.min(from.prev());
        for flight in &mut self.flights {
            flight.last = flight.last.min(from.prev());
        }
    }

    pub fn stage_snapshot(&mut self, snapshot: Snapshot) {
        self.is_staged = true;
        self.staged.snapshot = Some(snapshot);
    }

    /// Hands over what is staged; `last` is the last entry of the log.
    pub fn issue(&mut self, last: Index) {
        if !std::mem::take(&mut self.is_staged) {
            return;
        }
        let sequence = self.staged.sequence;
        let next = Write {
            sequence: sequence + 1,
            vote: None,
            cut_from: None,
            entries: vec![],
            snapshot: None,
            left: None,
        };
        let bytes = std::mem::take(&mut self.staged_bytes);
        self.flight_bytes += bytes;
        self.flights.push_back(Flight { sequence, last, bytes });
        let write = std::mem::replace(&mut self.staged, next);
        self.push(Effect::Write(write));
    }

    /// The writes up to `sequence` are on disk: what waited for them may be said.
    pub fn handle_written(&mut self, sequence: u64) {
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.sequence <= sequence) {
            self.written = flight.sequence;
            self.durable = self.durable.max(flight.last);
            self.flight_bytes -= flight.bytes;
        }
        // Few wait, and mostly for the oldest write.
        for _ in 0..self.held.len() {
            let held = self.held.pop_front().expect("as many as were counted");
            if held.after <= self.written {
                self.send(held.to, held.message);
            } else {
                self.held.push_back(held);
            }
        }
    }

    /// The write with which an entry of the log will be on disk.
    pub fn sequence_of(&self, index: Index) -> u64 {
        if index <= self.durable {
            return self.written;
        }
        let flight = self.flights.iter().find(|flight| flight.last >= index);
        flight.map_or(self.staged.sequence, |flight| flight.sequence)
    }

    pub fn staged_sequence(&self) -> u64 {
        self.staged.sequence
    }

    pub fn vote_sequence(&self) -> u64 {
        self.vote_sequence
    }

    pub fn written(&self) -> u64 {
        self.written
    }

    pub fn durable(&self) -> Index {
        self.durable
    }

    /// Bytes of entries that are not on disk yet.
    pub fn unwritten_bytes(&self) -> usize {
        self.staged_bytes + self.flight_bytes
    }
}
