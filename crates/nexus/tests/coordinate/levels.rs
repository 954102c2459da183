//! Which level serves, and what that is worth.

use nexus::CoordinationLevel::{self, Adaptive, Basic, Emergent, Intelligent, Optimized};
use nexus::{Coordinated, Coordinator, Distributed, Goal, Pool, PoolSpec, Rng, coordinate};
use nexus_sim::{World, check, seeds};

use crate::support::{Hand, agents, hands, lock, start, work};

/// Sizes that differ, in seconds.
fn sizes(rng: &mut Rng, count: usize, mean_s: f64) -> Vec<f64> {
    (0..count).map(|_| mean_s * (0.2 + rng.exponential())).collect()
}

#[track_caller]
fn assert_all_done(done: &Distributed<u64>, count: usize) {
    assert_eq!(done.outcomes.len(), count);
    for (number, outcome) in done.outcomes.iter().enumerate() {
        assert_eq!(outcome.as_ref().ok(), Some(&(number as u64)), "{outcome:?}");
    }
    let by_agents = done.account.shares.iter().map(|share| share.done).sum::<u64>();
    assert_eq!((by_agents, done.done()), (count as u64, count));
}

/// On real threads, at each level, what is learned at one serving the others.
#[test]
fn every_level_does_all_the_work_and_says_which_served() {
    let node = start();
    let (hands, book) = hands(node.system(), 4);
    let (coordinator, mut rng) = (Coordinator::new(), Rng::new(1));
    let mut serve = |level, count| {
        let agents = agents(node.system(), &hands);
        let work = work(&sizes(&mut rng, count, 0.001));
        node.block_on(coordinator.distribute(agents, work, level)).expect("it makes sense")
    };
    // Nothing is known yet.
    let done = serve(Emergent, 60);
    assert_all_done(&done, 60);
    let account = &done.account;
    let fallen: Vec<_> = account.falls.iter().map(|fall| fall.from).collect();
    assert_eq!((account.asked, account.used), (Emergent, Optimized));
    assert_eq!(fallen, [Emergent, Adaptive, Intelligent]);
    assert_eq!(account.reason(), Some("emergent is not built"));

    assert_all_done(&serve(Optimized, 100), 100);
    for (asked, used) in [(Basic, Basic), (Optimized, Optimized), (Intelligent, Intelligent)] {
        let done = serve(asked, 40);
        assert_all_done(&done, 40);
        assert_eq!((done.account.used, &done.account.falls[..]), (used, &[][..]));
        assert!(done.agents.iter().all(|agent| agent.speed.is_some()));
    }
    let explained = coordinator.explain::<Hand, crate::support::Job>().expect("it has learned");
    assert!(explained.learned >= 280 && explained.refused == 0, "{explained}");
    assert_eq!(book.begun(100).iter().sum::<usize>(), 60 + 100 + 3 * 40);
}

#[test]
fn a_free_function_coordinates_a_pool_once() {
    let node = start();
    // Says how they are made, and makes none.
    let (_, book) = hands(node.system(), 0);
    let pool = Pool::<Hand>::spawn(&node, "p", 3, PoolSpec::new()).expect("the names are free");
    let goal = Goal::DistributeWork(work(&[0.001; 9]));
    let done = node.block_on(coordinate(&pool, goal, Basic)).expect("it makes sense");
    let Coordinated::Distributed(done) = done else { panic!("work was distributed") };
    assert_all_done(&done, 9);
    assert_eq!(book.begun(9), [1; 9]);
    let keys: Vec<&str> = done.agents.iter().map(|agent| agent.key.as_str()).collect();
    assert_eq!(keys, ["p-0", "p-1", "p-2"]);
    assert!(done.account.shares.iter().all(|share| share.done == 3), "each had its share");
}

