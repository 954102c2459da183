//! What clients ask of agents, and what they are answered.

use std::time::Duration;

use bytes::Bytes;
use nexus_agent::{Agent, Message, Wire, decode, encode};
use nexus_node::shard::AgentName;

use super::kinds::account::{Account, Pay, Report};
use super::kinds::clerk::{Clerk, Forget, Remind, Rung};
use super::kinds::guest::{Guest, Where};
use super::kinds::register::{Add, Cas, Get, Put, Register};
use super::kinds::tally::{Count, Tally};

/// What a client asks of an agent; agents go by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// What a register holds.
    Get {
        /// Which.
        register: u32,
    },
    /// A register is to hold a number.
    Put {
        /// Which.
        register: u32,
        /// The number.
        value: i64,
    },
    /// If a register holds the first, it is to hold the second.
    Cas {
        /// Which.
        register: u32,
        /// The first.
        expect: Option<i64>,
        /// The second.
        value: i64,
    },
    /// A number is to be added to what a register holds.
    Add {
        /// Which.
        register: u32,
        /// The number.
        by: i64,
    },
    /// An account is to pay another one.
    Pay {
        /// Which.
        from: u32,
        /// Which other.
        to: u32,
        /// How much.
        amount: u64,
    },
    /// What an account has.
    Report {
        /// Which.
        account: u32,
    },
    /// A clerk is to have himself reminded.
    Remind {
        /// Which.
        clerk: u32,
        /// Of which number.
        number: u64,
        /// After how long.
        after: Duration,
    },
    /// A clerk need not be reminded any more.
    Forget {
        /// Which.
        clerk: u32,
        /// Of which number.
        number: u64,
    },
    /// How often a clerk was reminded.
    Rung {
        /// Which.
        clerk: u32,
    },
    /// A tally is to count one more.
    Count {
        /// Which.
        tally: u32,
    },
    /// Where a guest is.
    Where {
        /// Which.
        guest: u32,
    },
}

/// What an agent answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// What a register holds.
    Found(Option<i64>),
    /// It is done.
    Done,
    /// Whether it was as expected: it is done then.
    Did(bool),
    /// It is done, and this is the sum.
    Sum(i64),
    /// What an account has, and how many letters it got out of order.
    Report {
        /// What it has.
        balance: u64,
        /// How many.
        strays: u64,
    },
    /// How often.
    Times(u64),
    /// A tally's term and count.
    Count {
        /// The term.
        term: u64,
        /// The count.
        count: u64,
    },
    /// A guest's node, and which start of it.
    At {
        /// The number of the node.
        node: u64,
        /// Which start.
        start: u64,
    },
    /// No guest has that name just now.
    Nobody,
}

impl Op {
    /// Of which agent it is asked.
    pub fn agent(&self) -> AgentName {
        let (kind, number) = match *self {
            Op::Get { register }
            | Op::Put { register, .. }
            | Op::Cas { register, .. }
            | Op::Add { register, .. } => (Register::KIND, register),
            Op::Pay { from: account, .. } | Op::Report { account } => (Account::KIND, account),
            Op::Remind { clerk, .. } | Op::Forget { clerk, .. } | Op::Rung { clerk } => {
                (Clerk::KIND, clerk)
            }
            Op::Count { tally } => (Tally::KIND, tally),
            Op::Where { guest } => (Guest::KIND, guest),
        };
        AgentName::new(kind, number.to_string())
    }

    /// The message: the name of its type, and its bytes.
    pub(crate) fn message(&self) -> (String, Bytes) {
        match *self {
            Op::Get { .. } => said(&Get),
            Op::Put { value, .. } => said(&Put(value)),
            Op::Cas { expect, value, .. } => said(&Cas(expect, value)),
            Op::Add { by, .. } => said(&Add(by)),
            Op::Pay { to, amount, .. } => said(&Pay { to: to.to_string(), amount }),
            Op::Report { .. } => said(&Report),
            Op::Remind { number, after, .. } => said(&Remind { number, after }),
            Op::Forget { number, .. } => said(&Forget(number)),
            Op::Rung { .. } => said(&Rung),
            Op::Count { .. } => said(&Count),
            Op::Where { .. } => said(&Where),
        }
    }

    /// What bytes mean as the answer to it; none if they are no such answer.
    pub(crate) fn reply(&self, bytes: &[u8]) -> Option<Reply> {
        match self {
            Op::Get { .. } => read(bytes).map(Reply::Found),
            Op::Put { .. } | Op::Remind { .. } | Op::Forget { .. } => {
                read(bytes).map(|()| Reply::Done)
            }
            Op::Cas { .. } | Op::Pay { .. } => read(bytes).map(Reply::Did),
            Op::Add { .. } => read(bytes).map(Reply::Sum),
            Op::Report { .. } => {
                read(bytes).map(|(balance, strays)| Reply::Report { balance, strays })
            }
            Op::Rung { .. } => read(bytes).map(Reply::Times),
            Op::Count { .. } => read(bytes).map(|(term, count)| Reply::Count { term, count }),
            Op::Where { .. } => read(bytes).map(|(node, start)| Reply::At { node, start }),
        }
    }

    /// Whether an agent that gave this answer has changed by it, so that a step is kept.
    pub(crate) fn changes(&self, reply: &Reply) -> bool {
        match self {
            Op::Put { .. } | Op::Add { .. } | Op::Remind { .. } | Op::Forget { .. } => true,
            Op::Cas { .. } | Op::Pay { .. } => *reply == Reply::Did(true),
            Op::Get { .. }
            | Op::Report { .. }
            | Op::Rung { .. }
            | Op::Count { .. }
            | Op::Where { .. } => false,
        }
    }
}

fn said<M: Message>(message: &M) -> (String, Bytes) {
    (M::NAME.to_owned(), encode(message).into())
}

fn read<R: Wire>(bytes: &[u8]) -> Option<R> {
    decode(bytes).ok()
}
