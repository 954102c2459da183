//! A shard that has more to do all the time than its members have acknowledged.

use std::time::Duration;

use nexus_node::shard::{AgentName, Origin, Request};

use crate::carts::Add;
use crate::net::Net;

/// Clients, each of which asks again as soon as it is answered.
const CLIENTS: u64 = 400;

#[test]
fn new_nodes_vote_though_the_shard_is_busy() {
    let mut net = Net::growing(3, 1, 1);
    net.run_for(Duration::from_secs(5));
    (1..3).for_each(|node| net.start(node));
    let mut number = 0;
    let mut ask = |net: &mut Net, client: u64| {
        number += 1;
        let to = AgentName::new("cart", client.to_string());
        let request = Request { from: Origin(u128::from(client)), number };
        net.begin(0, to, &Add(1), request, Duration::from_secs(10))
    };
    let mut under_way: Vec<u64> = (0..CLIENTS).map(|client| ask(&mut net, client)).collect();
    let mut answered = 0;
    for _ in 0..1_500 {
        net.run_for(Duration::from_millis(1));
        for client in 0..CLIENTS {
            let ticket = &mut under_way[client as usize];
            if let Some(answer) = net.take(*ticket) {
                answer.expect("nothing is wrong");
                *ticket = ask(&mut net, client);
                answered += 1;
            }
        }
    }
    assert!(answered > 50_000, "{answered} are not many");
    assert_eq!(net.voters(), vec![vec![0, 1, 2]]);
}
