//! Those outside who ask agents: they know names and nodes, and nothing of shards.
//!
//! A client has one operation under way. It asks a node, which finds the agent; hears it
//! nothing, it asks another node the same, so that it is handled once. At last it gives up.
//! What it gave up then is *unknown*, unless every copy of it came back as not done.

use std::collections::VecDeque;
use std::time::Duration;

use nexus_base::Rng;
use nexus_node::Ask;
use nexus_node::shard::{Origin, Request};

use super::lure::BITES;
use super::op::Op;
use super::spec::{ACCOUNTS, CLERKS, GUESTS, REMIND_MAX, TALLIES};

/// How long a node is given to find the agent and have its answer.
const WITHIN: Duration = Duration::from_secs(2);
/// How long a client waits before it asks another node. A guess: longer than a node is
/// given, so that most errors arrive.
const TRY_FOR: Duration = Duration::from_millis(2_500);
/// How long it waits after being told that it was not done.
const PAUSE: Duration = Duration::from_millis(100);
/// Tries of one operation; then it is given up.
const TRIES_MAX: u32 = 12;

/// Clients by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(pub u32);

/// The operation that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) op: Op,
    tries: u32,
    /// Copies that were sent of which it is not known that they were not done.
    open: u32,
}

/// One client.
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) number: u64,
    pub(crate) pending: Option<Pending>,
    /// Which waking is meant: others have been overtaken.
    pub(crate) wake: u64,
    /// What it asks before anything of its own.
    pub(crate) script: VecDeque<Op>,
    target: u32,
    registers: u32,
    seen: Option<i64>,
    rng: Rng,
}

/// What a client does next.
pub(crate) enum Next {
    /// Asks a node, and looks again after a while.
    Send(u32, Box<Ask>, Duration),
    /// Gives up its operation, which was surely not done, or perhaps.
    GiveUp { unsure: bool },
}

impl Client {
    pub(crate) fn new(id: ClientId, registers: u32, rng: &Rng) -> Client {
        Client {
            id,
            number: 0,
            pending: None,
            wake: 0,
            script: VecDeque::new(),
            target: 0,
            registers,
            seen: None,
            rng: rng.fork_index("client", u64::from(id.0)),
        }
    }

    /// Begins its next operation, perhaps one that reads a register which is a `bait`.
    pub(crate) fn begin(&mut self, bait: Option<u32>) -> Op {
        self.number += 1;
        let op = match (self.script.pop_front(), bait) {
            (Some(op), _) => op,
            (None, Some(register)) if self.rng.chance(BITES) => Op::Get { register },
            (None, _) => self.draw(),
        };
        self.pending = Some(Pending { op, tries: 0, open: 0 });
        op
    }

    fn draw(&mut self) -> Op {
        let register = self.rng.below(u64::from(self.registers)) as u32;
        // No two writes of a run write the same number, so that what is read tells who wrote.
        let number = u64::from(self.id.0) << 32 | self.number;
        let value = number as i64;
        match self.rng.below(22) {
            0..5 => Op::Get { register },
            5..8 => Op::Put { register, value },
            8..11 => Op::Cas { register, expect: self.seen, value },
            11..13 => Op::Add { register, by: 1 << 20 },
            13..16 => self.draw_payment(),
            16..18 => {
                let after = REMIND_MAX.mul_f64(self.rng.unit());
                Op::Remind { clerk: self.below(CLERKS), number, after }
            }
            20.. => Op::Where { guest: self.below(GUESTS) },
            18 => Op::Forget { clerk: self.below(CLERKS), number },
            _ => Op::Count { tally: self.below(TALLIES) },
        }
    }

    fn draw_payment(&mut self) -> Op {
        let from = self.below(ACCOUNTS);
        let to = (from + 1 + self.below(ACCOUNTS - 1)) % ACCOUNTS;
        Op::Pay { from, to, amount: 1 + self.rng.below(20) }
    }

    fn below(&mut self, end: u32) -> u32 {
        self.rng.below(u64::from(end)) as u32
    }

    /// Its waiting is over, with an operation under way.
    /// It asks the node that it is `lured` to, if there is one.
    pub(crate) fn go_on(&mut self, nodes: u32, lured: Option<u32>) -> Option<Next> {
        // Mostly the same node again: it may have moved on from where the trouble is.
        let elsewhere = self.rng.below(3) > 0;
        let target = self.below(nodes);
        let pending = self.pending.as_mut()?;
        if pending.tries == TRIES_MAX {
            let unsure = pending.open > 0;
            self.pending = None;
            return Some(Next::GiveUp { unsure });
        }
        if pending.tries == 0 || elsewhere {
            self.target = target;
        }
        if let Some(lured) = lured {
            self.target = lured;
        }
        pending.tries += 1;
        let (op, tries) = (pending.op, pending.tries);
        let (message, bytes) = op.message();
        let request = Request { from: self.origin(), number: self.number };
        let ask = Ask {
            ticket: self.ticket(tries),
            to: op.agent(),
            message,
            bytes,
            request: Some(request),
            within: WITHIN,
        };
        Some(Next::Send(self.target, Box::new(ask), TRY_FOR))
    }

    /// So many copies of what it asks are on their way.
    pub(crate) fn sent(&mut self, copies: u32) {
        if let Some(pending) = &mut self.pending {
            pending.open += copies;
        }
    }

    /// A copy was surely not done: how long it waits now.
    pub(crate) fn was_refused(&mut self) -> Duration {
        if let Some(pending) = &mut self.pending {
            pending.open = pending.open.saturating_sub(1);
        }
        PAUSE
    }

    /// Its operation was answered.
    pub(crate) fn was_answered(&mut self, seen: Option<i64>) {
        self.pending = None;
        if seen.is_some() {
            self.seen = seen;
        }
    }

    /// Who it is to agents.
    pub(crate) fn origin(&self) -> Origin {
        // Far from the ids of agents, which are origins as well.
        Origin(u128::from(self.id.0) + 1)
    }

    pub(crate) fn think(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(self.rng.exponential().min(10.0))
    }

    fn ticket(&self, tries: u32) -> u64 {
        u64::from(self.id.0) << 40 | (self.number & 0xFFFF_FFFF) << 8 | u64::from(tries)
    }

    /// Whether a ticket is of the operation under way.
    pub(crate) fn is_meant(&self, ticket: u64) -> bool {
        self.pending.is_some() && ticket >> 8 == self.ticket(0) >> 8
    }
}

/// Whose ticket it is.
pub(crate) fn client_of(ticket: u64) -> u32 {
    (ticket >> 40) as u32
}
