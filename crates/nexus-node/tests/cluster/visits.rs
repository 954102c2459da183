//! Frames come twice, late or never, nodes die: local agents handle what they are asked at
//! most once, and whoever is told that nothing was done can rely on it.

use std::collections::BTreeSet;
use std::time::Duration;

use nexus_agent::decode;
use nexus_base::Rng;
use nexus_node::CallError;
use nexus_node::shard::{AgentName, Origin, Request};

use crate::guests::Visit;
use crate::net::Net;

const NODES: usize = 5;
/// Where the guest lives, who is never killed.
const HOME: usize = 4;
const VISITS: u64 = 300;
const ROUND: Duration = Duration::from_millis(50);
const WITHIN: Duration = Duration::from_secs(2);

/// What came of all visits.
#[derive(Default)]
struct Tally {
    answered: BTreeSet<u64>,
    /// Nobody knows whether these were handled.
    unsure: u64,
    /// These were not.
    not_done: u64,
}

impl Tally {
    fn note(&mut self, answer: Option<Result<nexus_node::Answer, CallError>>) {
        match answer {
            Some(Ok(answer)) => {
                let visitor = decode(&answer.bytes).expect("it is a number");
                assert!(self.answered.insert(visitor), "two are visitor {visitor}");
            }
            Some(Err(error)) if !error.may_have_changed() => self.not_done += 1,
            // Who asked has died, or was not told.
            Some(Err(_)) | None => self.unsure += 1,
        }
    }
}

fn play(seed: u64, loses_one_of: u64, kills: bool) -> Tally {
    let mut rng = Rng::new(seed);
    let mut net = Net::with_members(NODES, 4);
    net.reseed(seed);
    net.run_for(Duration::from_secs(10));
    net.spawn(HOME, "guest", "a");
    assert_eq!(net.name(HOME, "guest", "a", true), Ok(()));
    (net.loses_one_of, net.doubles_one_of) = (loses_one_of, 5);
    let mut tickets = Vec::new();
    for number in 0..VISITS {
        if kills && rng.below(20) == 0 {
            strike(&mut net, &mut rng);
        }
        let node = rng.below(NODES as u64) as usize;
        if net.is_up(node) {
            let (to, request) = (AgentName::new("guest", "a"), Request { from: Origin(1), number });
            tickets.push(net.begin(node, to, &Visit, request, WITHIN));
        }
        net.run_for(ROUND);
    }
    (net.loses_one_of, net.doubles_one_of) = (0, 0);
    (0..NODES).filter(|node| !net.is_up(*node)).collect::<Vec<_>>().into_iter().for_each(|node| {
        net.start(node);
    });
    net.run_for(Duration::from_secs(30));
    let mut tally = Tally::default();
    tickets.into_iter().for_each(|ticket| tally.note(net.take(ticket)));
    let visitors = net.ask(0, "guest", "a", Visit).expect("it lives") - 1;
    let answered = tally.answered.len() as u64;
    assert!(
        (answered..=answered + tally.unsure).contains(&visitors),
        "seed {seed}: {visitors} visits, of {answered} answered, {} unsure, {} not done",
        tally.unsure,
        tally.not_done
    );
    tally
}

/// One of the others dies or comes back; never so many that the rest cannot decide.
fn strike(net: &mut Net, rng: &mut Rng) {
    let node = rng.below(HOME as u64) as usize;
    let up = (0..NODES).filter(|node| net.is_up(*node)).count();
    match net.is_up(node) {
        true if up >= 4 => net.kill(node),
        true => {}
        false => net.start(node),
    }
}

#[test]
fn what_comes_twice_is_handled_once() {
    for seed in 0..4 {
        let tally = play(seed, 0, false);
        assert_eq!(tally.answered.len() as u64, VISITS, "seed {seed}");
    }
}

#[test]
fn what_is_asked_is_handled_at_most_once_whoever_dies_and_whatever_is_lost() {
    for seed in 0..6 {
        let tally = play(seed, 50, true);
        assert!(tally.answered.len() as u64 > VISITS / 2, "seed {seed}");
    }
}
