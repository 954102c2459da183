//! Panics of the user's code: wherever they happen, they stay there.

use std::time::Duration;

use nexus::{
    Agent, AskError, Context, During, Handle, Handler, KindSpec, Message, SpawnError, StopReason,
};
use nexus_sim::{World, check, seeds};

use crate::log::Log;

/// Panics where its key says.
struct Fragile {
    key: String,
    log: Log,
}

impl Agent for Fragile {
    const KIND: &'static str = "fragile";
    fn new(_: &str) -> Fragile {
        unreachable!("made by the scenario")
    }

    fn stopping(&mut self, reason: &StopReason) {
        self.log.push(format!("stopping: {reason}"));
        assert_ne!(self.key, "stopping", "as the test wants it");
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.log.push("dropped");
        assert_ne!(self.key, "drop", "as the test wants it");
    }
}

#[derive(Message)]
#[message(reply = u8)]
struct Touch(u8);

impl Handler<Touch> for Fragile {
    async fn handle(&mut self, Touch(number): Touch, cx: &mut Context<Self>) -> u8 {
        if number == 2 {
            cx.sleep(Duration::from_secs(1)).await;
        }
        assert!(number == 0, "as the test wants it");
        number
    }
}

fn fragile(world: &World, key: &str) -> (Handle<Fragile>, Log) {
    let log = register(world);
    (world.spawn(key), log)
}

fn register(world: &World) -> Log {
    let log = Log::default();
    let of_agent = log.clone();
    world.register(KindSpec::from_fn(move |key| {
        of_agent.push("made");
        assert!(key != "made" || of_agent.lines().len() > 1, "as the test wants it");
        assert!(key != "remade" || of_agent.lines().len() < 2, "as the test wants it");
        Fragile { key: key.to_owned(), log: of_agent.clone() }
    }));
    log
}

fn crashed(answer: Result<u8, AskError>) -> (During, String) {
    match answer {
        Err(AskError::Crashed(crash)) => (crash.during, crash.message.to_string()),
        other => panic!("not a crash: {other:?}"),
    }
}

#[test]
fn in_a_handler_the_asker_learns_and_the_agent_is_made_afresh() {
    check(seeds(20), |world| {
        let (agent, log) = fragile(world, "sound");
        for number in [1, 2] {
            let (during, message) = crashed(world.ask(&agent, Touch(number)));
            assert_eq!((during, message.as_str()), (During::Handler, "as the test wants it"));
            assert_eq!(world.ask(&agent, Touch(0)), Ok(0));
        }
        assert_eq!(log.take(), "made dropped made dropped made");
        let counts = world.system().counts()["fragile"];
        assert_eq!((counts.crashed, counts.restarted), (2, 2));
    });
}

#[test]
fn what_waits_survives_a_crash() {
    check(seeds(20), |world| {
        let (agent, _) = fragile(world, "sound");
        world.tell(&agent, Touch(2)).expect("there is room");
        world.run_for(Duration::from_millis(1));
        let answer = world.ask(&agent, Touch(0));
        assert_eq!((answer, agent.epoch()), (Ok(0), 1));
    });
}

#[test]
fn in_a_constructor_nothing_is_spawned() {
    check(seeds(20), |world| {
        register(world);
        let error = world.system().spawn::<Fragile>("made").expect_err("its constructor panics");
        assert!(
            matches!(&error, SpawnError::Crashed(crash) if crash.during == During::Constructor)
        );
        assert!(world.find::<Fragile>("made").is_none());
        world.spawn::<Fragile>("made");
    });
}

#[test]
fn in_a_constructor_again_and_again_the_agent_ends() {
    check(seeds(20), |world| {
        let (agent, _) = fragile(world, "remade");
        world.tell(&agent, Touch(1)).expect("there is room");
        world.tell(&agent, Touch(0)).expect("there is room");
        world.run_until_idle();
        assert!(!agent.is_running());
        let counts = world.system().counts()["fragile"];
        assert_eq!((counts.handled, counts.dead, counts.stopped), (1, 1, 1));
        assert_eq!(world.system().dead_letters().len(), 1);
    });
}

#[test]
fn in_a_drop_the_agent_is_gone_all_the_same() {
    for key in ["drop", "stopping"] {
        check(seeds(10), move |world| {
            let (agent, log) = fragile(world, key);
            agent.stop();
            world.run_until_idle();
            assert!(!agent.is_running());
            assert_eq!(log.take(), "made stopping: stopped dropped");
            assert_eq!(world.system().counts()["fragile"].crashed, 1);
            world.spawn::<Fragile>(key);
        });
    }
}

/// A message whose drop panics, wherever it is dropped unhandled.
#[derive(Message)]
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0 || std::thread::panicking(), "as the test wants it");
    }
}

impl Handler<Bomb> for Fragile {
    async fn handle(&mut self, mut bomb: Bomb, _: &mut Context<Self>) {
        bomb.0 = false;
    }
}

#[test]
fn in_the_drop_of_a_message_nobody_else_suffers() {
    use nexus::{MailboxSpec, Overflow};
    for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::ShedLowest] {
        check(seeds(10), move |world| {
            let log = Log::default();
            let mailbox = MailboxSpec::overflow(overflow).len_max(1);
            let make = move |key: &str| Fragile { key: key.to_owned(), log: log.clone() };
            world.register(KindSpec::from_fn(make).mailbox(mailbox));
            let agent = world.spawn::<Fragile>("sound");
            world.tell(&agent, Touch(2)).expect("there is room");
            world.run_for(Duration::from_millis(1));
            agent.try_tell(Bomb(true)).expect("there is room");
            agent.try_tell(Bomb(true)).expect("one of them is dropped");
            world.check_books();
            agent.kill();
            world.run_until_idle();
            assert!(!agent.is_running());
        });
    }
}

#[test]
fn a_sound_state_is_told_before_it_is_made_afresh() {
    check(seeds(10), |world| {
        let (agent, log) = fragile(world, "sound");
        agent.restart();
        world.run_until_idle();
        assert_eq!((agent.is_running(), agent.epoch()), (true, 1));
        assert_eq!(log.take(), "made stopping: made afresh dropped made");
    });
}
