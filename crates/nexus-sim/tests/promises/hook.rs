//! The delivery hook: what it sees is enough to do it all again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus::{Agent, AskError, Context, Delivery, DeliveryHook, Handler, KindSpec, Message, decode};
use nexus_base::{AgentId, Rng, Time};
use nexus_sim::{check, seeds};

#[derive(Default)]
struct Tape {
    delivered: Mutex<Vec<Delivery>>,
    resumed: Mutex<Vec<(AgentId, Time)>>,
}

impl DeliveryHook for Tape {
    fn delivered(&self, delivery: Delivery) {
        self.delivered.lock().expect("nobody panics here").push(delivery);
    }

    fn resumed(&self, id: AgentId, now: Time) {
        self.resumed.lock().expect("nobody panics here").push((id, now));
    }
}

/// Its state depends on all a handler can read: message, time, chance.
#[derive(Clone, PartialEq, Debug, Default)]
struct Dice {
    rolls: Vec<u64>,
}

impl Dice {
    fn roll(&mut self, sides: u64, now: Time, rng: &mut Rng) {
        self.rolls.push(rng.below(sides) + now.as_nanos());
        if rng.below(2) == 0 {
            self.rolls.push(rng.next_u64());
        }
    }
}

impl Agent for Dice {
    const KIND: &'static str = "dice";
    fn new(_: &str) -> Dice {
        Dice::default()
    }
}

#[derive(Message)]
struct Roll(u64);

impl Handler<Roll> for Dice {
    async fn handle(&mut self, Roll(sides): Roll, cx: &mut Context<Self>) {
        let now = cx.now();
        cx.random(|rng| self.roll(sides, now, rng));
        if sides % 2 == 0 {
            cx.sleep(Duration::from_nanos(sides)).await;
            self.rolls.push(cx.now().as_nanos());
        }
    }
}

#[derive(Message)]
#[message(reply = Vec<u64>)]
struct Rolls;

impl Handler<Rolls> for Dice {
    async fn handle(&mut self, _: Rolls, _: &mut Context<Self>) -> Vec<u64> {
        self.rolls.clone()
    }
}

#[test]
fn replaying_what_was_delivered_gives_the_same_state() {
    check(seeds(20), |world| {
        let tape = Arc::new(Tape::default());
        world.register(KindSpec::<Dice>::default().hook(tape.clone()));
        let dice = world.spawn::<Dice>("one");
        for sides in 1..=20 {
            if sides % 3 == 0 {
                world.ask(&dice, Roll(sides)).expect("it is there");
            } else {
                world.tell(&dice, Roll(sides)).expect("there is room");
            }
            world.run_for(Duration::from_nanos(7));
        }
        world.run_until_idle();
        let rolls = world.ask(&dice, Rolls).expect("it is there");

        let delivered = tape.delivered.lock().expect("nobody panics here").clone();
        assert!(delivered.iter().all(|one| one.id == dice.id() && one.name == "dice/one"));
        let mut resumed = tape.resumed.lock().expect("nobody panics here").clone().into_iter();
        let mut again = Dice::default();
        for delivery in delivered.iter().filter(|one| one.message == "Roll") {
            let Roll(sides) = decode(&delivery.bytes).expect("its own bytes");
            again.roll(sides, delivery.now, &mut Rng::new(delivery.random_seed));
            if sides % 2 == 0 {
                let (id, now) = resumed.next().expect("it was suspended");
                assert_eq!(id, dice.id());
                again.rolls.push(now.as_nanos());
            }
        }
        assert_eq!(again.rolls, rolls);
    });
}

#[test]
fn what_is_not_handled_is_not_shown() {
    check(seeds(20), |world| {
        let tape = Arc::new(Tape::default());
        world.register(KindSpec::<Dice>::default().hook(tape.clone()));
        let dice = world.spawn::<Dice>("one");
        // Keeps the agent until the ask after it is late.
        world.tell(&dice, Roll(2_000_000)).expect("there is room");
        let late = dice.clone();
        let late = async move { late.ask(Rolls).within(Duration::from_micros(1)).await };
        let late = world.task(late).expect("the node takes work");
        let answer = world.block_on(late).expect("it is not killed");
        assert!(matches!(answer, Err(AskError::Expired { .. })), "{answer:?}");
        world.tell(&dice, Roll(1)).expect("there is room");
        world.run_until_idle();
        let delivered = tape.delivered.lock().expect("nobody panics here").clone();
        let names: Vec<_> = delivered.iter().map(|one| one.message).collect();
        assert_eq!(names, ["Roll", "Roll"]);
    });
}
