//! Handlers that never return: seen, and got rid of.

use std::time::Duration;

use nexus::{Agent, AskError, Changed, Context, Handler, Message};
use nexus_sim::{check, seeds};

struct Statue;

impl Agent for Statue {
    const KIND: &'static str = "statue";
    fn new(_: &str) -> Statue {
        Statue
    }
}

#[derive(Message)]
struct Stand;

impl Handler<Stand> for Statue {
    async fn handle(&mut self, _: Stand, cx: &mut Context<Self>) {
        // Nobody asked, so nobody gives up.
        cx.cancelled().await;
    }
}

#[derive(Message)]
struct Move;

impl Handler<Move> for Statue {
    async fn handle(&mut self, _: Move, _: &mut Context<Self>) {}
}

#[test]
fn one_that_never_returns_is_among_the_busy() {
    check(seeds(20), |world| {
        let statue = world.spawn::<Statue>("one");
        world.spawn::<Statue>("two");
        world.tell(&statue, Stand).expect("there is room");
        world.tell(&statue, Move).expect("there is room");
        world.run_until_idle();
        let busy = world.system().busy();
        let [one] = &busy[..] else { panic!("one is busy: {busy:?}") };
        assert_eq!((one.key.as_str(), one.phase, one.mailbox_len), ("one", "suspended", 1));
    });
}

#[test]
fn stopping_waits_for_it_and_killing_does_not() {
    check(seeds(20), |world| {
        let statue = world.spawn::<Statue>("one");
        world.tell(&statue, Stand).expect("there is room");
        world.tell(&statue, Move).expect("there is room");
        world.run_until_idle();
        statue.stop();
        world.run_until_idle();
        assert!(statue.is_running());
        statue.kill();
        world.run_until_idle();
        assert!(!statue.is_running());
        assert_eq!(world.system().counts()["statue"].dead, 1);
    });
}

/// Steps down after this many seconds.
#[derive(Message)]
#[message(reply = bool)]
struct StepDown(u64);

impl Handler<StepDown> for Statue {
    async fn handle(&mut self, StepDown(seconds): StepDown, cx: &mut Context<Self>) -> bool {
        cx.sleep(Duration::from_secs(seconds)).await;
        true
    }
}

#[test]
fn stopping_and_restarting_let_it_finish() {
    for stop in [true, false] {
        check(seeds(20), move |world| {
            let statue = world.spawn::<Statue>("one");
            let asked = statue.clone();
            let task = world.task(async move { asked.ask(StepDown(5)).await });
            world.run_for(Duration::from_secs(1));
            if stop {
                statue.stop()
            } else {
                statue.restart()
            }
            let answer = world.block_on(task.expect("the node takes work"));
            assert_eq!(answer, Ok(Ok(true)), "it is answered by the handler that was running");
            assert_eq!(world.now().as_secs_f64(), 5.0);
            world.run_until_idle();
            assert_eq!((statue.is_running(), statue.epoch()), (!stop, u32::from(!stop)));
        });
    }
}

#[test]
fn who_asks_behind_it_learns_whether_anything_changed() {
    check(seeds(20), |world| {
        let statue = world.spawn::<Statue>("one");
        let asks = [true, false].map(|stand| {
            let statue = statue.clone();
            let task = world.task(async move {
                let long = Duration::from_secs(1_000);
                match stand {
                    true => statue.ask(Stand).within(long).await,
                    false => statue.ask(Move).within(long).await,
                }
            });
            world.run_for(Duration::from_secs(1));
            task.expect("the node takes work")
        });
        statue.kill();
        let answers = asks.map(|ask| world.block_on(ask).expect("the task ends"));
        let stopped = |changed| Err(AskError::Stopped { changed });
        assert_eq!(answers, [stopped(Changed::Unknown), stopped(Changed::No)]);
    });
}

#[test]
#[should_panic(expected = "Not idle: statue/one suspended with 1 waiting")]
fn a_test_that_waits_for_it_in_vain_is_told_whose_fault_it_is() {
    let mut world = nexus_sim::World::new(1);
    let statue = world.spawn::<Statue>("one");
    world.tell(&statue, Stand).expect("there is room");
    world.run_until_idle();
    world.block_on(statue.ask(Move).within(Duration::MAX)).expect("it never comes");
}
