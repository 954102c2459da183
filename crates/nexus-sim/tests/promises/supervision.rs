//! Supervision: who is restarted when one crashes, how often, and who decides then.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus::{
    Agent, AskError, Context, Handle, Handler, Intensity, KindSpec, Message, Strategy,
    SupervisorId, SupervisorSpec,
};
use nexus_sim::{World, check, seeds};

struct Child {
    fresh: bool,
}

impl Agent for Child {
    const KIND: &'static str = "child";
    fn new(_: &str) -> Child {
        Child { fresh: true }
    }
}

#[derive(Message)]
#[message(reply = bool)]
struct IsFresh;

impl Handler<IsFresh> for Child {
    async fn handle(&mut self, _: IsFresh, _: &mut Context<Self>) -> bool {
        std::mem::replace(&mut self.fresh, false)
    }
}

#[derive(Message)]
struct Crash;

impl Handler<Crash> for Child {
    async fn handle(&mut self, _: Crash, cx: &mut Context<Self>) {
        if cx.random(|rng| rng.below(2)) == 0 {
            cx.sleep(Duration::from_nanos(1)).await;
        }
        panic!("as the test wants it");
    }
}

fn supervisor(
    world: &World,
    parent: Option<SupervisorId>,
    strategy: Strategy,
    restarts_max: u32,
) -> SupervisorId {
    let intensity = Intensity { restarts_max, within: Duration::from_secs(5) };
    let spec = SupervisorSpec { name: "test".to_owned(), strategy, intensity };
    world.system().supervisor(parent, spec).expect("its parent is there")
}

fn children(world: &World, supervisor: SupervisorId, names: &str) -> Vec<Handle<Child>> {
    let spawn = |name| world.system().spawn_under(supervisor, name).expect("the name is free");
    names.split(' ').map(spawn).collect()
}

/// How often each has been restarted.
fn epochs(children: &[Handle<Child>]) -> Vec<u32> {
    children.iter().map(Handle::epoch).collect()
}

fn crash(world: &mut World, child: &Handle<Child>) {
    let answer = world.ask(child, Crash);
    assert!(matches!(answer, Err(AskError::Crashed(_))), "{answer:?}");
    world.run_for(Duration::from_millis(1));
}

/// The second of four crashes: who is restarted.
fn check_strategy(strategy: Strategy, expected: [u32; 4]) {
    check(seeds(20), move |world| {
        let supervisor = supervisor(world, None, strategy, 3);
        let children = children(world, supervisor, "a b c d");
        for child in &children {
            assert_eq!(world.ask(child, IsFresh), Ok(true));
        }
        crash(world, &children[1]);
        assert_eq!(epochs(&children), expected);
        for (child, restarts) in children.iter().zip(expected) {
            assert_eq!(world.ask(child, IsFresh), Ok(restarts > 0), "{child:?}");
        }
    });
}

#[test]
fn one_for_one_restarts_the_one() {
    check_strategy(Strategy::OneForOne, [0, 1, 0, 0]);
}

#[test]
fn one_for_all_restarts_all() {
    check_strategy(Strategy::OneForAll, [1, 1, 1, 1]);
}

#[test]
fn rest_for_one_restarts_those_started_later() {
    check_strategy(Strategy::RestForOne, [0, 1, 1, 1]);
}

#[test]
fn too_many_restarts_in_a_window_end_it() {
    check(seeds(20), |world| {
        let lone = world.spawn::<Child>("lone");
        (0..3).for_each(|_| crash(world, &lone));
        assert_eq!((lone.is_running(), lone.epoch()), (true, 3));
        crash(world, &lone);
        assert!(!lone.is_running());
        assert_eq!(world.ask(&lone, IsFresh), Err(AskError::NotRunning));
    });
}

#[test]
fn restarts_are_forgotten_with_time() {
    check(seeds(20), |world| {
        let lone = world.spawn::<Child>("lone");
        for _ in 0..12 {
            crash(world, &lone);
            world.run_for(Duration::from_secs(2));
        }
        assert_eq!((lone.is_running(), lone.epoch()), (true, 12));
    });
}

#[test]
fn a_supervisor_that_gives_up_hands_over_to_its_parent() {
    check(seeds(20), |world| {
        let grand = supervisor(world, None, Strategy::OneForAll, 1);
        let uncles = children(world, grand, "uncle");
        let parent = supervisor(world, Some(grand), Strategy::OneForOne, 1);
        let siblings = children(world, parent, "a b");
        crash(world, &siblings[0]);
        assert_eq!((epochs(&siblings), epochs(&uncles)), (vec![1, 0], vec![0]));
        crash(world, &siblings[0]);
        assert_eq!((epochs(&siblings), epochs(&uncles)), (vec![2, 1], vec![1]), "all, once each");
    });
}

#[test]
fn a_tree_that_gives_up_stops_what_is_in_it() {
    check(seeds(20), |world| {
        let parent = supervisor(world, None, Strategy::OneForOne, 0);
        let supervised = children(world, parent, "a b");
        let lone = world.spawn::<Child>("lone");
        // The node's own supervisor allows three restarts; each takes both along.
        (0..3).for_each(|_| crash(world, &supervised[0]));
        assert_eq!(epochs(&supervised), [3, 3]);
        crash(world, &supervised[0]);
        assert!(supervised.iter().all(|child| !child.is_running()));
        assert!(lone.is_running(), "it is in no tree");
    });
}

