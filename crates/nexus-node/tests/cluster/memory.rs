//! What active agents may take of a node's memory.

use std::time::Duration;

use crate::net::Net;
use crate::others::{Deposit, Swallow};

const STATE: usize = 10_000;
const MAX: u64 = 100_000;

/// One node that has little room.
fn small() -> Net {
    let mut net = Net::new(1, 1);
    net.kill(0);
    net.active_bytes_max = MAX;
    net.start(0);
    net.run_for(Duration::from_secs(3));
    net
}

fn swallow(net: &mut Net, key: u64, bytes: usize) -> u64 {
    let asked = net.ask(0, "receiver", &key.to_string(), Swallow(vec![1; bytes]));
    asked.expect("there is room, or will be")
}

#[test]
fn who_was_used_longest_ago_leaves_when_there_is_no_room() {
    let mut net = small();
    for key in 0..20 {
        assert_eq!(swallow(&mut net, key, STATE), STATE as u64);
        if key > 0 {
            assert_eq!(swallow(&mut net, 0, 0), STATE as u64);
        }
        let over = STATE as u64 + 2_000;
        assert!(net.active_bytes(0) < MAX + over, "{} bytes", net.active_bytes(0));
    }
    net.run_for(Duration::from_secs(1));
    assert!((7..=9).contains(&net.active()), "{} are active", net.active());
    let activated = net.counts(0).activated;
    assert_eq!(activated, 20, "the first was in use all the time");
    assert_eq!(swallow(&mut net, 1, 0), STATE as u64, "and the second comes back");
    assert_eq!(net.counts(0).activated, 21);
}

#[test]
fn who_grows_drives_others_out_and_is_let_in_alone() {
    let mut net = small();
    (0..8).for_each(|key| assert_eq!(swallow(&mut net, key, STATE), STATE as u64));
    assert_eq!(net.active(), 8);
    assert_eq!(swallow(&mut net, 7, 6 * STATE), 7 * STATE as u64);
    net.run_for(Duration::from_secs(1));
    assert!(net.active() < 4 && net.active_bytes(0) <= MAX, "{} bytes", net.active_bytes(0));
    assert_eq!(swallow(&mut net, 7, 20 * STATE), 27 * STATE as u64);
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.active(), 0, "it is more than there is room for");
    assert_eq!(swallow(&mut net, 7, 0), 27 * STATE as u64);
}

#[test]
fn nothing_is_counted_of_agents_that_are_gone() {
    let mut net = small();
    for key in 0..5 {
        for amount in 1..5 {
            assert!(net.ask(0, "account", &key.to_string(), Deposit(amount)).is_ok());
        }
    }
    assert!(net.active_bytes(0) > 5 * nexus_node::ACTIVE_BYTES);
    net.run_for(Duration::from_secs(10));
    assert_eq!((net.active(), net.active_bytes(0)), (0, 0));
}
