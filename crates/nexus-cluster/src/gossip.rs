//! What every node wants all others to know, passed from neighbour to neighbour.
//!
//! Each node says things about itself only: a few named values, each with a version. In
//! every round it tells a few others, drawn at random, how far it has heard of everybody;
//! they answer with what it lacks and ask for what they lack. Nobody is needed for it, no
//! message has to arrive, and after a number of rounds that grows with the logarithm of the
//! cluster everybody knows.
//!
//! What must stay true:
//!
//! 1. What is known of a node is what it had said up to some version, without gaps: deltas
//!    are in order of version, and one that leaves something out is not taken.
//! 2. It never goes back, whatever arrives late or twice. A node that starts anew has a
//!    higher incarnation, which replaces all it said before.
//! 3. No message is longer than [`Spec::message_bytes_max`], no table larger than the
//!    bounds here; what did not fit comes with a later round.
//! 4. Of nodes that membership does not know nothing is kept, so who left stays forgotten.
//!
//! Absent on purpose: who is alive (that is membership), order between nodes, deletion (say
//! an empty value), anything that has to be agreed on.
//!
//! # Source
//! Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", 1987; van
//! Renesse et al., "Efficient Reconciliation and Flow Control for Anti-Entropy Protocols"
//! (Scuttlebutt), 2008.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use nexus_base::{BoundedQueue, Rng, Time};

use crate::NodeId;

mod average;
mod message;
mod origin;

pub use average::{Average, AverageError, Exchange};
pub use message::{Known, Message, Mode, News};
use origin::Origin;

/// Named values of one node.
pub const KEYS_MAX: usize = 64;
/// Bytes of a name.
pub const KEY_BYTES_MAX: usize = 64;
/// Bytes of a value.
pub const VALUE_BYTES_MAX: usize = 4_096;
/// Nodes that are told in one round. Source: the design; more than three buys few rounds
/// for much traffic.
pub const FANOUT_MAX: usize = 3;
/// Messages that wait to be sent. Source: three rounds and the answers to a hundred others;
/// what does not fit is dropped and comes again with a later round.
pub const SENDS_MAX: usize = 1_024;
/// The least that a message may be allowed: one value and all that goes around it.
pub const MESSAGE_BYTES_LEAST: usize = KEY_BYTES_MAX + VALUE_BYTES_MAX + 128;

/// How a node gossips.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spec {
    /// Which way values go.
    pub mode: Mode,
    /// Nodes told in a round, 1 to [`FANOUT_MAX`].
    pub fanout: usize,
    /// Between two rounds.
    pub interval: Duration,
    /// Bytes of one message, at least [`MESSAGE_BYTES_LEAST`].
    pub message_bytes_max: usize,
}

impl Default for Spec {
    fn default() -> Spec {
        let interval = Duration::from_millis(200);
        Spec { mode: Mode::PushPull, fanout: FANOUT_MAX, interval, message_bytes_max: 32 << 10 }
    }
}

/// What is to be done, in the order polled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send a message. It may be lost, doubled, late.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Something new is known of a node. Said once however much it is.
    Heard(NodeId),
}

/// One node's part in the gossip.
#[derive(Clone, Debug)]
pub struct Gossip {
    me: NodeId,
    spec: Spec,
    rng: Rng,
    next_round: Time,
    /// In order, without me.
    peers: Vec<NodeId>,
    /// What is known of me and of my peers.
    origins: BTreeMap<NodeId, Origin>,
    /// Where the next digest begins, if not all fits into one.
    cursor: NodeId,
    heard: BTreeSet<NodeId>,
    sends: BoundedQueue<(NodeId, Message)>,
    sends_dropped: u64,
}

impl Gossip {
    /// A node that knows nobody. Its `incarnation` is higher than in any earlier life; 0 in
    /// its first.
    ///
    /// # Panics
    /// If `spec` is beyond its bounds.
    pub fn new(me: NodeId, incarnation: u64, spec: Spec, mut rng: Rng, now: Time) -> Gossip {
        assert!((1..=FANOUT_MAX).contains(&spec.fanout), "a fan-out is 1 to {FANOUT_MAX}");
        assert!(spec.message_bytes_max >= MESSAGE_BYTES_LEAST, "a message holds one value");
        let nanos = (spec.interval.as_nanos() as u64).max(1);
        // So that nodes that start together do not all speak at once.
        let next_round = now.after(Duration::from_nanos(rng.below(nanos)));
        Gossip {
            me,
            spec,
            rng,
            next_round,
            peers: Vec::new(),
            origins: BTreeMap::from([(me, Origin::new(incarnation))]),
            cursor: NodeId(0),
            heard: BTreeSet::new(),
            sends: BoundedQueue::new(SENDS_MAX),
            sends_dropped: 0,
        }
    }