/// The one up the stack is restarted only when its own handler is done.
#[test]
fn one_for_all_waits_for_the_asker_up_the_stack() {
    struct Parent;
    impl Agent for Parent {
        const KIND: &'static str = "parent";
        fn new(_: &str) -> Parent {
            Parent
        }
    }
    #[derive(Message)]
    #[message(reply = bool)]
    struct HaveItCrash;
    impl Handler<HaveItCrash> for Parent {
        async fn handle(&mut self, _: HaveItCrash, cx: &mut Context<Self>) -> bool {
            let child = cx.find::<Child>("a").expect("spawned by the scenario");
            let crashed = matches!(child.ask(Crash).await, Err(AskError::Crashed(_)));
            cx.sleep(Duration::from_millis(3)).await;
            crashed
        }
    }
    check(seeds(40), |world| {
        let supervisor = supervisor(world, None, Strategy::OneForAll, 3);
        let parent: Handle<Parent> =
            world.system().spawn_under(supervisor, "p").expect("the name is free");
        let child = children(world, supervisor, "a").remove(0);
        assert_eq!(world.ask(&parent, HaveItCrash), Ok(true), "its handler ran to its end");
        world.run_until_idle();
        assert_eq!((parent.epoch(), child.epoch()), (1, 1));
    });
}

#[test]
fn a_kill_ends_a_constructor_that_panics_again_and_again() {
    check(seeds(20), |world| {
        let (made, victim) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(None)));
        let (counter, to_kill) = (made.clone(), victim.clone());
        world.register(KindSpec::from_fn(move |_| {
            let made = counter.fetch_add(1, Ordering::Relaxed);
            if made == 5 {
                // Taken out: a kind that holds on to its agent would never end.
                let victim: Option<Handle<Child>> = to_kill.lock().expect("no panic").take();
                victim.expect("the first one was made").kill();
            }
            assert_eq!(made, 0, "as the test wants it");
            Child { fresh: true }
        }));
        let supervisor = supervisor(world, None, Strategy::OneForOne, 100);
        let child = children(world, supervisor, "a").remove(0);
        *victim.lock().expect("no panic") = Some(child.clone());
        assert!(matches!(world.ask(&child, Crash), Err(AskError::Crashed(_))));
        world.run_until_idle();
        assert_eq!((made.load(Ordering::Relaxed), child.is_running()), (6, false));
        assert_eq!(world.system().counts()["child"].stopped, 1);
    });
}

#[test]
fn others_have_their_turn_while_a_constructor_panics_again_and_again() {
    check(seeds(20), |world| {
        let (made, seen) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (counter, at) = (made.clone(), seen.clone());
        world.register(KindSpec::from_fn(move |key| {
            let made = counter.fetch_add(1, Ordering::Relaxed);
            assert!(key != "bad" || !(2..=90).contains(&made), "as the test wants it");
            Child { fresh: true }
        }));
        let supervisor = supervisor(world, None, Strategy::OneForOne, 100);
        let [bad, good] = ["bad", "good"].map(|key| children(world, supervisor, key).remove(0));
        world.tell(&bad, Crash).expect("there is room");
        world.tell(&bad, IsFresh).expect("there is room");
        let looking = {
            let made = made.clone();
            async move {
                good.ask(IsFresh).await.expect("it runs");
                at.store(made.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        };
        let looking = world.task(looking).expect("the node takes work");
        world.block_on(looking).expect("it is not killed");
        world.run_until_idle();
        assert!(seen.load(Ordering::Relaxed) < 92, "nobody else had a turn");
        assert!(bad.is_running(), "it was made at last");
        assert_eq!(world.system().counts()["child"].handled, 3, "and kept its mail");
    });
}

/// A crash that is passed on to another under the same supervisor is one failure.
#[test]
fn a_failure_that_spreads_counts_once() {
    struct Parent;
    impl Agent for Parent {
        const KIND: &'static str = "parent";
        fn new(_: &str) -> Parent {
            Parent
        }
    }
    #[derive(Message)]
    struct Trust;
    impl Handler<Trust> for Parent {
        async fn handle(&mut self, _: Trust, cx: &mut Context<Self>) {
            let child = cx.find::<Child>("a").expect("spawned by the scenario");
            child.ask(Crash).await.expect("it does not crash, it thinks");
        }
    }
    check(seeds(40), |world| {
        let supervisor = supervisor(world, None, Strategy::OneForAll, 1);
        let parent: Handle<Parent> =
            world.system().spawn_under(supervisor, "p").expect("the name is free");
        let child = children(world, supervisor, "a").remove(0);
        assert!(matches!(world.ask(&parent, Trust), Err(AskError::Crashed(_))));
        world.run_until_idle();
        assert_eq!((parent.epoch(), child.epoch()), (1, 1), "restarted once, nothing escalated");
    });
}
