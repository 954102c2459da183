//! Those outside who use the cluster: they know nothing but what they are told.
//!
//! A client has one operation under way. It sends it to whoever it believes leads, follows
//! hints, tries elsewhere after a while, and gives up at last; what was given up is
//! *unknown*: it may have happened, or may yet.

use std::fmt;
use std::time::Duration;

use nexus_base::{Rng, Time};

use super::kv::{Answer, ClientId, Op};
use super::outside::node_id;

/// How long a client waits for an answer before it tries elsewhere.
/// A guess: some round trips and a slow sync.
pub(crate) const TRY_FOR: Duration = Duration::from_millis(500);
/// How long it waits after being told that nobody leads.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
/// Tries of one operation, hints followed included; then it is given up.
pub(crate) const TRIES_MAX: u32 = 16;
/// Keys of one shard that clients use. Few, so that they meet.
pub(crate) const KEYS: u64 = 4;

/// A request under way to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    pub(crate) client: ClientId,
    pub(crate) shard: u32,
    pub(crate) number: u64,
    pub(crate) op: Op,
}

/// An answer under way to a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    pub(crate) client: ClientId,
    pub(crate) number: u64,
    pub(crate) from: u32,
    pub(crate) outcome: Outcome,
}

/// What a node says to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It is done.
    Done(Answer),
    /// Not here, but perhaps there.
    Elsewhere(Option<u32>),
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { client, shard, number, op } = self;
        write!(f, "client {} in shard {shard}: {op:?}, its operation {number}", client.0)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Done(answer) => write!(f, "{answer:?}"),
            Outcome::Elsewhere(Some(hint)) => write!(f, "not here, perhaps at {}", node_id(*hint)),
            Outcome::Elsewhere(None) => f.write_str("not here"),
        }
    }
}

/// The operation that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) op: Op,
    pub(crate) tries: u32,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) shard: u32,
    pub(crate) number: u64,
    pub(crate) pending: Option<Pending>,
    /// Whom it asks.
    pub(crate) target: u32,
    /// Which waking is meant: others have been overtaken.
    pub(crate) wake: u64,
    pub(crate) rng: Rng,
    seen: i64,
}

/// What a client does next.
pub(crate) enum Next {
    /// Sends its operation to its target, and looks again after a while.
    Send(Duration),
    /// Looks again after a while.
    Wait(Duration),
    /// Gives up its operation, and begins another after a while.
    GiveUp(Duration),
}

impl Client {
    pub(crate) fn new(id: ClientId, shard: u32, nodes: u32, rng: &Rng) -> Client {
        let mut rng = rng.fork_index("client", u64::from(id.0));
        let target = rng.below(u64::from(nodes)) as u32;
        Client { id, shard, number: 0, pending: None, target, wake: 0, rng, seen: 0 }
    }

    /// Begins its next operation.
    pub(crate) fn begin(&mut self) -> Op {
        self.number += 1;
        let key = self.rng.below(KEYS) as u32;
        // No two writes of a run write the same number, so that what is read tells who wrote.
        let value = (i64::from(self.id.0) << 32) + self.number as i64;
        let op = match self.rng.below(10) {
            0..4 => Op::Get { key },
            4..6 => Op::Put { key, value },
            6..8 => Op::Cas { key, expect: self.seen, value },
            _ => Op::Add { key, by: 1 << 20 },
        };
        self.pending = Some(Pending { op, tries: 0 });
        op
    }

    /// Its waiting is over, with an operation under way.
    pub(crate) fn go_on(&mut self, nodes: u32, mean: Duration) -> Next {
        let Some(pending) = &mut self.pending else { return Next::Wait(mean) };
        if pending.tries == TRIES_MAX {
            self.pending = None;
            self.target = self.rng.below(u64::from(nodes)) as u32;
            return Next::GiveUp(self.think(mean));
        }
        if pending.tries > 0 && pending.tries.is_multiple_of(2) {
            self.target = self.rng.below(u64::from(nodes)) as u32;
        }
        pending.tries += 1;
        Next::Send(TRY_FOR)
    }

    /// It is told who leads, or that nobody is known to.
    pub(crate) fn elsewhere(&mut self, from: u32, hint: Option<u32>, nodes: u32) -> Duration {
        match hint {
            Some(hint) if hint != from && hint < nodes => {
                self.target = hint;
                Duration::ZERO
            }
            _ => {
                self.target = self.rng.below(u64::from(nodes)) as u32;
                PAUSE
            }
        }
    }

    /// Its operation is done.
    pub(crate) fn done(&mut self, answer: Answer, mean: Duration) -> Duration {
        if let Answer::Number(number) = answer {
            self.seen = number;
        }
        self.pending = None;
        self.think(mean)
    }

    fn think(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(self.rng.exponential().min(10.0))
    }
}

/// One operation as its client saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// Who.
    pub client: ClientId,
    /// Its number for it.
    pub number: u64,
    /// What.
    pub op: Op,
    /// When it was begun.
    pub invoked: Time,
    /// When it was answered and how; none if it was given up, so that nothing is known.
    pub returned: Option<(Time, Answer)>,
}
