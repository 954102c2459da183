//! What the world does not own: a wait for it, or a hand in it, fails by name.

use std::future::pending;
use std::sync::mpsc;
use std::time::Duration;

use nexus::{Agent, Context, Handle, Handler, Message};
use nexus_sim::World;

struct Tourist;

impl Agent for Tourist {
    const KIND: &'static str = "tourist";
    fn new(_: &str) -> Tourist {
        Tourist
    }
}

#[derive(Message)]
struct WaitAbroad;

impl Handler<WaitAbroad> for Tourist {
    async fn handle(&mut self, _: WaitAbroad, _: &mut Context<Self>) {
        pending::<()>().await;
    }
}

/// Waits for what is ours first, then for what is not.
#[derive(Message)]
struct WaitLater;

impl Handler<WaitLater> for Tourist {
    async fn handle(&mut self, _: WaitLater, cx: &mut Context<Self>) {
        cx.sleep(Duration::from_secs(1)).await;
        pending::<()>().await;
    }
}

#[derive(Message)]
struct Send(String);

impl Handler<Send> for Tourist {
    async fn handle(&mut self, Send(to): Send, cx: &mut Context<Self>) {
        let to = cx.find::<Tourist>(&to).expect("spawned by the scenario");
        to.ask(WaitAbroad).await.expect("the world ends before");
    }
}

fn tourist(seed: u64) -> (World, Handle<Tourist>) {
    let world = World::new(seed);
    let tourist = world.spawn("one");
    (world, tourist)
}

#[test]
#[should_panic(
    expected = "tourist/one, handling WaitAbroad, awaits something the simulated world \
                           does not own"
)]
fn a_foreign_wait_is_named() {
    let (mut world, tourist) = tourist(1);
    world.tell(&tourist, WaitAbroad).expect("there is room");
    world.run_until_idle();
}

#[test]
#[should_panic(expected = "tourist/one, handling WaitLater, awaits something")]
fn a_foreign_wait_after_one_of_ours_is_named() {
    let (mut world, tourist) = tourist(1);
    world.tell(&tourist, WaitLater).expect("there is room");
    world.run_until_idle();
}

/// In place or queued, it is the one that waits who is named.
#[test]
fn a_foreign_wait_below_another_handler_is_named() {
    for seed in 1..=20 {
        let (mut world, tourist) = tourist(seed);
        world.spawn::<Tourist>("two");
        world.tell(&tourist, Send("two".to_owned())).expect("there is room");
        let run = std::panic::AssertUnwindSafe(|| world.run_until_idle());
        let panic = std::panic::catch_unwind(run).expect_err("the world fails");
        let text = panic.downcast_ref::<String>().expect("panics have a text");
        assert!(text.contains("tourist/two, handling WaitAbroad, awaits"), "{text}");
    }
}

#[test]
#[should_panic(expected = "tourist/one was woken or sent to from another thread")]
#[allow(clippy::disallowed_methods, reason = "another thread is the mistake that is to be named")]
fn a_message_from_another_thread_is_named() {
    let (mut world, tourist) = tourist(1);
    let sender = std::thread::spawn(move || tourist.try_tell(WaitAbroad).is_ok());
    assert!(sender.join().expect("it does not panic"));
    world.run_until_idle();
}

#[test]
#[should_panic(expected = "deadlocked in virtual time")]
fn a_test_that_waits_for_another_thread_is_told() {
    let (mut world, _) = tourist(1);
    let (_sender, receiver) = mpsc::channel::<()>();
    world.block_on(std::future::poll_fn(|_| match receiver.try_recv() {
        Ok(()) => std::task::Poll::Ready(()),
        Err(_) => std::task::Poll::Pending,
    }));
}

/// Never suspended for long, never done.
#[derive(Message)]
struct Chase;

impl Handler<Chase> for Tourist {
    async fn handle(&mut self, _: Chase, cx: &mut Context<Self>) {
        cx.me().tell(Chase).await.expect("there is room");
    }
}

#[test]
#[should_panic(expected = "time stands still")]
fn a_world_in_which_time_stands_still_is_told() {
    let mut world = World::builder(1).events_per_instant_max(100_000).build();
    let tourist = world.spawn::<Tourist>("one");
    world.tell(&tourist, Chase).expect("there is room");
    world.run_until_idle();
}
