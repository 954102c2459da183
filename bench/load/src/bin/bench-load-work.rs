//! A node whose agents take time, for the overload case: three kinds, one for
//! each way in which a handler can take it.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use nexus::prelude::*;
use nexus::{Accepts, Execution, Server, Settings};

/// How long one request takes. Long against what the port itself costs (some
/// 15 µs), so that the agents are what is scarce, and short enough for thousands
/// of answers in a run.
const WORK: Duration = Duration::from_millis(1);

/// Asks an agent to do its work once.
#[derive(Message)]
#[message(name = "Work", reply = ())]
struct Work;

/// Waits, as for a disk or another machine: neither worker nor CPU is held.
struct Wait;

impl Agent for Wait {
    const KIND: &'static str = "wait";

    fn new(_key: &str) -> Self {
        Wait
    }

    fn accepts(kind: &mut Accepts<Self>) {
        kind.message::<Work>();
    }
}

impl Handler<Work> for Wait {
    async fn handle(&mut self, _: Work, cx: &mut Context<Self>) {
        cx.sleep(WORK).await;
    }
}

/// Computes: a worker and its CPU are held, those that serve the port as well.
struct Spin;

impl Agent for Spin {
    const KIND: &'static str = "spin";

    fn new(_key: &str) -> Self {
        Spin
    }

    fn accepts(kind: &mut Accepts<Self>) {
        kind.message::<Work>();
    }
}

impl Handler<Work> for Spin {
    #[allow(clippy::disallowed_methods, reason = "work that is measured in real time")]
    async fn handle(&mut self, _: Work, _: &mut Context<Self>) {
        let begun = Instant::now();
        while begun.elapsed() < WORK {
            spin_loop();
        }
    }
}

/// Blocks a thread of its own, as a library without futures does.
struct Block;

impl Agent for Block {
    const KIND: &'static str = "block";
    const EXECUTION: Execution = Execution::Blocking;

    fn new(_key: &str) -> Self {
        Block
    }

    fn accepts(kind: &mut Accepts<Self>) {
        kind.message::<Work>();
    }
}

impl Handler<Work> for Block {
    #[allow(clippy::disallowed_methods, reason = "this kind is there to block")]
    async fn handle(&mut self, _: Work, _: &mut Context<Self>) {
        std::thread::sleep(WORK);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::load(None, std::env::vars_os())?;
    let server = Server::new().settings(settings).kind::<Wait>().kind::<Spin>().kind::<Block>();
    Ok(server.run()?)
}
