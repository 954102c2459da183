//! Nodes die and come back, frames are late and lost; every request takes effect once.

use std::time::Duration;

use nexus_base::Rng;
use nexus_node::shard::{AgentName, Origin, Request};

use crate::carts::{Add, Total};
use crate::net::Net;

const NODES: usize = 5;
const CARTS: u64 = 6;
const CLIENTS: u64 = 8;

/// One client: it asks one thing at a time, again and again until it is answered.
struct Client {
    number: u64,
    cart: u64,
    under_way: Option<u64>,
    /// For how many rounds it has waited.
    waited: u32,
}

#[test]
fn every_request_takes_effect_once_whoever_dies_meanwhile() {
    let answered: u64 = (0..SEEDS).map(play).sum();
    assert!(answered > 100 * SEEDS, "{answered} were answered");
}

/// Rounds after which an ask is given up for lost: a little more than it may take.
const WAITS: u32 = 45;

/// Few, as each is half a minute of a cluster.
const SEEDS: u64 = 6;

/// How many requests were answered.
fn play(seed: u64) -> u64 {
    let mut rng = Rng::new(seed);
    let mut net = Net::new(NODES, 4);
    net.reseed(seed);
    net.run_for(Duration::from_secs(1));
    net.loses_one_of = 50;
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|_| Client { number: 0, cart: 0, under_way: None, waited: 0 }).collect();
    let mut done = [0; CARTS as usize];
    for round in 0..600 {
        if round < 500 && rng.below(40) == 0 {
            strike(&mut net, &mut rng);
        }
        if round == 500 {
            (0..NODES)
                .filter(|node| !net.is_up(*node))
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|node| net.start(node));
        }
        for (one, client) in clients.iter_mut().enumerate() {
            go_on(&mut net, &mut rng, (one as u64, client), round < 500, &mut done);
        }
        net.run_for(Duration::from_millis(50));
    }
    assert!(
        clients.iter().all(|client| client.under_way.is_none()),
        "seed {seed}: some wait still"
    );
    for cart in 0..CARTS {
        let total = net.ask(0, "cart", &cart.to_string(), Total);
        assert_eq!(total, Ok(done[cart as usize]), "seed {seed}, cart {cart}");
    }
    done.iter().sum()
}

/// One dies, or comes back; now and then more than a majority can do without are down.
fn strike(net: &mut Net, rng: &mut Rng) {
    let node = rng.below(NODES as u64) as usize;
    let up = (0..NODES).filter(|node| net.is_up(*node)).count();
    match net.is_up(node) {
        true if up >= 4 || rng.below(4) == 0 => net.kill(node),
        true => {}
        false => net.start(node),
    }
}

fn go_on(
    net: &mut Net,
    rng: &mut Rng,
    (one, client): (u64, &mut Client),
    begins: bool,
    done: &mut [u64; CARTS as usize],
) {
    match client.under_way.and_then(|ticket| net.take(ticket)) {
        Some(Ok(_)) => {
            done[client.cart as usize] += 1;
            client.under_way = None;
        }
        // The same again, elsewhere.
        Some(Err(_)) => return ask(net, rng, one, client),
        // The node that was asked may have died.
        None if client.under_way.is_some() => {
            client.waited += 1;
            if client.waited > WAITS {
                ask(net, rng, one, client);
            }
            return;
        }
        None => {}
    }
    if begins {
        (client.number, client.cart) = (client.number + 1, rng.below(CARTS));
        ask(net, rng, one, client);
    }
}

fn ask(net: &mut Net, rng: &mut Rng, one: u64, client: &mut Client) {
    let up: Vec<usize> = (0..NODES).filter(|node| net.is_up(*node)).collect();
    let Some(&node) = up.get(rng.below(up.len().max(1) as u64) as usize) else { return };
    let request = Request { from: Origin(u128::from(one)), number: client.number };
    client.waited = 0;
    let to = AgentName::new("cart", client.cart.to_string());
    client.under_way = Some(net.begin(node, to, &Add(1), request, Duration::from_secs(2)));
}