/// Seconds that some batches take in virtual time, with agents of hidden speeds.
fn makespan_s(world: &mut World, level: CoordinationLevel) -> f64 {
    let (hands, book) = hands(world.system(), 6);
    *lock(&book.speeds) = vec![1.0, 0.3, 1.0, 1.0, 0.4, 1.0];
    let (coordinator, mut rng) = (Coordinator::new(), Rng::new(world.seed()).fork("work"));
    let mut sum_s = 0.0;
    for batch in 0..12 {
        let is_learning = batch < 6;
        let (agents, work) = (agents(world.system(), &hands), work(&sizes(&mut rng, 30, 1.0)));
        let level = if is_learning { Optimized } else { level };
        let done = coordinator.distribute(agents, work, level);
        let done = world.block_on(done).expect("it makes sense");
        assert_all_done(&done, 30);
        assert_eq!(done.account.used, level, "{:?}", done.account.falls);
        if !is_learning {
            sum_s += done.account.makespan.as_secs_f64();
        }
    }
    sum_s
}

#[test]
fn in_virtual_time_each_level_is_faster_than_the_one_below() {
    let mut sums_s = [0.0; 4];
    for seed in 1..=16 {
        for (sum_s, level) in sums_s.iter_mut().zip(CoordinationLevel::ALL) {
            *sum_s += makespan_s(&mut World::new(seed), level);
        }
    }
    assert!(sums_s.is_sorted_by(|lower, higher| *higher < 0.95 * *lower), "{sums_s:?}");
}

#[test]
fn equal_seeds_give_equal_batches() {
    check(seeds(2), |world| {
        makespan_s(world, Adaptive);
    });
}

/// What waits for an agent that is suddenly slow goes to others before it is done.
#[test]
fn an_agent_that_is_stuck_holds_nothing_up_but_what_it_has() {
    let mut world = World::new(3);
    let (hands, book) = hands(world.system(), 4);
    let coordinator = Coordinator::new();
    let serve = |world: &mut World, level| {
        let agents = agents(world.system(), &hands);
        let work = work(&[1.0; 120]).each_within(std::time::Duration::from_secs(100));
        let done = world.block_on(coordinator.distribute(agents, work, level));
        let done = done.expect("it makes sense");
        assert_all_done(&done, 120);
        done.account
    };
    serve(&mut world, Optimized);
    *lock(&book.speeds) = vec![0.02];
    let account = serve(&mut world, Adaptive);
    assert_eq!((account.used, account.shares[0].done), (Adaptive, 1));
    assert_eq!(account.makespan.as_secs(), 50, "the one that it had");
    assert!(account.replanned > 0);
}

#[test]
fn batches_at_the_same_time_share_what_is_learned() {
    let mut world = World::new(4);
    let (hands, _) = hands(world.system(), 4);
    let coordinator = Coordinator::new();
    let serve = |count: usize| {
        let agents = agents(world.system(), &hands[..2]);
        coordinator.distribute(agents, work(&vec![0.5; count]), Optimized)
    };
    let (first, second) = (serve(60), serve(50));
    let both = async {
        let first = std::pin::pin!(first);
        let second = std::pin::pin!(second);
        both(first, second).await
    };
    let (first, second) = world.block_on(both);
    assert_all_done(&first.expect("it makes sense"), 60);
    assert_all_done(&second.expect("it makes sense"), 50);
    let explained = coordinator.explain::<Hand, crate::support::Job>().expect("it has learned");
    assert_eq!(explained.learned, 110);
}

/// Both, side by side.
async fn both<A: Future, B: Future>(
    mut first: std::pin::Pin<&mut A>,
    mut second: std::pin::Pin<&mut B>,
) -> (A::Output, B::Output) {
    let (mut one, mut other) = (None, None);
    std::future::poll_fn(|poller| {
        if one.is_none()
            && let std::task::Poll::Ready(output) = first.as_mut().poll(poller)
        {
            one = Some(output);
        }
        if other.is_none()
            && let std::task::Poll::Ready(output) = second.as_mut().poll(poller)
        {
            other = Some(output);
        }
        match one.is_some() && other.is_some() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    (one.expect("it is ready"), other.expect("it is ready"))
}
