//! Depth: asks nested in asks, in place as far as the stack goes and no further.

use std::time::Duration;

use nexus::{Agent, Context, Handler, Message};
use nexus_sim::{Asks, Check, seeds};

struct Step;

impl Agent for Step {
    const KIND: &'static str = "step";
    fn new(_: &str) -> Step {
        Step
    }
}

/// Ask the next step down, and so on to number 0; how far it was.
#[derive(Message)]
#[message(reply = Result<u32, String>)]
struct Descend;

impl Handler<Descend> for Step {
    async fn handle(&mut self, _: Descend, cx: &mut Context<Self>) -> Result<u32, String> {
        let number: u32 = cx.key().parse().expect("steps are numbered");
        let Some(below) = number.checked_sub(1) else { return Ok(0) };
        let below = cx.find::<Step>(&below.to_string()).expect("spawned by the scenario");
        match below.ask(Descend).await {
            Ok(answer) => answer.map(|depth| depth + 1),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn check(depth: u32, asks: fn(nexus_sim::Builder) -> nexus_sim::Builder, far: bool) {
    Check::over(seeds(3)).world(asks).run(move |world| {
        (0..=depth).for_each(|number| drop(world.spawn::<Step>(&number.to_string())));
        let top = world.find::<Step>(&depth.to_string()).expect("just spawned");
        let answer = world.ask(&top, Descend).expect("it answers");
        match answer {
            Ok(reached) => assert!(far && reached == depth, "reached {reached}"),
            Err(error) => {
                assert!(!far && error.contains("asks wait for one another already"), "{error}")
            }
        }
        assert_eq!(world.now().since(nexus_base::Time::ZERO), Duration::ZERO);
    });
}

#[test]
fn a_thousand_steps_down_and_back() {
    check(1_000, |builder| builder.asks(Asks::InPlace), true);
    check(1_000, |builder| builder.asks(Asks::Queued), true);
    check(1_000, |builder| builder, true);
}

/// Asks number 0 this often in a row.
#[derive(Message)]
#[message(reply = u32)]
struct Repeat(u32);

impl Handler<Repeat> for Step {
    async fn handle(&mut self, Repeat(times): Repeat, cx: &mut Context<Self>) -> u32 {
        let below = cx.find::<Step>("0").expect("spawned by the scenario");
        let mut answered = 0;
        for _ in 0..times {
            answered += u32::from(below.ask(Descend).await == Ok(Ok(0)));
        }
        answered
    }
}

/// After a share of asks in place others have their turn, and then it goes on.
#[test]
fn two_thousand_asks_in_a_row() {
    Check::over(seeds(3)).world(|builder| builder.asks(Asks::InPlace)).run(|world| {
        let [caller, _] = ["1", "0"].map(|name| world.spawn::<Step>(name));
        assert_eq!(world.ask(&caller, Repeat(2_000)), Ok(2_000));
        assert_eq!(world.system().counts()["step"].in_place, 2_000);
    });
}

/// A chain that grows without end is taken for a loop that makes new agents.
#[test]
fn a_longer_chain_is_refused() {
    check(1_500, |builder| builder.asks(Asks::Queued), false);
}
