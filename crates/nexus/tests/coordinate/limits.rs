//! Deadlines, and what is refused.

use std::future::Future;
use std::task::{Context as Poller, Waker};
use std::time::Duration;

use nexus::CoordinationLevel::{self, Optimized};
use nexus::{AskError, Changed, Coordinator, ItemError, NotBegun, coordination};
use nexus_sim::World;

use crate::support::{agents, hands, work};

/// Two agents, jobs of a second each, and time for two and a half.
#[test]
fn a_batch_ends_at_its_deadline_and_says_what_may_have_run() {
    for level in CoordinationLevel::ALL {
        let mut world = World::new(1);
        let (hands, book) = hands(world.system(), 2);
        let agents = agents(world.system(), &hands);
        let work = work(&[1.0; 9]).within(Duration::from_millis(2_500));
        let done = world.block_on(Coordinator::new().distribute(agents, work, level));
        let done = done.expect("it makes sense");
        assert_eq!(world.now().as_nanos(), 2_500_000_000);
        let count = |is: fn(&ItemError) -> bool| {
            done.outcomes.iter().filter(|o| o.as_ref().is_err_and(is)).count()
        };
        let may_have_run = count(|error| error.changed() == Changed::Unknown);
        let not_begun = count(|error| *error == ItemError::NotBegun(NotBegun::Deadline));
        assert_eq!((done.done(), may_have_run, not_begun), (4, 2, 3));
        assert_eq!(book.begun(9).iter().sum::<usize>(), 6);
    }
}

#[test]
fn one_that_takes_too_long_is_given_nothing_more() {
    let mut world = World::new(1);
    let (hands, _) = hands(world.system(), 2);
    let agents = agents(world.system(), &hands);
    let work = work(&[9.0, 1.0, 1.0, 1.0]).each_within(Duration::from_secs(2));
    let done = world.block_on(Coordinator::new().distribute(agents, work, Optimized));
    let done = done.expect("it makes sense");
    let Err(ItemError::Asked { agent: 0, error: AskError::Deadline { .. } }) = &done.outcomes[0]
    else {
        panic!("it took too long: {:?}", done.outcomes[0]);
    };
    assert_eq!((done.done(), done.account.shares[0].done), (3, 0));
    assert!(done.account.shares[0].left.is_some());
}

#[test]
fn what_is_dropped_is_given_up() {
    let mut world = World::new(1);
    let (hands, book) = hands(world.system(), 2);
    let agents = agents(world.system(), &hands);
    let coordinator = Coordinator::new();
    let mut running = Box::pin(coordinator.distribute(agents, work(&[1.0; 9]), Optimized));
    assert!(running.as_mut().poll(&mut Poller::from_waker(Waker::noop())).is_pending());
    world.run_for(Duration::from_millis(100));
    drop(running);
    world.run_until_idle();
    assert_eq!(book.begun(9).iter().sum::<usize>(), 2, "those that were with an agent");
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_done() {
    let mut world = World::new(1);
    let (hands, book) = hands(world.system(), 1);
    let system = world.system().clone();
    let mut refused = |agents, count| {
        let coordinator = Coordinator::new();
        let done = coordinator.distribute(agents, work(&vec![1.0; count]), Optimized);
        world.block_on(done).expect_err("it makes no sense").to_string()
    };
    let none = refused(agents(&system, &[]), 1);
    assert_eq!(none, "a batch has 1 to 1024 agents, not 0; nothing was done");
    let twice = [hands[0].clone(), hands[0].clone()];
    assert!(refused(agents(&system, &twice), 1).ends_with("was given twice; nothing was done"));
    let many = coordination::ITEMS_MAX + 1;
    let error = refused(agents(&system, &hands), many);
    assert_eq!(error, format!("a batch has up to 65536 items, not {many}; nothing was done"));
    assert_eq!(book.begun(1), [0]);
}