    /// Says something about this node, in place of what it said under that name before.
    ///
    /// # Errors
    /// [`GossipError`]; nothing changed.
    pub fn set(&mut self, key: &str, value: Bytes) -> Result<(), GossipError> {
        self.origins.get_mut(&self.me).expect("I am always there").set(key, value)
    }

    /// What a node said under a name, as far as it has come here.
    pub fn get(&self, node: NodeId, key: &str) -> Option<&Bytes> {
        self.origins.get(&node)?.get(key)
    }

    /// How far a node has been heard: incarnation and version.
    pub fn heard_of(&self, node: NodeId) -> (u64, u64) {
        self.origins.get(&node).map_or((0, 0), |origin| origin.known())
    }

    /// Messages that were dropped since too many waited.
    pub const fn sends_dropped(&self) -> u64 {
        self.sends_dropped
    }

    /// The other members. What was known of those who are no longer among them is forgotten.
    pub fn handle_peers(&mut self, peers: impl IntoIterator<Item = NodeId>) {
        let peers: BTreeSet<NodeId> = peers.into_iter().filter(|&peer| peer != self.me).collect();
        self.origins.retain(|node, _| *node == self.me || peers.contains(node));
        self.heard.retain(|node| peers.contains(node));
        self.peers = peers.into_iter().collect();
    }

    /// Takes in what another node sent.
    ///
    /// # Errors
    /// [`GossipError`]; of the message nothing was taken from the part at fault on.
    pub fn handle_message(&mut self, from: NodeId, message: Message) -> Result<(), GossipError> {
        match message {
            Message::Begin { mode, from: first, to: last, known } => {
                let wants = if mode.pushes() { self.wants(&known) } else { Vec::new() };
                let news = match mode.pulls() {
                    true => self.news(self.lacking(first, last, &known), wants.len()),
                    false => Vec::new(),
                };
                if !wants.is_empty() || !news.is_empty() {
                    self.send(from, Message::Answer { wants, news });
                }
                Ok(())
            }
            Message::Answer { wants, news } => {
                self.take(news)?;
                let news = self.news(wants, 0);
                if !news.is_empty() {
                    self.send(from, Message::End { news });
                }
                Ok(())
            }
            Message::End { news } => self.take(news),
        }
    }

    /// Begins a round if one is due. A late call is safe; a missing one is not.
    pub fn handle_timeout(&mut self, now: Time) {
        if now < self.next_round {
            return;
        }
        self.next_round = now.after(self.spec.interval);
        let message = self.digest();
        for peer in self.draw_peers() {
            self.send(peer, message.clone());
        }
    }

    /// When to call [`Self::handle_timeout`] next.
    pub const fn next_timeout(&self) -> Option<Time> {
        Some(self.next_round)
    }

