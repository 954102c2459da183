//! An engine: does the work of one server, one job after the other.
//!
//! Its mailbox is the line in which jobs wait; there is no other.

use std::time::Duration;

use nexus::{Agent, Context, Handle, Handler, MailboxSpec, Message, Overflow};
use serde::{Deserialize, Serialize};

use super::job::Job;
use super::pool::LINE_MAX;
use super::server::{Ran, Server};
use crate::demo::speeds::Speed;

/// The agent that works.
pub struct Engine {
    speed: Speed,
    server: Option<Handle<Server>>,
}

impl Engine {
    /// One that works at `speed`.
    pub fn new(speed: Speed) -> Engine {
        Engine { speed, server: None }
    }
}

impl Agent for Engine {
    const KIND: &'static str = "engine";
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(Overflow::Wait).len_max(LINE_MAX);

    fn new(_key: &str) -> Engine {
        Engine::new(Speed::NORMAL)
    }
}

/// Work on this.
#[derive(Clone, Copy, Debug, Message)]
pub struct Run {
    /// What it is.
    pub job: Job,
    /// The server's own mark, given back with the work done.
    pub entry: Entry,
}

/// What a server wants to know again of a job when it is done.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The balancer's ticket.
    pub ticket: u64,
    /// When it came to the server.
    pub at_ns: u64,
    /// How many others it met there.
    pub met: u32,
}

impl Handler<Run> for Engine {
    async fn handle(&mut self, Run { job, entry }: Run, cx: &mut Context<Engine>) {
        let started_ns = cx.now().as_nanos();
        cx.sleep(self.speed.scale(Duration::from_nanos(job.service_ns))).await;
        let server = self.server.get_or_insert_with(|| {
            cx.find(cx.key()).expect("an engine has the server of its own key")
        });
        let ran = Ran { job, entry, started_ns };
        server.tell(ran).await.expect("servers do not stop");
    }
}
