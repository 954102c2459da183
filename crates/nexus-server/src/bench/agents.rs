//! The agents that are measured, and how a case reaches them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nexus::prelude::*;
use nexus::{KindSpec, MailboxSpec, NodeSpec, Overflow, Recipient};

/// Counts what it is told and opens the gate at its target. Senders wait for room.
pub struct Counter {
    seen: u64,
    target: u64,
    gate: Option<Arc<Gate>>,
}

impl Agent for Counter {
    const KIND: &'static str = "counter";
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(Overflow::Wait);

    fn new(_key: &str) -> Counter {
        Counter { seen: 0, target: u64::MAX, gate: None }
    }
}

/// An agent of another kind that takes the same message, so that the compiler
/// cannot know which handler an ask will reach.
pub struct Other(u64);

impl Agent for Other {
    const KIND: &'static str = "other";
    fn new(_key: &str) -> Other {
        Other(0)
    }
}

/// What is told and asked.
#[derive(Message)]
#[message(reply = u64)]
pub struct Add(pub u64);

impl Handler<Add> for Counter {
    #[inline(never)]
    async fn handle(&mut self, Add(by): Add, _cx: &mut Context<Counter>) -> u64 {
        self.seen += 1;
        if self.seen == self.target
            && let Some(gate) = &self.gate
        {
            gate.arrive();
        }
        by + 1
    }
}

impl Handler<Add> for Other {
    #[inline(never)]
    async fn handle(&mut self, Add(by): Add, _cx: &mut Context<Other>) -> u64 {
        self.0 += by;
        self.0
    }
}

/// Opens when everybody has arrived.
pub struct Gate {
    missing: AtomicUsize,
    waiting: std::thread::Thread,
}

impl Gate {
    /// A gate for the current thread to wait at.
    pub fn new(expected: usize) -> Arc<Gate> {
        Arc::new(Gate { missing: AtomicUsize::new(expected), waiting: std::thread::current() })
    }

    /// Notes that one more has arrived.
    pub fn arrive(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waiting.unpark();
        }
    }

    /// Waits until it opens.
    pub fn wait(&self) {
        while self.missing.load(Ordering::Acquire) > 0 {
            std::thread::park();
        }
    }
}

/// A node with two workers, as the peers have.
pub fn node() -> Node {
    NodeSpec::new().workers(2).start().expect("two threads can be started")
}

/// Has counters open `gate` after `target` messages.
pub fn counters_with_gate(node: &Node, target: usize, gate: &Arc<Gate>) {
    let gate = gate.clone();
    let make = move |_: &str| Counter { seen: 0, target: target as u64, gate: Some(gate.clone()) };
    node.register(KindSpec::from_fn(make)).expect("registered once");
}

/// A recipient whose kind is decided at run time.
pub fn recipient(node: &Node) -> Recipient<Add> {
    let other = node.spawn::<Other>("one").expect("a new name").recipient();
    let counter = node.spawn::<Counter>("one").expect("a new name").recipient();
    if std::env::args().len() > 1_000 { other } else { counter }
}
