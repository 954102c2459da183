//! A counter that crashes on demand, and what becomes of it and of its mail.
//!
//! `cargo run --release --example supervised_counter`
//!
//! Panics are printed on standard error as always; here they are meant.

use std::time::Duration;

use nexus::prelude::*;
use nexus::{Down, Intensity, Strategy, SupervisorSpec};

struct Counter(u64);

impl Agent for Counter {
    const KIND: &'static str = "counter";
    fn new(_key: &str) -> Self {
        Counter(0)
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Add(u64);

impl Handler<Add> for Counter {
    async fn handle(&mut self, Add(by): Add, _cx: &mut Context<Self>) -> u64 {
        self.0 += by;
        self.0
    }
}

/// Has the counter panic.
#[derive(Message)]
struct Overflow;

impl Handler<Overflow> for Counter {
    async fn handle(&mut self, _: Overflow, cx: &mut Context<Self>) {
        panic!("{} is full", cx.key());
    }
}

/// Has the counter stop with mail left in its box.
#[derive(Message)]
struct LeaveInAHurry;

impl Handler<LeaveInAHurry> for Counter {
    async fn handle(&mut self, _: LeaveInAHurry, cx: &mut Context<Self>) {
        for by in 1..=3 {
            // Taken now, but the stop below comes before their turn.
            cx.me().try_tell(Add(by)).expect("a mailbox of 1,024 has room for three");
        }
        cx.stop();
    }
}

/// Watches a counter and keeps what it hears.
struct Watcher {
    heard: Option<String>,
}

impl Agent for Watcher {
    const KIND: &'static str = "watcher";
    fn new(_key: &str) -> Self {
        Watcher { heard: None }
    }
}

#[derive(Message)]
struct Watch {
    key: String,
}

impl Handler<Watch> for Watcher {
    async fn handle(&mut self, Watch { key }: Watch, cx: &mut Context<Self>) {
        let counter = cx.find::<Counter>(&key).expect("it was spawned before we were asked");
        cx.monitor(&counter);
    }
}

impl Handler<Down> for Watcher {
    async fn handle(&mut self, down: Down, _cx: &mut Context<Self>) {
        self.heard = Some(format!("{} is down: {}", down.agent, down.reason));
    }
}

#[derive(Message)]
#[message(reply = Option<String>)]
struct Heard;

impl Handler<Heard> for Watcher {
    async fn handle(&mut self, _: Heard, _cx: &mut Context<Self>) -> Option<String> {
        self.heard.clone()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::start()?;
    let spec = SupervisorSpec {
        name: "counters".to_owned(),
        strategy: Strategy::OneForOne,
        intensity: Intensity { restarts_max: 2, within: Duration::from_secs(60) },
    };
    let counters = node.supervisor(None, spec)?;
    let clicks = node.spawn_under::<Counter>(counters, "clicks")?;
    let views = node.spawn_under::<Counter>(counters, "views")?;
    let watcher = node.spawn::<Watcher>("tower")?;

    node.block_on(async {
        watcher.ask(Watch { key: "clicks".to_owned() }).await?;
        println!("clicks {}, views {}", clicks.ask(Add(3)).await?, views.ask(Add(5)).await?);

        // A crash is told to whoever asked: the handler may have run in part.
        let error = clicks.ask(Overflow).await.expect_err("it panics");
        println!("\nasked: {error} (changed: {:?})", error.changed());

        // One for one: the other counter has kept its state. The handle still works.
        let (a, b) = (clicks.ask(Add(1)).await?, views.ask(Add(1)).await?);
        println!("clicks {a} after restart {}, views {b}", clicks.epoch());

        // Two restarts a minute are allowed. With the third crash the decision goes up
        // to the node's own supervisor, which starts all counters anew.
        for _ in 0..2 {
            let _ = clicks.ask(Overflow).await;
        }
        let (a, b) = (clicks.ask(Add(0)).await?, views.ask(Add(0)).await?);
        println!("clicks {a}, views {b} after {} and {} restarts", clicks.epoch(), views.epoch());

        // Mail that an agent leaves behind is kept for looking at, and counted.
        clicks.ask(LeaveInAHurry).await?;
        let heard = loop {
            if let Some(heard) = watcher.ask(Heard).await? {
                break heard;
            }
        };
        println!("\nwatcher: {heard}");
        let error = clicks.tell(Add(1)).await.expect_err("it is gone");
        println!("told: {error}");
        Ok::<(), nexus::AskError>(())
    })?;

    for letter in node.dead_letters() {
        println!("dead letter: {} to {}, {}", letter.message, letter.to, letter.reason);
    }
    for event in node.events() {
        println!("event: {} {} {}", event.name, event.agent, event.detail);
    }

    let counts = node.counts()["counter"];
    println!(
        "\n{} accepted = {} handled + {} dropped + {} dead + {} queued",
        counts.accepted,
        counts.handled,
        counts.dropped,
        counts.dead,
        counts.queued()
    );
    assert_eq!(counts.queued(), 0, "nothing waits, so nothing is unaccounted for");
    println!(
        "{} refused, {} crashes, {} restarts",
        counts.refused, counts.crashed, counts.restarted
    );

    let end = node.shutdown(Duration::from_secs(5));
    println!("drained: {}", end.drained);
    Ok(())
}
