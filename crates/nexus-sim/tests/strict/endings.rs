//! Endings: whatever is done to an agent, each delivery ends once.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus::{Activation, Deliver, Message, StopReason, encode};
use nexus_base::{Rng, Time};
use nexus_sim::{World, check, seeds};

use crate::activation::desk;
use crate::desk::{Desk, Told};
use crate::kinds::{Add, Boom, Look, Note, Slow};

/// What came of each delivery, by its number, and the activations that ended.
#[derive(Default)]
struct Ledger {
    endings: BTreeMap<u64, u32>,
    ended: Vec<u64>,
}

impl Ledger {
    fn enter(&mut self, desk: &Desk) {
        for told in desk.take() {
            let number = match told {
                Told::Stepped(step) if step.delivery.is_none() => continue,
                Told::Stepped(step) => step.delivery.expect("just looked at"),
                Told::Undelivered(number, _) => number,
                Told::Ended(activation, _) => {
                    self.ended.push(activation);
                    continue;
                }
                Told::Letter(_) | Told::Call(_) => unreachable!("nobody sends"),
            };
            *self.endings.entry(number).or_default() += 1;
        }
    }
}

fn deliver(world: &World, rng: &mut Rng, number: u64) {
    let (bytes, message) = match rng.below(5) {
        0 => (encode(&Slow(rng.below(4))), Slow::NAME),
        1 => (encode(&Boom), Boom::NAME),
        2 => (encode(&Add("x".to_owned())), Add::NAME),
        3 => (vec![1, 2, 3], Look::NAME),
        _ => (encode(&Look), Look::NAME),
    };
    let deadline = match rng.below(3) {
        0 => world.now().after(Duration::from_millis(rng.below(3))),
        _ => Time::MAX,
    };
    let (kind, key) = ("note", "one");
    world.system().deliver(Deliver { kind, key, message, bytes: &bytes, deadline, number });
}

#[test]
fn each_delivery_ends_once_and_each_activation_too() {
    check(seeds(60), |world| {
        let desk = desk(world);
        let mut rng = Rng::new(world.seed());
        let (mut ledger, mut delivered, mut activated) = (Ledger::default(), 0, 0);
        for _ in 0..200 {
            match rng.below(12) {
                0 => drop(world.system().kill_by_name("note", "one")),
                1 => drop(world.system().stop_by_name("note", "one")),
                2 => drop(world.system().passivate("note", "one")),
                3 => drop(world.find::<Note>("one").map(|note| note.restart())),
                4..6 => world.run_for(Duration::from_millis(rng.below(3))),
                6..8 => {
                    let (kind, key, number) = ("note", "one", activated);
                    let spec = Activation { kind, key, number, term: 1, state: None };
                    activated += u64::from(world.system().activate(spec).is_ok());
                }
                _ => {
                    deliver(world, &mut rng, delivered);
                    delivered += 1;
                }
            }
            ledger.enter(&desk);
        }
        world.run_until_idle();
        world.system().kill_by_name("note", "one");
        world.run_until_idle();
        ledger.enter(&desk);
        let numbers: Vec<u64> = ledger.endings.keys().copied().collect();
        assert_eq!(numbers, (0..delivered).collect::<Vec<u64>>(), "all end");
        let twice: Vec<_> = ledger.endings.iter().filter(|(_, times)| **times != 1).collect();
        assert!(twice.is_empty(), "told twice: {twice:?}");
        assert_eq!(ledger.ended, (0..activated).collect::<Vec<u64>>());
    });
}

#[test]
fn a_kept_state_outlives_whatever_ends_its_agent() {
    check(seeds(20), |world| {
        let desk = desk(world);
        let mut kept: Option<Vec<u8>> = None;
        for round in 0..4u32 {
            let state = kept.as_deref().map(|bytes| nexus::KeptState {
                version: 2,
                whole: Some(bytes),
                events: &[],
            });
            crate::desk::activate(world, "note", state);
            crate::desk::put(world, "note", 1, Add(round.to_string()));
            crate::desk::put(world, "note", 2, Boom);
            world.run_until_idle();
            let told = desk.take();
            let [
                Told::Stepped(step),
                Told::Undelivered(2, _),
                Told::Ended(7, StopReason::Crashed(_)),
            ] = &told[..]
            else {
                panic!("{:?}", told.iter().map(crate::desk::words).collect::<Vec<_>>());
            };
            let nexus::StateChange::Whole { bytes, .. } = &step.state else { panic!("it changed") };
            kept = Some(bytes.clone());
        }
        assert_eq!(kept, Some(encode(&("0123".to_owned(), 4u32))));
    });
}
