//! The outbox gate: nothing a step emits leaves before it may.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus::{
    Agent, AskError, Changed, Context, Gate, Handle, Handler, KindSpec, Message, Outbox, StepOutput,
};
use nexus_sim::{World, check, seeds};

use crate::log::Log;

/// Holds everything until the scenario says what becomes of it.
#[derive(Default)]
struct Held(Mutex<Vec<StepOutput>>);

impl Gate for Held {
    fn hold(&self, output: StepOutput) {
        self.0.lock().expect("nobody panics here").push(output);
    }
}

impl Held {
    fn take(&self) -> Vec<StepOutput> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics here"))
    }
}

struct Safe;

impl Agent for Safe {
    const KIND: &'static str = "safe";
    fn new(_: &str) -> Safe {
        Safe
    }
}

struct Outside(Log);

impl Agent for Outside {
    const KIND: &'static str = "outside";
    fn new(_: &str) -> Outside {
        unreachable!("made by the scenario")
    }
}

#[derive(Message)]
struct Leak(u32);

impl Handler<Leak> for Outside {
    async fn handle(&mut self, Leak(number): Leak, cx: &mut Context<Self>) {
        self.0.push(format!("{number}@{}", cx.now().as_secs_f64()));
    }
}

#[derive(Message)]
#[message(reply = u32)]
struct Emit(u32);

impl Handler<Emit> for Safe {
    async fn handle(&mut self, Emit(number): Emit, cx: &mut Context<Self>) -> u32 {
        let outside = cx.find::<Outside>("one").expect("spawned by the scenario");
        outside.tell(Leak(number)).await.expect("it is held");
        cx.sleep(Duration::from_nanos(cx.random(|rng| rng.below(3)))).await;
        outside.tell(Leak(number + 1)).await.expect("it is held");
        cx.after(Duration::from_secs(5), Later);
        number
    }
}

#[derive(Message)]
struct Later;

impl Handler<Later> for Safe {
    async fn handle(&mut self, _: Later, cx: &mut Context<Self>) {
        let outside = cx.find::<Outside>("one").expect("spawned by the scenario");
        outside.tell(Leak(99)).await.expect("it is held");
    }
}

struct Bank {
    held: Arc<Held>,
    log: Log,
    safe: Handle<Safe>,
}

fn bank(world: &World) -> Bank {
    let (held, log) = (Arc::new(Held::default()), Log::default());
    let of_outside = log.clone();
    world.register(KindSpec::from_fn(move |_| Outside(of_outside.clone())));
    world.register(KindSpec::<Safe>::default().gate(held.clone()));
    world.spawn::<Outside>("one");
    Bank { safe: world.spawn("one"), held, log }
}

fn asked(world: &mut World, bank: &Bank, number: u32) -> nexus::Task<Result<u32, AskError>> {
    let safe = bank.safe.clone();
    let task = world.task(async move { safe.ask(Emit(number)).await });
    world.run_for(Duration::from_secs(1));
    task.expect("the node takes work")
}

#[test]
fn nothing_leaves_until_it_is_let_out() {
    check(seeds(20), |world| {
        let bank = bank(world);
        let answer = asked(world, &bank, 1);
        assert_eq!(bank.log.take(), "");
        let steps = bank.held.take();
        assert_eq!(steps.iter().map(|step| step.outbox.len()).collect::<Vec<_>>(), [4]);
        steps.into_iter().map(|step| step.outbox).for_each(Outbox::release);
        assert_eq!(world.block_on(answer), Ok(Ok(1)));
        world.run_for(Duration::from_secs(1));
        assert_eq!(bank.log.take(), "1@1 2@1");
    });
}

#[test]
fn the_agent_goes_on_meanwhile_and_steps_come_in_order() {
    check(seeds(20), |world| {
        let bank = bank(world);
        let answers = [10, 20].map(|number| asked(world, &bank, number));
        let steps = bank.held.take();
        assert_eq!(steps.len(), 2, "the second ran while the first was held");
        steps.into_iter().map(|step| step.outbox).for_each(Outbox::release);
        for (answer, number) in answers.into_iter().zip([10, 20]) {
            assert_eq!(world.block_on(answer), Ok(Ok(number)));
        }
        world.run_for(Duration::from_secs(1));
        assert_eq!(bank.log.take(), "10@2 11@2 20@2 21@2");
    });
}

