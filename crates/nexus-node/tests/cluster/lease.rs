//! What becomes of handlers where a leader was cut off.

use std::time::Duration;

use nexus_node::shard::{AgentName, Origin, Request};

use crate::carts::{Add, Total};
use crate::net::Net;
use crate::others::Relay;

#[test]
fn handlers_that_wait_are_dropped_soon_after_their_leader_was_cut_off() {
    let mut net = Net::new(3, 1);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(0, "cart", "7", Add(2)), Ok(2));
    let leader = net.leads().iter().position(|leads| *leads == 1).expect("one leads");
    net.cut_off(leader, true);
    // It does not know yet, and nothing of this can be committed: one waits for the other.
    net.run_for(Duration::from_millis(200));
    let request = Request { from: Origin(1), number: 1 };
    let change = AgentName::new("cart", "8");
    net.begin(leader, change, &Add(1), request, Duration::from_secs(9));
    let sender = AgentName::new("sender", "a");
    let relay = Relay("8".to_owned());
    let second = Request { number: 2, ..request };
    net.begin(leader, sender, &relay, second, Duration::from_secs(9));
    assert_eq!(net.active_on(leader), 3, "they run, as far as it knows");
    net.run_for(Duration::from_millis(400));
    assert_eq!(net.active_on(leader), 0, "nobody waits there any more");
    assert_eq!(net.ask((leader + 1) % 3, "cart", "8", Total), Ok(0), "nor is there a trace of it");
    net.cut_off(leader, false);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.ask(leader, "cart", "8", Total), Ok(1), "asked again, it took effect once");
}
