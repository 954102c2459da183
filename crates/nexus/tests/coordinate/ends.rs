//! Agents that crash or end while there is work.

use std::time::Duration;

use nexus::CoordinationLevel::{self, Basic, Optimized};
use nexus::{
    Agent, Agents, AskError, Changed, Context, Coordinator, Distributed, Handle, Handler,
    ItemError, Message, NotBegun, Work, WorkItem,
};
use nexus_sim::World;

use crate::support::{Book, Hand, Job, agents, hands, lock, start, work};

/// Runs work in virtual time; `meanwhile` happens after half a second.
fn run(
    count: usize,
    level: CoordinationLevel,
    work: Work<Job>,
    meanwhile: impl FnOnce(&[Handle<Hand>], &Book) + 'static,
) -> (Distributed<u64>, Book) {
    let mut world = World::new(1);
    let (hands, book) = hands(world.system(), count);
    let agents = agents(world.system(), &hands);
    let inside = book.clone();
    world.after(Duration::from_millis(500), move |_| meanwhile(&hands, &inside));
    let done = world.block_on(Coordinator::new().distribute(agents, work, level));
    (done.expect("it makes sense"), book)
}

fn asked(outcome: &Result<u64, ItemError>) -> (usize, &AskError) {
    match outcome {
        Err(ItemError::Asked { agent, error }) => (*agent, error),
        other => panic!("it was asked in vain: {other:?}"),
    }
}

#[test]
fn what_crashes_its_agent_is_reported_and_not_run_again() {
    for level in CoordinationLevel::ALL {
        let node = start();
        let (hands, book) = hands(node.system(), 3);
        *lock(&book.panics) = vec![4, 4, 7];
        let agents = agents(node.system(), &hands);
        let coordinator = Coordinator::new();
        let done = coordinator.distribute(agents, work(&[0.001; 30]), level);
        let done = node.block_on(done).expect("it makes sense");
        for number in [4, 7] {
            let (_, error) = asked(&done.outcomes[number]);
            assert!(matches!(error, AskError::Crashed(_)), "{error}");
        }
        assert_eq!((done.done(), book.begun(30)), (28, vec![1; 30]));
        assert!(done.account.shares.iter().all(|share| share.left.is_none()), "they are restarted");
        let unknown: u64 = done.account.shares.iter().map(|share| share.unknown).sum();
        assert_eq!(unknown, 2);
    }
}

#[test]
fn what_may_be_repeated_is_run_again_up_to_three_times() {
    let node = start();
    let (hands, book) = hands(node.system(), 3);
    *lock(&book.panics) = vec![4, 4, 7, 7, 7, 7];
    let agents = agents(node.system(), &hands);
    let jobs = (0..30).map(|number| WorkItem::new(Job { number, seconds: 0.001 }).repeatable());
    let coordinator = Coordinator::new();
    let done = coordinator.distribute(agents, jobs.collect(), Optimized);
    let done = node.block_on(done).expect("it makes sense");
    assert_eq!(done.outcomes[4], Ok(4));
    assert_eq!(asked(&done.outcomes[7]).1.changed(), Changed::Unknown);
    let mut expected = vec![1; 30];
    (expected[4], expected[7]) = (3, 3);
    assert_eq!((done.done(), book.begun(30)), (29, expected));
}

#[test]
fn what_a_killed_agent_was_at_is_unknown_and_the_rest_goes_on() {
    for level in [Basic, Optimized] {
        let (done, book) = run(3, level, work(&[1.0; 12]), |hands, _| hands[1].kill());
        let (agent, error) = asked(&done.outcomes[1]);
        assert_eq!((agent, error), (1, &AskError::Stopped { changed: Changed::Unknown }));
        assert_eq!((done.done(), book.begun(12)), (11, vec![1; 12]));
        let left = done.account.shares[1].left.as_deref();
        assert_eq!(left, Some("agent stopped before it answered; the handler may have run"));
        assert!(done.account.shares[0].left.is_none());
    }
}

#[test]
fn what_waits_for_an_agent_that_stops_goes_to_others() {
    // With two in hand, the second has surely not run.
    let both = work(&[1.0; 12]).in_flight_each(2);
    let (done, book) = run(3, Basic, both, |hands, _| hands[1].stop());
    assert_eq!((done.done(), book.begun(12)), (12, vec![1; 12]), "{:?}", done.outcomes);
    let share = &done.account.shares[1];
    // The one in its hand, and the one that was sent between its answer and its end.
    assert_eq!((share.done, share.not_run, share.left.is_some()), (1, 2, true));
}

#[test]
fn when_all_have_ended_the_rest_is_not_begun() {
    let kill_all = |hands: &[Handle<Hand>], _: &Book| hands.iter().for_each(Handle::kill);
    let (done, book) = run(2, Optimized, work(&[1.0; 6]), kill_all);
    let begun: Vec<usize> = book.begun(6);
    assert_eq!(begun, [1, 1, 0, 0, 0, 0]);
    for (outcome, begun) in done.outcomes.iter().zip(begun) {
        let error = outcome.as_ref().expect_err("nobody was there");
        let expected = if begun == 1 { Changed::Unknown } else { Changed::No };
        assert_eq!(error.changed(), expected, "{error}");
    }
    let not_begun =
        done.outcomes.iter().filter(|o| **o == Err(ItemError::NotBegun(NotBegun::NoAgent)));
    assert!(not_begun.count() >= 2, "{:?}", done.outcomes);
}

/// Has others work for it, itself among them.
struct Foreman;

impl Agent for Foreman {
    const KIND: &'static str = "foreman";

    fn new(_key: &str) -> Foreman {
        Foreman
    }
}

#[derive(Message)]
#[message(reply = Vec<Option<u64>>)]
struct Begin;

#[derive(Message, Clone)]
#[message(reply = u64)]
struct Step(u64);

impl Handler<Step> for Foreman {
    async fn handle(&mut self, Step(number): Step, _: &mut Context<Foreman>) -> u64 {
        number
    }
}

impl Handler<Begin> for Foreman {
    async fn handle(&mut self, _: Begin, cx: &mut Context<Foreman>) -> Vec<Option<u64>> {
        let other = cx.find::<Foreman>("other").expect("it was spawned");
        let system = SYSTEM.with_borrow(|system| system.clone().expect("it was set"));
        let agents = Agents::of_system(&system, [cx.me(), other]);
        let work = (0..6).map(|number| WorkItem::new(Step(number))).collect();
        let done = Coordinator::new().distribute(agents, work, Basic).await;
        let outcomes = done.expect("it makes sense").outcomes;
        outcomes.into_iter().map(Result::ok).collect()
    }
}

thread_local! {
    static SYSTEM: std::cell::RefCell<Option<std::sync::Arc<nexus::System>>> =
        const { std::cell::RefCell::new(None) };
}

#[test]
fn an_agent_may_coordinate_others_and_never_waits_for_itself() {
    let mut world = World::new(5);
    SYSTEM.set(Some(world.system().clone()));
    let boss = world.spawn::<Foreman>("boss");
    world.spawn::<Foreman>("other");
    let done = world.ask(&boss, Begin).expect("it answers");
    assert_eq!(done, (0..6).map(Some).collect::<Vec<_>>(), "the other did all of it");
    SYSTEM.set(None);
}