#[test]
fn what_is_dropped_never_leaves_and_askers_learn_that_nobody_knows() {
    check(seeds(20), |world| {
        let bank = bank(world);
        let answer = asked(world, &bank, 1);
        drop(bank.held.take());
        let unknown = AskError::Stopped { changed: Changed::Unknown };
        assert_eq!(world.block_on(answer), Ok(Err(unknown)));
        world.run_until_idle();
        assert_eq!(bank.log.take(), "", "no tell and no timer");
    });
}

#[test]
fn timers_are_let_out_too() {
    check(seeds(20), |world| {
        let bank = bank(world);
        let answer = asked(world, &bank, 1);
        bank.held.take().into_iter().map(|step| step.outbox).for_each(Outbox::release);
        world.block_on(answer).expect("the task ends").expect("it is answered");
        world.run_for(Duration::from_secs(10));
        let last = bank.held.take();
        assert_eq!(last.len(), 1, "the timer's message was handled, and is held in turn");
        last.into_iter().map(|step| step.outbox).for_each(Outbox::release);
        world.run_until_idle();
        assert_eq!(bank.log.take(), "1@1 2@1 99@11");
    });
}

/// Tells the number, then asks to have the next one noted.
#[derive(Message)]
struct TellThenAsk(u32);

impl Handler<TellThenAsk> for Safe {
    async fn handle(&mut self, TellThenAsk(number): TellThenAsk, cx: &mut Context<Self>) {
        let outside = cx.find::<Outside>("one").expect("spawned by the scenario");
        outside.tell(Leak(number)).await.expect("it is held");
        outside.ask(Leak(number + 1)).await.expect("it is answered");
    }
}

#[test]
fn an_ask_passes_the_tells_that_are_held() {
    check(seeds(20), |world| {
        let bank = bank(world);
        bank.safe.try_tell(TellThenAsk(1)).expect("there is room");
        world.run_until_idle();
        assert_eq!(bank.log.take(), "2@0");
        bank.held.take().into_iter().map(|step| step.outbox).for_each(Outbox::release);
        world.run_until_idle();
        assert_eq!(bank.log.take(), "1@0");
    });
}

/// Panics when it is asked, and says so when it goes.
struct Doomed(Handle<Outside>);

impl Agent for Doomed {
    const KIND: &'static str = "doomed";
    fn new(_: &str) -> Doomed {
        unreachable!("made by the scenario")
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        self.0.try_tell(Leak(13)).expect("there is room");
    }
}

#[derive(Message)]
struct Die;

impl Handler<Die> for Doomed {
    async fn handle(&mut self, _: Die, _: &mut Context<Self>) {
        panic!("as the test wants it");
    }
}

#[derive(Message)]
struct HaveItDie;

impl Handler<HaveItDie> for Safe {
    async fn handle(&mut self, _: HaveItDie, cx: &mut Context<Self>) {
        let doomed = cx.find::<Doomed>("one").expect("spawned by the scenario");
        doomed.ask(Die).await.expect_err("it panics");
    }
}

#[test]
fn what_another_says_in_its_end_is_not_held() {
    check(seeds(40), |world| {
        let log = Log::default();
        let of_outside = log.clone();
        world.register(KindSpec::from_fn(move |_| Outside(of_outside.clone())));
        let outside = world.spawn::<Outside>("one");
        let held = Arc::new(Held::default());
        world.register(KindSpec::<Safe>::default().gate(held.clone()));
        world.register(KindSpec::from_fn(move |_| Doomed(outside.clone())));
        world.spawn::<Doomed>("one");
        let safe = world.spawn::<Safe>("one");
        world.tell(&safe, HaveItDie).expect("there is room");
        world.run_until_idle();
        assert!(held.take().is_empty(), "the step itself emitted nothing");
        assert_eq!(log.take(), "13@0");
    });
}
