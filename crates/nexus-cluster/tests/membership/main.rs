//! What membership promises, in a small simulated network. The times stated here are the
//! ones in `docs/cluster.md`.

mod faults;
mod lives;
mod network;
mod sizes;

use std::time::Duration;

use nexus_cluster::membership::Spec;

use network::Network;

const JOIN_PAUSE: Duration = Duration::from_millis(100);

/// A cluster that came up one node after another, and where everybody knows everybody.
fn cluster(seed: u64, count: usize, pause: Duration) -> Network {
    let mut network = Network::new(seed, Spec::default());
    for _ in 0..count {
        network.add();
        network.run_for(pause);
    }
    let limit = Duration::from_secs(20);
    let took = network.run_until(limit, "everybody knows everybody", Network::all_see_all);
    figure(&format!("{count} nodes: last join to full view"), took);
    network
}

/// Nothing contradicts itself inside, and what the nodes say is true once it is time.
fn finish(mut network: Network) {
    network.run_for(Duration::from_secs(62));
    assert_eq!(network.accuracy.check(network.now), Ok(()));
    assert_eq!(network.inner_errors(), 0);
}

fn figure(what: &str, took: Duration) {
    say(&format!("{what}: {:.1} s", took.as_secs_f64()));
}

#[allow(clippy::disallowed_macros, reason = "figures are for whoever runs the tests")]
fn say(line: &str) {
    println!("{line}");
}
