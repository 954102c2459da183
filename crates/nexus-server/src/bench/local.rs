//! The local optimisations, each with its switch on and off: see
//! `docs/performance.md`, "Local optimisations".

mod mapped;
mod prewarm;
mod tuning;

use nexus::{Node, NodeSpec, Switch};

use super::harness::Sheet;
use super::{ask, tell};

pub use mapped::{off as mapped_off, on as mapped_on};
pub use prewarm::{off as prewarm_off, on as prewarm_on};
pub use tuning::{off as tuning_off, on as tuning_on};

/// Receivers in the wide case of tells.
const FAN: usize = 10_000;

/// A node with two workers, as the other cases have.
fn spec() -> NodeSpec {
    NodeSpec::new().workers(2)
}

fn start(spec: &NodeSpec) -> Node {
    spec.clone().start().expect("two threads can be started")
}

/// Workers on CPUs of their own.
pub fn pin_on(sheet: &mut Sheet) {
    let pinned = spec().pin_workers(true);
    assert_eq!(start(&pinned).locality().pin, Switch::On, "this machine lets workers be pinned");
    messages(sheet, &pinned);
}

/// Workers wherever the system puts them.
pub fn pin_off(sheet: &mut Sheet) {
    messages(sheet, &spec());
}

/// Threads that keep the memory of messages.
pub fn pool_on(sheet: &mut Sheet) {
    messages(sheet, &spec().message_pool(true));
}

/// Every message from the allocator.
pub fn pool_off(sheet: &mut Sheet) {
    messages(sheet, &spec().message_pool(false));
}

/// The usual shapes of traffic, each on a node of its own.
fn messages(sheet: &mut Sheet, spec: &NodeSpec) {
    let nanos = ask::in_place_on(&start(spec));
    sheet.put("ask mean", "ns", nanos.iter().sum::<f64>() / nanos.len() as f64);
    sheet.put_latencies("ask queued", ask::queued_on(&start(spec)));
    let shapes = [("tell 1->1", 1, 1), ("tell 2->1", 2, 1), ("tell 2->10k", 2, FAN)];
    for (name, producers, receivers) in shapes {
        let took = tell::tells_on(&start(spec), producers, receivers);
        sheet.put_rate(name, "msg/s", tell::MESSAGES, took);
    }
}
