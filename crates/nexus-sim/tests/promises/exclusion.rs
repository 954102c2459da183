//! Exclusion: an agent handles one message at a time.

use std::time::Duration;

use nexus::{Agent, Context, Handler, KindSpec, Message};
use nexus_sim::{check, seeds};

use crate::log::Log;

struct Room(Log);

impl Agent for Room {
    const KIND: &'static str = "room";
    fn new(_: &str) -> Room {
        unreachable!("made by the scenario")
    }
}

#[derive(Message)]
struct Visit;

impl Handler<Visit> for Room {
    async fn handle(&mut self, _: Visit, cx: &mut Context<Self>) {
        self.0.push("in");
        for _ in 0..cx.random(|rng| rng.below(3)) {
            cx.sleep(Duration::from_nanos(cx.random(|rng| rng.below(9)))).await;
        }
        self.0.push("out");
    }
}

struct Visitor;

impl Agent for Visitor {
    const KIND: &'static str = "visitor";
    fn new(_: &str) -> Visitor {
        Visitor
    }
}

#[derive(Message)]
struct Go;

impl Handler<Go> for Visitor {
    async fn handle(&mut self, _: Go, cx: &mut Context<Self>) {
        let room = cx.find::<Room>("one").expect("spawned by the scenario");
        for _ in 0..5 {
            if cx.random(|rng| rng.below(2)) == 0 {
                room.ask(Visit).await.expect("there is room");
            } else {
                room.tell(Visit).await.expect("there is room");
            }
        }
    }
}

#[test]
fn nobody_comes_in_before_the_other_is_out() {
    check(seeds(60), |world| {
        let log = Log::default();
        let of_room = log.clone();
        world.register(KindSpec::from_fn(move |_| Room(of_room.clone())));
        world.spawn::<Room>("one");
        for visitor in 0..5 {
            let visitor = world.spawn::<Visitor>(&visitor.to_string());
            world.tell(&visitor, Go).expect("it is there");
        }
        world.run_until_idle();
        let lines = log.lines();
        assert_eq!(lines.len(), 2 * 5 * 5);
        assert!(lines.chunks(2).all(|pair| pair == ["in", "out"]), "{lines:?}");
    });
}
