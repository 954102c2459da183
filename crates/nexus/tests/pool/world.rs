//! The same pools in virtual time: who waits how long is a number there.

use std::time::Duration;

use nexus::{
    Agent, AskError, CallSpec, Context, Handler, Message, Pool, PoolError, PoolSpec, Routing,
    StrategyName,
};
use nexus_sim::{World, check, seeds};

use crate::support::{Quick, Server, Work, assert_adds_up};

fn pool(world: &World, count: usize, strategy: StrategyName) -> Pool<Server> {
    let spec = PoolSpec::new().optimized(strategy);
    Pool::spawn_in(world.system(), "p", count, spec).expect("the names are free")
}

/// Two members, seven calls of a second each, all at once: nobody idles, nobody
/// passes the line.
#[test]
fn a_central_queue_wastes_no_time() {
    check(seeds(8), |world| {
        let pool = pool(world, 2, StrategyName::CentralQueue);
        let mut tasks = Vec::new();
        for _ in 0..7 {
            let pool = pool.clone();
            let call = async move { pool.ask(Work(1_000), Routing::Optimized).await };
            tasks.push(world.task(call).expect("the world takes tasks"));
            world.run_for(Duration::ZERO);
        }
        let done_at = tasks.into_iter().map(|task| {
            world.block_on(task).expect("it did not panic").expect("it is served").reply
        });
        let done_at: Vec<u64> = done_at.collect();
        assert_eq!(done_at, [1_000, 1_000, 2_000, 2_000, 3_000, 3_000, 4_000]);
        assert_adds_up(&pool.counts());
    });
}

#[test]
fn a_held_call_ends_at_its_deadline_to_the_millisecond() {
    check(seeds(8), |world| {
        let pool = pool(world, 1, StrategyName::CentralQueue);
        let busy = pool.clone();
        let busy = async move { busy.ask(Work(1_000), Routing::Optimized).await };
        let busy = world.task(busy).expect("the world takes tasks");
        world.run_for(Duration::ZERO);
        let call = CallSpec::new(Routing::Optimized).within(Duration::from_millis(300));
        let error = world.block_on(pool.ask(Quick, call)).expect_err("nobody is free");
        let deadline = nexus::Time::from_nanos(300_000_000);
        assert_eq!(error, PoolError::Ask(AskError::Expired { deadline }));
        assert_eq!(world.now(), deadline);

        // What is left of the time after the wait is what the member has.
        let call = CallSpec::new(Routing::Optimized).within(Duration::from_millis(800));
        let error = world.block_on(pool.ask(Work(500), call)).expect_err("too late");
        assert!(matches!(error, PoolError::Ask(AskError::Deadline { .. })), "{error}");
        assert_eq!(world.now().as_nanos(), 1_100_000_000);
        world.block_on(busy).expect("it did not panic").expect("it is served");
    });
}

/// An agent that calls a pool in its handler.
struct Client(Option<Pool<Server>>);

impl Agent for Client {
    const KIND: &'static str = "client";

    /// A client's own deadline, shorter than its calls'.
    const DEADLINE: Duration = Duration::from_millis(500);

    fn new(_key: &str) -> Client {
        Client(None)
    }
}

#[derive(Message)]
#[message(reply = String)]
struct Call;

impl Handler<Call> for Client {
    async fn handle(&mut self, _: Call, cx: &mut Context<Client>) -> String {
        let pool = self.0.as_ref().expect("it was made with one");
        match pool.ask(Quick, Routing::Optimized).await {
            Ok(_) => format!("served at {}", cx.now()),
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn a_handler_that_waits_for_a_member_keeps_its_own_deadline() {
    check(seeds(8), |world| {
        let pool = pool(world, 1, StrategyName::CentralQueue);
        let clients = pool.clone();
        let client = move |_: &str| Client(Some(clients.clone()));
        world.register(nexus::KindSpec::from_fn(client));
        let client = world.spawn::<Client>("c");
        let busy = pool.clone();
        let busy = async move { busy.ask(Work(400), Routing::Optimized).await };
        let busy = world.task(busy).expect("the world takes tasks");
        world.run_for(Duration::ZERO);
        assert_eq!(world.ask(&client, Call).expect("it answers"), "served at 0.400000000s");
        world.block_on(busy).expect("it did not panic").expect("it is served");

        let busy = pool.clone();
        let busy = async move { busy.ask(Work(600), Routing::Optimized).await };
        let busy = world.task(busy).expect("the world takes tasks");
        world.run_for(Duration::ZERO);
        let error = world.ask(&client, Call).expect_err("its own deadline passed");
        assert!(matches!(error, AskError::Deadline { .. }), "{error}");
        assert_eq!(world.now().as_nanos(), 900_000_000);
        world.block_on(busy).expect("it did not panic").expect("it is served");
        world.run_for(Duration::from_secs(1));
        assert_eq!((pool.counts().held, pool.counts().in_flight), (0, 0));
        assert_adds_up(&pool.counts());
    });
}

/// Whoever ends when, the books hold, and the pool is whole again afterwards.
#[test]
fn members_come_and_go_in_any_order() {
    check(seeds(16), |world| {
        for strategy in [StrategyName::LeastConnections, StrategyName::CentralQueue] {
            let spec = PoolSpec::new().optimized(strategy);
            let name = strategy.as_str();
            let pool = Pool::<Server>::spawn_in(world.system(), name, 3, spec);
            let pool = pool.expect("the names are free");
            let tasks: Vec<_> = (0..30)
                .map(|number| {
                    let pool = pool.clone();
                    let call = async move { pool.ask(Work(number), Routing::Optimized).await };
                    world.task(call).expect("the world takes tasks")
                })
                .collect();
            for step in 0..6 {
                world.run_for(Duration::from_millis(11));
                if let Some(member) = world.find::<Server>(&format!("{name}-{}", step % 3)) {
                    member.kill();
                }
            }
            let mut served = 0;
            for task in tasks {
                served += u64::from(world.block_on(task).expect("it did not panic").is_ok());
            }
            world.run_for(Duration::from_secs(1));
            let counts = pool.counts();
            assert_eq!((counts.done, counts.in_flight, counts.held), (served, 0, 0));
            assert!(counts.members.iter().all(|member| member.replaced == 2), "{counts:?}");
            assert_adds_up(&counts);
            pool.stop();
        }
        world.run_until_idle();
        assert_eq!(world.system().agent_count(), 0);
    });
}
