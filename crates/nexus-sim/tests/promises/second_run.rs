//! The checker checked: a run that depends on more than its seed is caught.

use nexus::{Agent, Context, Handler, Message};
use nexus_sim::{Check, World, check};

struct Leaky;

impl Agent for Leaky {
    const KIND: &'static str = "leaky";
    fn new(_: &str) -> Leaky {
        Leaky
    }
}

#[derive(Message)]
#[message(reply = u32)]
struct Number(u32);

impl Handler<Number> for Leaky {
    async fn handle(&mut self, Number(number): Number, _: &mut Context<Self>) -> u32 {
        number
    }
}

/// Sends itself what it should not know.
#[derive(Message)]
struct LeakProcess;

impl Handler<LeakProcess> for Leaky {
    async fn handle(&mut self, _: LeakProcess, cx: &mut Context<Self>) {
        cx.me().tell(Number(std::process::id())).await.expect("there is room");
    }
}

/// To whom it sends first depends on the process, as it would on an address.
#[derive(Message)]
struct LeakOrder;

impl Handler<LeakOrder> for Leaky {
    async fn handle(&mut self, _: LeakOrder, cx: &mut Context<Self>) {
        let mut names: Vec<u32> = (0..16).collect();
        names.sort_by_key(|name| (name ^ std::process::id()).wrapping_mul(0x9E37_79B9));
        for name in names {
            let other = cx.find::<Leaky>(&name.to_string()).expect("spawned by the scenario");
            other.tell(Number(0)).await.expect("there is room");
        }
    }
}

fn warm_up(world: &mut World) {
    let leaky = world.spawn::<Leaky>("one");
    for number in 0..10 {
        assert_eq!(world.ask(&leaky, Number(number)), Ok(number));
    }
}

#[test]
#[should_panic(expected = "is the first that differs")]
fn a_process_id_in_a_message_is_caught() {
    check([1], |world| {
        warm_up(world);
        let leaky = world.find::<Leaky>("one").expect("just spawned");
        world.tell(&leaky, LeakProcess).expect("there is room");
        world.run_until_idle();
    });
}

#[test]
#[should_panic(expected = "second run: 0.000000000s leaky/")]
fn an_order_that_depends_on_the_process_is_caught() {
    check([1], |world| {
        warm_up(world);
        (0..16).for_each(|name| drop(world.spawn::<Leaky>(&name.to_string())));
        let leaky = world.find::<Leaky>("0").expect("just spawned");
        world.tell(&leaky, LeakOrder).expect("there is room");
        world.run_until_idle();
    });
}

#[test]
#[should_panic(expected = "is answered with")]
fn an_answer_that_depends_on_the_process_is_caught() {
    check([1], |world| {
        warm_up(world);
        let leaky = world.find::<Leaky>("one").expect("just spawned");
        // What the test itself sends would be caught as what it handles, so
        // the number comes in by the back door.
        let number = world.block_on(async move { leaky.ask(Number(7)).await });
        assert_eq!(number, Ok(7));
        struct Secret;
        impl Agent for Secret {
            const KIND: &'static str = "secret";
            fn new(_: &str) -> Secret {
                Secret
            }
        }
        impl Handler<Number> for Secret {
            async fn handle(&mut self, _: Number, _: &mut Context<Self>) -> u32 {
                std::process::id()
            }
        }
        let secret = world.spawn::<Secret>("one");
        world.ask(&secret, Number(0)).expect("it is there");
    });
}

#[test]
#[should_panic(expected = "the second run panicked: only the first process passes")]
fn a_panic_in_the_second_run_only_is_caught() {
    let first = std::env::var_os("NEXUS_SIM_SECOND_RUN").is_none();
    check([1], move |world| {
        warm_up(world);
        assert!(first, "only the first process passes");
    });
}

#[test]
fn only_the_seed_that_differs_is_told_and_checks_in_a_row_are_kept_apart() {
    for _ in 0..3 {
        check(1..=4, warm_up);
    }
    Check::over(1..=4).world(|builder| builder.fast()).run(warm_up);
    Check::over([1]).once().run(|world| {
        let leaky = world.spawn::<Leaky>("one");
        world.tell(&leaky, LeakProcess).expect("there is room");
        world.run_until_idle();
    });
}

#[test]
fn a_seed_names_a_run_and_every_chance_in_it() {
    let run = |seed| {
        let mut world = World::new(seed);
        warm_up(&mut world);
        world.trace_hash()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
