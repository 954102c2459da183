//! Holds messages back until those before them have come.

use std::collections::BTreeMap;

use super::clock::{ClockError, VectorClock};
use crate::NodeId;

/// Holds messages of a group back until those their senders had seen have been delivered.
///
/// One for each member of a group of at most [`super::CLOCK_NODES_MAX`]. At most `waiting_max` messages wait; what does not fit comes back
/// to the caller, who drops it and asks for it again later: so a gap costs delay and
/// bandwidth, never memory.
#[derive(Clone, Debug)]
pub struct CausalBuffer<M> {
    me: NodeId,
    delivered: VectorClock,
    waiting: BTreeMap<(NodeId, u64), (VectorClock, M)>,
    waiting_max: usize,
}

impl<M> CausalBuffer<M> {
    /// A member that has seen nothing.
    pub fn new(me: NodeId, waiting_max: usize) -> CausalBuffer<M> {
        let delivered = VectorClock::default();
        CausalBuffer { me, delivered, waiting: BTreeMap::new(), waiting_max }
    }

    /// The clock to send the next message of our own with. It counts as delivered here.
    ///
    /// # Errors
    /// [`ClockError`]; nothing has changed then.
    pub fn stamp(&mut self) -> Result<VectorClock, ClockError> {
        self.delivered.tick(self.me)?;
        Ok(self.delivered.clone())
    }

    /// Takes in a message; then poll.
    ///
    /// # Errors
    /// [`CausalError`], with the message; nothing has changed then.
    pub fn handle_message(
        &mut self,
        from: NodeId,
        clock: VectorClock,
        message: M,
    ) -> Result<(), CausalError<M>> {
        let count = clock.get(from);
        if count == 0 || from == self.me {
            return Err(CausalError::Malformed(message));
        }
        if count <= self.delivered.get(from) || self.waiting.contains_key(&(from, count)) {
            return Err(CausalError::Known(message));
        }
        // What can be delivered at once passes a full buffer: it is what makes room.
        if self.waiting.len() >= self.waiting_max && !self.is_next(from, &clock) {
            return Err(CausalError::Full { message, waiting_max: self.waiting_max });
        }
        self.waiting.insert((from, count), (clock, message));
        Ok(())
    }

    /// The next message whose causes have all been delivered; of several the one of the
    /// lowest node. None may mean that some are missing.
    pub fn poll_message(&mut self) -> Option<(NodeId, M)> {
        let heads = self.waiting.iter().find(|((from, _), (clock, _))| self.is_next(*from, clock));
        let key = heads.map(|(key, _)| *key)?;
        let (from, count) = key;
        self.delivered.raise(from, count).expect("there was room for it");
        self.waiting.remove(&key).map(|(_, message)| (from, message))
    }

    /// How many messages of each node have been delivered here.
    pub fn delivered(&self) -> &VectorClock {
        &self.delivered
    }

    /// How many messages wait.
    pub fn waiting_len(&self) -> usize {
        self.waiting.len()
    }

    /// What the waiting messages wait for: nodes, with the first and the last message that
    /// is not here. To be asked for again, of anybody who has it.
    pub fn missing(&self) -> Vec<(NodeId, u64, u64)> {
        let mut needed = VectorClock::default();
        for (&(from, count), (clock, _)) in &self.waiting {
            // More nodes than a clock may have are not asked for all at once.
            let _ = needed.merge(clock);
            let _ = needed.raise(from, count);
        }
        let gap = |(node, last)| {
            let first = self.delivered.get(node).saturating_add(1);
            let has = |count: &u64| self.waiting.contains_key(&(node, *count));
            // Those that wait already bound how far this looks.
            let first = (first..=last).find(|count| !has(count))?;
            let last = (first..=last).rev().find(|count| !has(count))?;
            Some((node, first, last))
        };
        needed.iter().filter(|(node, _)| *node != self.me).filter_map(gap).collect()
    }

    /// Gives up on all messages of a node up to this one, as if they had been delivered:
    /// for one that is gone and whose messages nobody has.
    ///
    /// # Errors
    /// [`ClockError::Full`]; nothing has changed then.
    pub fn give_up(&mut self, node: NodeId, upto: u64) -> Result<(), ClockError> {
        self.delivered.raise(node, upto)?;
        self.waiting.retain(|(from, count), _| *from != node || *count > upto);
        Ok(())
    }

    fn is_next(&self, from: NodeId, clock: &VectorClock) -> bool {
        let has_come = |(node, count): (NodeId, u64)| {
            let delivered = self.delivered.get(node);
            count <= delivered || (node == from && count - 1 == delivered)
        };
        self.delivered.has_room_for(from) && clock.iter().all(has_come)
    }
}

/// Why a message was not taken in. The message comes back.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CausalError<M> {
    /// It is here already. Drop it.
    #[error("the message is known already")]
    Known(M),
    /// Too many wait. Ask for what is missing, and for this one again later.
    #[error("{waiting_max} messages wait already")]
    Full {
        /// The message.
        message: M,
        /// How many may wait.
        waiting_max: usize,
    },
    /// Its clock does not count it, or it says that it is our own.
    #[error("the message's clock does not fit its sender")]
    Malformed(M),
}