    /// The oldest thing the caller has yet to carry out.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        if let Some(node) = self.heard.pop_first() {
            return Some(Effect::Heard(node));
        }
        let (to, message) = self.sends.pop()?;
        Some(Effect::Send { to, message })
    }

    fn send(&mut self, to: NodeId, message: Message) {
        self.sends_dropped += u64::from(self.sends.push((to, message)).is_err());
    }

    /// As many different peers as the fan-out says, or all.
    fn draw_peers(&mut self) -> Vec<NodeId> {
        if self.peers.len() <= self.spec.fanout {
            return self.peers.clone();
        }
        let mut drawn = Vec::with_capacity(self.spec.fanout);
        while drawn.len() < self.spec.fanout {
            let peer = self.peers[self.rng.below(self.peers.len() as u64) as usize];
            if !drawn.contains(&peer) {
                drawn.push(peer);
            }
        }
        drawn
    }

    /// How far everybody was heard; where that is too long, the next part of it.
    fn digest(&mut self) -> Message {
        let count_max = self.known_max();
        let rest = self.origins.range(self.cursor..);
        let mut known: Vec<Known> = rest
            .take(count_max + 1)
            .map(|(&node, origin)| Known::new(node, origin.known()))
            .collect();
        let first = self.cursor;
        let mut last = NodeId(u64::MAX);
        self.cursor = NodeId(0);
        if known.len() > count_max {
            let next = known.pop().expect("there is one too many");
            (last, self.cursor) = (NodeId(next.node.0 - 1), next.node);
        }
        Message::Begin { mode: self.spec.mode, from: first, to: last, known }
    }

    /// How far I am with those of whom the sender knows more. At most half a message, so
    /// that there is room for news; whole values always fit into [`Message::End`].
    fn wants(&self, known: &[Known]) -> Vec<Known> {
        let is_behind = |there: &Known| {
            let here = self.heard_of(there.node);
            (self.is_peer(there.node) && here < there.heard()).then(|| Known::new(there.node, here))
        };
        let count_max = self.known_max() / 2;
        known.iter().filter_map(is_behind).take(count_max).collect()
    }

    /// How far the sender is with those of whom it lacks something, from `first` to `last`.
    fn lacking(&self, first: NodeId, last: NodeId, known: &[Known]) -> Vec<Known> {
        if first > last {
            return Vec::new();
        }
        let theirs: BTreeMap<NodeId, (u64, u64)> =
            known.iter().map(|known| (known.node, known.heard())).collect();
        let heard = |node| theirs.get(&node).copied().unwrap_or((0, 0));
        let mine = self.origins.range(first..=last);
        let lacking = mine.filter(|&(&node, origin)| heard(node) < origin.known());
        lacking.map(|(&node, _)| Known::new(node, heard(node))).collect()
    }

    /// What I know beyond `wants`, as much as fits beside `other_wants` of my own. Begins with any of them, so that
    /// where it does not fit each gets its turn.
    fn news(&mut self, mut wants: Vec<Known>, other_wants: usize) -> Vec<News> {
        if !wants.is_empty() {
            let start = self.rng.below(wants.len() as u64) as usize;
            wants.rotate_left(start);
        }
        let mut room = self.spec.message_bytes_max - Message::BYTES_MAX;
        room -= other_wants * Known::BYTES_MAX;
        let news = |want: Known| self.origins.get(&want.node)?.news(want, &mut room);
        wants.into_iter().filter_map(news).collect()
    }

    /// As many of [`Known`] as fit into a message.
    const fn known_max(&self) -> usize {
        (self.spec.message_bytes_max - Message::BYTES_MAX) / Known::BYTES_MAX
    }

    fn is_peer(&self, node: NodeId) -> bool {
        self.peers.binary_search(&node).is_ok()
    }

    fn take(&mut self, news: Vec<News>) -> Result<(), GossipError> {
        for news in news {
            let node = news.node;
            if node == self.me {
                self.check_myself(&news)?;
                continue;
            }
            if !self.is_peer(node) {
                continue;
            }
            let origin = self.origins.entry(node).or_insert_with(|| Origin::new(0));
            if origin.take(news)? {
                self.heard.insert(node);
            }
        }
        Ok(())
    }

    /// What others know of me I must have said.
    fn check_myself(&self, news: &News) -> Result<(), GossipError> {
        let last = news.entries.last().map_or(0, |entry| entry.version);
        if (news.incarnation, last) > self.heard_of(self.me) {
            return Err(GossipError::NotMine { incarnation: news.incarnation });
        }
        Ok(())
    }
}

/// Why something was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GossipError {
    /// Nothing changed. Say less.
    #[error("a name has at most {KEY_BYTES_MAX} bytes and a value {VALUE_BYTES_MAX}")]
    TooLong,
    /// Nothing changed. Say something else in place of what was said before.
    #[error("a node has at most {KEYS_MAX} named values")]
    TooManyKeys,
    /// What was said of that node was not taken; its sender is broken.
    #[error("news of a node are out of order")]
    OutOfOrder,
    /// Others have heard of this node what it never said: another has its identity, or an
    /// earlier life of it had as high an incarnation. Start it with a higher one.
    #[error("others know of this node, in incarnation {incarnation}, what it has not said")]
    NotMine {
        /// The incarnation they know of.
        incarnation: u64,
    },
}

#[cfg(test)]
mod tests;
