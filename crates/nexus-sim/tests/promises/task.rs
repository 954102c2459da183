//! Tasks: futures beside the agents.

use std::sync::Arc;
use std::time::Duration;

use nexus::{Agent, AskError, Changed, Context, Handler, Message};
use nexus_sim::{World, check, seeds};

struct Adder(u64);

impl Agent for Adder {
    const KIND: &'static str = "adder";
    fn new(_: &str) -> Adder {
        Adder(0)
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Add(u64);

impl Handler<Add> for Adder {
    async fn handle(&mut self, Add(amount): Add, cx: &mut Context<Self>) -> u64 {
        let before = self.0;
        cx.sleep(Duration::from_millis(amount % 3)).await;
        self.0 = before + amount;
        self.0
    }
}

#[test]
fn they_run_beside_each_other_and_are_answered() {
    check(seeds(40), |world| {
        let adder = world.spawn::<Adder>("one");
        let tasks: Vec<_> = (1..=10)
            .map(|amount| {
                let adder = adder.clone();
                let task = world.task(async move { adder.ask(Add(amount)).await });
                task.expect("the node takes work")
            })
            .collect();
        for task in tasks {
            assert!(world.block_on(task).is_ok_and(|answer| answer.is_ok()));
        }
        assert_eq!(world.ask(&adder, Add(0)), Ok(55), "nothing was added twice or lost");
    });
}

#[test]
fn one_that_is_suspended_when_the_world_ends_is_dropped() {
    let token = Arc::new(());
    let mut world = World::new(1);
    let of_task = token.clone();
    let adder = world.spawn::<Adder>("one");
    let task = world.task(async move {
        let answer = adder.ask(Add(2)).await;
        drop(of_task);
        answer
    });
    drop(task);
    world.run_for(Duration::from_millis(1));
    assert_eq!(Arc::strong_count(&token), 2, "it runs");
    drop(world);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn one_that_panics_or_is_cancelled_is_answered_too() {
    check(seeds(20), |world| {
        let adder = world.spawn::<Adder>("one");
        let bad = world.task(async { panic!("as the test wants it") });
        let bad: nexus::Task<()> = bad.expect("the node takes work");
        assert!(matches!(world.block_on(bad), Err(AskError::Crashed(_))));
        let slow = world.task(async move { adder.ask(Add(2)).await });
        let slow = slow.expect("the node takes work");
        world.run_for(Duration::from_millis(1));
        slow.cancel();
        let unknown = AskError::Stopped { changed: Changed::Unknown };
        assert_eq!(world.block_on(slow), Err(unknown));
        world.run_until_idle();
    });
}
