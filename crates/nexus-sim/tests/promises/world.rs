//! The world itself: what its time, its chances and its switches do.

use std::collections::BTreeSet;
use std::time::Duration;

use nexus::{Agent, Context, Handler, KindSpec, Message};
use nexus_base::Time;
use nexus_sim::{Asks, Builder, Order, World, seeds};

use crate::log::Log;

struct Runner(Log);

impl Agent for Runner {
    const KIND: &'static str = "runner";
    fn new(_: &str) -> Runner {
        unreachable!("made by the scenario")
    }
}

#[derive(Message)]
struct Run;

impl Handler<Run> for Runner {
    async fn handle(&mut self, _: Run, cx: &mut Context<Self>) {
        self.0.push(cx.key());
    }
}

/// Asks the runner of that name this often.
#[derive(Message)]
struct Call(String, u32);

impl Handler<Call> for Runner {
    async fn handle(&mut self, Call(name, times): Call, cx: &mut Context<Self>) {
        let runner = cx.find::<Runner>(&name).expect("spawned by the scenario");
        for _ in 0..times {
            runner.ask(Run).await.expect("it is there");
        }
    }
}

fn with_log(builder: Builder) -> (World, Log) {
    let (world, log) = (builder.build(), Log::default());
    let of_runner = log.clone();
    world.register(KindSpec::from_fn(move |_| Runner(of_runner.clone())));
    (world, log)
}

/// The order in which five who are ready at once have their turns.
fn finish(builder: Builder) -> String {
    let (mut world, log) = with_log(builder);
    for name in ["a", "b", "c", "d", "e"] {
        world.spawn::<Runner>(name).try_tell(Run).expect("there is room");
    }
    world.run_until_idle();
    log.take()
}

#[test]
fn who_is_next_is_drawn_unless_told_otherwise() {
    let orders: BTreeSet<String> =
        seeds(40).into_iter().map(|seed| finish(World::builder(seed))).collect();
    assert!(orders.len() > 20 || seeds(40).len() < 40, "{orders:?}");
    assert_eq!(finish(World::builder(7).order(Order::Fifo)), "a b c d e");
}

#[test]
fn asks_are_answered_in_place_or_not_as_drawn_or_told() {
    let in_place = |builder: Builder| {
        let (mut world, _) = with_log(builder);
        let [caller, _] = ["a", "b"].map(|name| world.spawn::<Runner>(name));
        world.tell(&caller, Call("b".to_owned(), 100)).expect("there is room");
        world.run_until_idle();
        world.system().counts()["runner"].in_place
    };
    assert_eq!(in_place(World::builder(1).asks(Asks::InPlace)), 100);
    assert_eq!(in_place(World::builder(1).asks(Asks::Queued)), 0);
    assert!((20..80).contains(&in_place(World::builder(1))));
}

#[test]
fn time_is_where_it_was_sent() {
    let mut world = World::new(1);
    world.run_for(Duration::from_secs(3));
    assert_eq!(world.now().as_secs_f64(), 3.0);
    world.run_until(Time::from_nanos(5));
    assert_eq!(world.now().as_secs_f64(), 3.0, "it never goes back");
    world.run_until_idle();
    assert_eq!(world.now().as_secs_f64(), 3.0, "nothing happens, so no time passes");
    assert!(!world.step());
}

#[test]
fn inputs_come_at_their_time_and_in_order() {
    let (mut world, log) = with_log(World::builder(1).order(Order::Fifo));
    let say = |log: &Log, word: &'static str| {
        let log = log.clone();
        move |world: &mut World| log.push(format!("{word}@{}", world.now().as_nanos()))
    };
    world.after(Duration::from_nanos(9), say(&log, "late"));
    world.after(Duration::from_nanos(5), say(&log, "one"));
    world.after(Duration::from_nanos(5), say(&log, "two"));
    let nested = say(&log, "nested");
    world.at(Time::ZERO, move |world| world.after(Duration::from_nanos(7), nested));
    world.run_for(Duration::from_nanos(8));
    assert_eq!(log.take(), "one@5 two@5 nested@7");
    world.run_until_idle();
    assert_eq!(log.take(), "late@9");
}

#[test]
fn what_happened_is_kept_if_asked_for() {
    let (mut world, _) = with_log(World::builder(1).records());
    let runner = world.spawn::<Runner>("a");
    world.ask(&runner, Run).expect("it is there");
    let lines: Vec<String> = world.records().iter().map(ToString::to_string).collect();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("runner/a has its turn") && has("runner/a handles Run #"), "{lines:#?}");
    assert!(has("Run is answered with #"), "{lines:#?}");
    assert!(World::new(1).records().is_empty());
}

#[test]
fn keeping_it_changes_nothing() {
    let hash = |builder: Builder| {
        let (mut world, _) = with_log(builder);
        let [caller, _] = ["a", "b"].map(|name| world.spawn::<Runner>(name));
        world.tell(&caller, Call("b".to_owned(), 20)).expect("there is room");
        world.run_until_idle();
        (world.trace_hash(), world.events())
    };
    assert_eq!(hash(World::builder(3)), hash(World::builder(3).records()));
}
