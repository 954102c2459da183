//! Many threads, many tasks, one pool.

use nexus::{
    Agent, AskError, Context, Handler, Message, Node, Pool, PoolError, PoolSpec, Routing,
    StrategyName,
};

use crate::support::*;

const CALLERS: u64 = 4;
const CALLS: u64 = 2_000;

#[test]
fn a_pool_is_shared_by_whoever_holds_it() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Pool<Server>>();
}

/// Callers on threads of their own and callers on the workers, all at once.
fn check_crowd(strategy: StrategyName) {
    let (node, _, pool) = pool(7, PoolSpec::new().optimized(strategy));
    let call = |number: u64| Routing::ALL[number as usize % 4];
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                for number in 0..CALLS {
                    node.block_on(pool.ask(Quick, call(number))).expect("it is served");
                }
            });
        }
        let tasks: Vec<_> = (0..CALLERS)
            .map(|_| {
                let pool = pool.clone();
                let task = node.task(async move {
                    for number in 0..CALLS {
                        pool.ask(Quick, call(number)).await.expect("it is served");
                    }
                });
                task.expect("the node takes tasks")
            })
            .collect();
        for task in tasks {
            node.block_on(task).expect("it did not panic");
        }
    });
    let counts = pool.counts();
    assert_eq!((counts.done, counts.in_flight, counts.held), (2 * CALLERS * CALLS, 0, 0));
    // A worker counts what it handled after the answer is out.
    eventually("all are counted", || counts.done == node.counts()["server"].handled);
    assert_adds_up(&counts);
}

#[test]
fn everybody_in_a_crowd_is_served() {
    in_time(|| StrategyName::ALL.into_iter().for_each(check_crowd));
}

#[test]
fn members_may_come_and_go_meanwhile() {
    in_time(|| {
        let spec = PoolSpec::new().optimized(StrategyName::CentralQueue);
        let (node, _, pool) = pool(4, spec);
        let served = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| scope.spawn(|| (0..CALLS).filter(|_| is_served(&node, &pool)).count()))
                .collect();
            while !callers.iter().all(|caller| caller.is_finished()) {
                for member in 0..4 {
                    if let Some(member) = node.find::<Server>(&format!("p-{member}")) {
                        member.kill();
                    }
                    pool.refill();
                    std::thread::yield_now();
                }
            }
            callers.into_iter().map(|caller| caller.join().expect("no panic")).sum::<usize>()
        });
        let counts = pool.counts();
        assert_eq!((counts.done, counts.in_flight, counts.held), (served as u64, 0, 0));
        assert_adds_up(&counts);
        eventually("the pool is whole again", || {
            pool.refill();
            is_served(&node, &pool) && pool.counts().members.iter().all(|m| m.left_out.is_none())
        });
    });
}

/// Whether a call is served; if not, for a reason there can be.
fn is_served(node: &Node, pool: &Pool<Server>) -> bool {
    match node.block_on(pool.ask(Quick, Routing::Optimized)) {
        Ok(_) => true,
        Err(PoolError::NoMember)
        | Err(PoolError::Ask(AskError::NotRunning | AskError::Stopped { .. })) => false,
        Err(other) => panic!("{other}"),
    }
}

/// A member that asks its own pool.
struct Caller;

impl Agent for Caller {
    const KIND: &'static str = "caller";

    fn new(_key: &str) -> Caller {
        Caller
    }
}

/// Asks `depth` more members, each of which asks the next.
#[derive(Message)]
#[message(reply = Result<u32, String>)]
struct Deeper(u32);

thread_local! {
    static POOL: std::cell::RefCell<Option<Pool<Caller>>> = const { std::cell::RefCell::new(None) };
}

impl Handler<Deeper> for Caller {
    async fn handle(
        &mut self,
        Deeper(depth): Deeper,
        _cx: &mut Context<Caller>,
    ) -> Result<u32, String> {
        if depth == 0 {
            return Ok(0);
        }
        let pool = POOL.with_borrow(|pool| pool.clone().expect("it was set"));
        let served = Box::pin(pool.ask(Deeper(depth - 1), Routing::Optimized)).await;
        served.map_err(|error| error.to_string())?.reply.map(|reached| reached + 1)
    }
}

#[test]
fn members_may_ask_their_own_pool_but_never_themselves() {
    let node = nexus::NodeSpec::new().workers(1).start().expect("one worker can be started");
    let pool = Pool::<Caller>::spawn(&node, "p", 3, PoolSpec::new()).expect("the names are free");
    let inside = pool.clone();
    node.run(async move { POOL.set(Some(inside)) });
    let deeper = |depth| {
        let reply = node.block_on(pool.ask(Deeper(depth), Routing::Optimized));
        reply.expect("it is served").reply
    };
    assert_eq!(deeper(2), Ok(2));
    let error = deeper(3).expect_err("all three are waiting");
    assert!(error.starts_with("asking would wait for itself: caller/p-"), "{error}");
    node.run(async { POOL.set(None) });
}
