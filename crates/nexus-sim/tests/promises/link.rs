//! Links and monitors: who learns that an agent went down, and who goes with it.

use nexus::{Agent, Context, Down, Handle, Handler, KindSpec, Message};
use nexus_sim::{World, check, seeds};

use crate::log::Log;

struct Climber(Log);

impl Agent for Climber {
    const KIND: &'static str = "climber";
    fn new(_: &str) -> Climber {
        unreachable!("made by the scenario")
    }
}

#[derive(Message)]
struct TieTo(String);

impl Handler<TieTo> for Climber {
    async fn handle(&mut self, TieTo(name): TieTo, cx: &mut Context<Self>) {
        let other = cx.find::<Climber>(&name).expect("spawned by the scenario");
        cx.link(&other);
    }
}

#[derive(Message)]
struct UntieFrom(String);

impl Handler<UntieFrom> for Climber {
    async fn handle(&mut self, UntieFrom(name): UntieFrom, cx: &mut Context<Self>) {
        let other = cx.find::<Climber>(&name).expect("spawned by the scenario");
        cx.unlink(&other);
    }
}

#[derive(Message)]
struct Watch(String);

impl Handler<Watch> for Climber {
    async fn handle(&mut self, Watch(name): Watch, cx: &mut Context<Self>) {
        let other = cx.find::<Climber>(&name).expect("spawned by the scenario");
        cx.monitor(&other);
    }
}

impl Handler<Down> for Climber {
    async fn handle(&mut self, down: Down, cx: &mut Context<Self>) {
        self.0.push(format!("{}:{}:{}:{}", cx.key(), down.agent, down.abnormal, down.reason));
    }
}

fn climbers(world: &World, names: &str) -> (Vec<Handle<Climber>>, Log) {
    let log = Log::default();
    let of_climber = log.clone();
    world.register(KindSpec::from_fn(move |_| Climber(of_climber.clone())));
    (names.split(' ').map(|name| world.spawn(name)).collect(), log)
}

fn running(climbers: &[Handle<Climber>]) -> String {
    let up = climbers.iter().filter(|climber| climber.is_running());
    up.map(Handle::key).collect::<Vec<_>>().join(" ")
}

#[test]
fn who_is_tied_goes_down_too() {
    check(seeds(20), |world| {
        let (climbers, _) = climbers(world, "a b c d");
        for (climber, other) in [(0, "b"), (1, "c")] {
            world.ask(&climbers[climber], TieTo(other.to_owned())).expect("it is there");
        }
        climbers[0].kill();
        world.run_until_idle();
        assert_eq!(running(&climbers), "d");
    });
}

#[test]
fn an_orderly_end_pulls_nobody_down() {
    check(seeds(20), |world| {
        let (climbers, _) = climbers(world, "a b");
        world.ask(&climbers[0], TieTo("b".to_owned())).expect("it is there");
        climbers[0].stop();
        world.run_until_idle();
        assert_eq!(running(&climbers), "b");
    });
}

#[test]
fn who_is_untied_stays_up() {
    check(seeds(20), |world| {
        let (climbers, _) = climbers(world, "a b");
        world.ask(&climbers[0], TieTo("b".to_owned())).expect("it is there");
        world.ask(&climbers[1], UntieFrom("a".to_owned())).expect("it is there");
        climbers[0].kill();
        world.run_until_idle();
        assert_eq!(running(&climbers), "b");
    });
}

#[test]
fn who_watches_is_told_once() {
    check(seeds(20), |world| {
        let (climbers, log) = climbers(world, "a b c");
        for watched in ["b", "c"] {
            world.ask(&climbers[0], Watch(watched.to_owned())).expect("it is there");
        }
        climbers[1].kill();
        world.run_until_idle();
        climbers[2].stop();
        world.run_until_idle();
        assert_eq!(log.take(), "a:climber/b:true:killed a:climber/c:false:stopped");
        assert_eq!(running(&climbers), "a");
    });
}

#[test]
fn who_watches_from_outside_is_told_even_late() {
    check(seeds(20), |world| {
        let (climbers, _) = climbers(world, "a");
        let log = Log::default();
        let (early, late) = (log.clone(), log.clone());
        climbers[0].on_down(move |down| early.push(format!("early {}", down.reason)));
        climbers[0].stop();
        world.run_until_idle();
        climbers[0].on_down(move |down| late.push(format!("late {}", down.reason)));
        assert_eq!(log.take(), "early stopped late stopped");
    });
}
