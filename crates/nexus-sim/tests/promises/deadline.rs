//! Deadlines: every ask ends, and says whether its handler may have run.

use std::time::Duration;

use nexus::{Agent, AskError, Changed, Context, Handler, KindSpec, Message};
use nexus_base::Time;
use nexus_sim::{World, check, seeds};

use crate::log::Log;

struct Clerk(Log);

impl Agent for Clerk {
    const KIND: &'static str = "clerk";
    const DEADLINE: Duration = Duration::from_secs(10);
    fn new(_: &str) -> Clerk {
        unreachable!("made by the scenario")
    }
}

/// Work this many seconds.
#[derive(Message)]
struct Work(u64);

impl Handler<Work> for Clerk {
    async fn handle(&mut self, Work(seconds): Work, cx: &mut Context<Self>) {
        self.0.push("begun");
        cx.sleep(Duration::from_secs(seconds)).await;
        self.0.push("done");
    }
}

/// Have the clerk of that name work, but not longer than this.
#[derive(Message)]
#[message(reply = Result<(), String>)]
struct Pass(String, u64);

impl Handler<Pass> for Clerk {
    async fn handle(
        &mut self,
        Pass(to, seconds): Pass,
        cx: &mut Context<Self>,
    ) -> Result<(), String> {
        let clerk = cx.find::<Clerk>(&to).expect("spawned by the scenario");
        let answer = clerk.ask(Work(seconds)).await.map_err(|error| error.to_string());
        self.0.push(format!("after {}", cx.now().as_secs_f64()));
        answer
    }
}

fn office(world: &World) -> Log {
    let log = Log::default();
    let of_clerk = log.clone();
    world.register(KindSpec::from_fn(move |_| Clerk(of_clerk.clone())));
    log
}

fn second(number: u64) -> Time {
    Time::from_nanos(number * 1_000_000_000)
}

#[test]
fn passed_before_the_handler_started_nothing_changed() {
    check(seeds(20), |world| {
        let log = office(world);
        let clerk = world.spawn::<Clerk>("one");
        world.tell(&clerk, Work(60)).expect("there is room");
        world.run_for(Duration::ZERO);
        let answer = world.ask(&clerk, Work(0));
        assert_eq!(answer, Err(AskError::Expired { deadline: second(10) }));
        assert_eq!(answer.map_err(|error| error.changed()), Err(Changed::No));
        assert_eq!(world.now(), second(10));
        world.run_until_idle();
        assert_eq!(log.take(), "begun done", "the late one was never begun");
        assert_eq!(world.system().counts()["clerk"].dropped, 1);
    });
}

#[test]
fn passed_later_it_may_have_run() {
    check(seeds(20), |world| {
        let log = office(world);
        let clerk = world.spawn::<Clerk>("one");
        let answer = world.ask(&clerk, Work(60));
        assert_eq!(answer, Err(AskError::Deadline { deadline: second(10) }));
        assert_eq!(answer.map_err(|error| error.changed()), Err(Changed::Unknown));
        world.run_until_idle();
        assert_eq!((log.take().as_str(), world.now()), ("begun done", second(60)));
    });
}

#[test]
fn a_shorter_one_can_be_given() {
    check(seeds(20), |world| {
        office(world);
        let clerk = world.spawn::<Clerk>("one");
        let ask = clerk.ask(Work(60)).within(Duration::from_secs(3));
        assert_eq!(world.block_on(ask), Err(AskError::Deadline { deadline: second(3) }));
        let ask = clerk.ask(Work(0)).within(Duration::ZERO);
        assert_eq!(world.block_on(ask), Err(AskError::Expired { deadline: second(3) }));
    });
}

#[test]
fn an_ask_inside_a_handler_has_no_longer_than_the_handler() {
    check(seeds(20), |world| {
        let log = office(world);
        let [boss, _] = ["boss", "clerk"].map(|name| world.spawn::<Clerk>(name));
        let pass = Pass("clerk".to_owned(), 60);
        let answer = world.block_on(boss.ask(pass).within(Duration::from_secs(4)));
        assert_eq!(answer, Err(AskError::Deadline { deadline: second(4) }));
        world.run_until_idle();
        assert_eq!(log.take(), "begun after 4 done");
    });
}
