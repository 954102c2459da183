//! Two nodes in one process: neither takes the other's workers, clock or books
//! for its own.

use std::sync::{Arc, Mutex};

use nexus::{Agent, AskError, Context, Handle, Handler, KindSpec, Message, Node};

use crate::support::{
    Echo, Nap, Probe, assert_alive, assert_balanced, eventually, lock, ms, note, now, probe,
    probes, start, test,
};

/// Asks and tells a probe of another node.
struct Envoy {
    abroad: Arc<Mutex<Option<Handle<Probe>>>>,
}

impl Agent for Envoy {
    const KIND: &'static str = "envoy";

    fn new(_key: &str) -> Envoy {
        unreachable!("made by its kind's constructor")
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Travel(u64);

impl Handler<Travel> for Envoy {
    async fn handle(&mut self, Travel(number): Travel, _cx: &mut Context<Envoy>) -> u64 {
        let probe = lock(&self.abroad).clone().expect("it was told where to go");
        probe.tell(note(number)).await.expect("there is room");
        probe.ask(Echo(number)).within(ms(5_000)).await.expect("it answers")
    }
}

fn envoys(node: &Node, count: usize, abroad: &Handle<Probe>) -> Vec<Handle<Envoy>> {
    let abroad = Arc::new(Mutex::new(Some(abroad.clone())));
    let spec = KindSpec::from_fn(move |_| Envoy { abroad: abroad.clone() });
    node.register(spec).expect("nobody else has the kind");
    (0..count).map(|number| node.spawn(&number.to_string()).expect("the key is free")).collect()
}

#[test]
fn agents_of_one_ask_those_of_another() {
    test(|| {
        // Of different sizes and ages, so that neither counters nor clocks fit.
        for (home_workers, abroad_workers) in [(4, 1), (1, 4)] {
            let abroad = start(abroad_workers);
            probes(&abroad);
            let target = probe(&abroad, "p");
            let until = now() + ms(50);
            while now() < until {
                assert_alive(&abroad);
            }
            let home = start(home_workers);
            let tasks: Vec<_> = envoys(&home, 20, &target)
                .into_iter()
                .map(|envoy| home.task(async move { envoy.ask(Travel(3)).await }))
                .collect();
            for task in tasks {
                assert_eq!(home.block_on(task.expect("it is running")), Ok(Ok(3)));
            }
            assert_balanced(&abroad, "probe");
            let counts = abroad.counts()["probe"];
            assert_eq!((counts.handled, counts.in_place), (40, 0), "in place is for one's own");
            assert_balanced(&home, "envoy");
        }
    });
}

#[test]
fn books_stay_exact_when_workers_of_both_send() {
    test(|| {
        const ASKS: u64 = 20_000;
        let (one, other) = (start(2), start(2));
        probes(&one);
        let target = probe(&one, "p");
        let asks = |node: &Node| {
            let target = target.clone();
            node.task(async move {
                let mut answered = 0;
                for number in 0..ASKS {
                    answered += u64::from(target.ask(Echo(number)).await == Ok(number));
                }
                answered
            })
        };
        let tasks = [asks(&one), asks(&other)].map(|task| task.expect("it is running"));
        for task in tasks {
            assert_eq!(one.block_on(task), Ok(ASKS));
        }
        assert_balanced(&one, "probe");
        assert_eq!(one.counts()["probe"].handled, 2 * ASKS);
    });
}

#[test]
fn a_deadline_is_of_the_clock_of_whoever_is_asked() {
    test(|| {
        let old = start(1);
        let shared = probes(&old);
        let target = probe(&old, "p");
        let until = now() + ms(60);
        while now() < until {
            assert_alive(&old);
        }
        let young = start(1);
        let ask = |within| {
            let target = target.clone();
            young.run(async move { target.ask(Nap(10)).within(ms(within)).await })
        };
        assert_eq!(ask(5_000), Ok(10), "not expired on arrival by the older clock");
        let short = ask(1);
        assert!(matches!(short, Err(AskError::Deadline { .. } | AskError::Expired { .. })));
        drop(shared);
    });
}

#[test]
fn the_end_of_one_is_a_clear_error_for_the_other() {
    test(|| {
        let (home, abroad) = (start(1), start(1));
        let shared = probes(&abroad);
        let target = probe(&abroad, "p");
        let asker = target.clone();
        let asking = home.task(async move { asker.ask(crate::support::Never).await });
        let asking = asking.expect("it is running");
        shared.wait_for("never p");
        let shutdown = abroad.shutdown(ms(10));
        assert_eq!(shutdown.cut_short, ["probe/p: suspended"]);
        assert!(matches!(home.block_on(asking), Ok(Err(AskError::Stopped { .. }))));
        let ask = home.run(async move { target.ask(Echo(1)).await });
        assert_eq!(ask, Err(AskError::ShuttingDown));
        assert_alive(&home);
    });
}

#[test]
fn monitors_reach_across() {
    test(|| {
        let (home, abroad) = (start(1), start(1));
        probes(&abroad);
        let shared = probes(&home);
        let target = probe(&abroad, "p");
        let keeper = probe(&home, "k");
        target.on_down(move |down| {
            keeper.try_tell(note(format!("told of {}", down.agent))).expect("there is room");
        });
        abroad.shutdown(ms(1_000));
        shared.wait_for("told of probe/p");
        eventually("it still works", || home.block_on(async { true }));
        assert_alive(&home);
    });
}
