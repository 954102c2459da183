//! Sending without an answer: producers, receivers, and every message handled.

use std::time::Duration;

use nexus::{Node, Recipient};

use super::agents::{Add, Counter, Gate, counters_with_gate, node};
use super::harness::{Sheet, now};

/// Messages sent in all: as many as the peers' harness sends through bare channels.
pub const MESSAGES: usize = 10_000_000;

/// Receivers in the wide case.
const FAN: usize = 10_000;

/// One producer, one receiver.
pub fn one_to_one(sheet: &mut Sheet) {
    tells(sheet, "tell 1->1", 1, 1);
}

/// Two producers, one receiver.
pub fn two_to_one(sheet: &mut Sheet) {
    tells(sheet, "tell 2->1", 2, 1);
}

/// Two producers, ten thousand receivers in turn.
pub fn two_to_many(sheet: &mut Sheet) {
    tells(sheet, "tell 2->10k", 2, FAN);
}

fn tells(sheet: &mut Sheet, case: &str, producers: usize, receivers: usize) {
    sheet.put_rate(case, "msg/s", MESSAGES, tells_on(&node(), producers, receivers));
}

/// How long it takes to send and handle all messages.
pub fn tells_on(node: &Node, producers: usize, receivers: usize) -> Duration {
    let gate = Gate::new(receivers);
    counters_with_gate(node, MESSAGES / receivers, &gate);
    let spawn = |key: usize| node.spawn::<Counter>(&format!("agent-{key:07}")).expect("a new name");
    let recipients: Vec<Recipient<Add>> =
        (0..receivers).map(|key| spawn(key).recipient()).collect();
    let recipients = std::sync::Arc::new(recipients);
    let system = node.system().clone();
    let start = now();
    node.run(async move {
        for _ in 0..producers {
            let recipients = recipients.clone();
            let produce = async move {
                for i in 0..MESSAGES / producers {
                    let told = recipients[i % recipients.len()].tell(Add(i as u64)).await;
                    told.expect("the policy is to wait");
                }
            };
            // Runs on by itself.
            drop(system.task(produce).expect("the node is running"));
        }
    });
    gate.wait();
    start.elapsed()
}
