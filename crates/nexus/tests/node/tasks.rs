//! Futures that run on the workers.

use std::sync::Arc;

use nexus::{Agent, AskError, Changed, Context, EventName, Handle, Handler, Message, SpawnError};

use crate::support::{
    Echo, Probe, Woken, assert_alive, err, eventually, ms, probe, probes, start, test,
};

#[test]
fn a_task_is_awaited_from_anywhere() {
    test(|| {
        let node = start(2);
        probes(&node);
        let probe = probe(&node, "p");
        let asker = probe.clone();
        let inner = node.task(async move { asker.ask(Echo(20)).await }).expect("it is running");
        let outer = node.task(async move { inner.await? }).expect("it is running");
        assert_eq!(node.block_on(outer), Ok(Ok(20)));
        assert_eq!(node.run(async { 22 }), 22);
        eventually("they are gone", || node.counts()["nexus.task"].agents() == 0);
    });
}

#[test]
fn a_task_that_is_cancelled_drops_its_future() {
    test(|| {
        let node = start(1);
        let held = Arc::new(());
        let inner = held.clone();
        let task = node.task(async move {
            std::future::pending::<()>().await;
            drop(inner);
        });
        let task = task.expect("it is running");
        task.cancel();
        let error = err(node.block_on(task));
        assert_eq!(error, AskError::Stopped { changed: Changed::Unknown });
        eventually("what it held is dropped", || Arc::strong_count(&held) == 1);
        assert_alive(&node);
    });
}

#[test]
fn a_task_that_panics_says_so_and_is_not_restarted() {
    test(|| {
        let node = start(1);
        let task = node.task(async { assert!(node_is_up(), "the node is down") });
        let error = err(node.block_on(task.expect("it is running")));
        let text = "agent crashed while handling: panic in handler: the node is down; \
                    it may have run in part";
        assert_eq!(error.to_string(), text);
        eventually("it is gone", || node.counts()["nexus.task"].agents() == 0);
        let counts = node.counts()["nexus.task"];
        assert_eq!((counts.crashed, counts.restarted), (1, 0));
        assert!(node.events().iter().any(|event| event.name == EventName::AgentCrashed));
        assert_alive(&node);
    });
}

fn node_is_up() -> bool {
    false
}

#[test]
fn a_task_nobody_awaits_runs_on() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let inner = shared.clone();
        drop(node.task(async move {
            tokio::time::sleep(ms(1)).await;
            inner.note("done");
        }));
        shared.wait_for("done");
    });
}

#[test]
fn a_task_that_never_ends_is_cut_short_by_shutdown() {
    test(|| {
        let node = start(1);
        let mut task = node.task(std::future::pending::<()>()).expect("it is running");
        let woken = Arc::new(Woken::default());
        assert!(woken.poll(&mut task).is_pending());
        let system = node.system().clone();
        let shutdown = node.shutdown(ms(20));
        assert_eq!(shutdown.cut_short, ["nexus.task/0: suspended"]);
        assert!(woken.is(), "whoever awaits it is told");
        let answer = woken.poll(&mut task);
        let stopped = Err(AskError::Stopped { changed: Changed::Unknown });
        assert_eq!(answer, std::task::Poll::Ready(stopped));
        assert!(matches!(system.task(async {}).map(drop), Err(SpawnError::ShuttingDown)));
    });
}

#[test]
fn shutdown_waits_for_tasks() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let inner = shared.clone();
        drop(node.task(async move {
            tokio::time::sleep(ms(30)).await;
            inner.note("done");
        }));
        let shutdown = node.shutdown(ms(5_000));
        assert!(shutdown.drained && shared.has("done"), "{shutdown:?}");
    });
}

/// Has the name of the kind of tasks, but is none.
struct Namesake;

impl Agent for Namesake {
    const KIND: &'static str = "nexus.task";

    fn new(_key: &str) -> Namesake {
        Namesake
    }
}

impl Handler<Echo> for Namesake {
    async fn handle(&mut self, Echo(number): Echo, _cx: &mut Context<Namesake>) -> u64 {
        assert!(number > 0, "zero");
        number
    }
}

#[test]
fn an_agent_of_a_kind_called_like_that_of_tasks_is_no_task() {
    test(|| {
        let node = start(1);
        let namesake: Handle<Namesake> = node.spawn("0").expect("the key is free");
        assert!(node.block_on(namesake.ask(Echo(0))).is_err());
        assert_eq!(node.block_on(namesake.ask(Echo(1))), Ok(1), "it is made afresh");
        namesake.stop();
        eventually("its name is free", || node.find::<Namesake>("0").is_none());
    });
}

tokio::task_local! {
    static CALLER: &'static str;
}

/// Answers with what it sees of its asker's surroundings.
#[derive(Message)]
#[message(reply = String)]
struct WhoCalls;

impl Handler<WhoCalls> for Probe {
    async fn handle(&mut self, _: WhoCalls, _cx: &mut Context<Probe>) -> String {
        CALLER.try_with(|caller| (*caller).to_owned()).unwrap_or_default()
    }
}

#[test]
fn a_queued_ask_leaves_the_task_locals_of_the_asker_behind() {
    test(|| {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        let asking = CALLER.scope("me", async move {
            let in_place = probe.ask(WhoCalls).await.expect("it runs");
            (in_place, probe.ask(WhoCalls).queued().await.expect("it runs"))
        });
        assert_eq!(node.run(asking), ("me".to_owned(), String::new()));
    });
}
