//! An engine: does the work of one server, one job after the other.
//!
//! Its mailbox is the line in which jobs wait; there is no other.

use std::sync::Arc;
use std::time::Duration;

use nexus::{Agent, Context, Handle, Handler, MailboxSpec, Message, Overflow};
use nexus_intel::proactive::BlockCache;
use serde::{Deserialize, Serialize};

use super::contexts::Contexts;
use super::job::Job;
use super::pool::LINE_MAX;
use super::server::{Ran, Server};
use crate::demo::speeds::{Speed, SpeedPlan};
use crate::demo::work;

/// The agent that works.
pub struct Engine {
    speed: SpeedPlan,
    /// The blocks of context that it keeps, if it keeps any.
    kept: Option<Kept>,
    server: Option<Handle<Server>>,
}

impl Engine {
    /// One that works at `speed` and keeps blocks of these contexts, if of any.
    pub fn new(speed: SpeedPlan, contexts: Option<&Arc<Contexts>>) -> Engine {
        Engine { speed, kept: contexts.map(Kept::new), server: None }
    }

    /// How long `job` occupies a server of speed 1: nothing for blocks it keeps.
    fn service(&mut self, job: &Job) -> Duration {
        let service = Duration::from_nanos(job.service_ns);
        let Some(kept) = &mut self.kept else { return service };
        service.saturating_sub(kept.spares(job))
    }
}

/// What an engine keeps of the contexts it has read.
struct Kept {
    contexts: Arc<Contexts>,
    cache: BlockCache,
}

impl Kept {
    fn new(contexts: &Arc<Contexts>) -> Kept {
        Kept { contexts: contexts.clone(), cache: BlockCache::new(contexts.kept_max) }
    }

    /// Reads the context of `job`: the time it spares that some is there already.
    fn spares(&mut self, job: &Job) -> Duration {
        let known = self.cache.read(&self.contexts.blocks[job.number as usize]) as u32;
        let tokens = known.saturating_mul(self.contexts.block_tokens).min(job.context_tokens);
        work::reading(tokens)
    }
}

impl Agent for Engine {
    const KIND: &'static str = "engine";
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(Overflow::Wait).len_max(LINE_MAX);

    fn new(_key: &str) -> Engine {
        Engine::new(Speed::NORMAL.into(), None)
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
        let now = cx.now();
        let started_ns = now.as_nanos();
        let is_served = started_ns <= job.deadline_ns;
        if is_served {
            let service = self.service(&job);
            cx.sleep(self.speed.takes(now, service)).await;
        }
        let server = self.server.get_or_insert_with(|| {
            cx.find(cx.key()).expect("an engine has the server of its own key")
        });
        let ran = Ran { job, entry, started_ns, is_served };
        server.tell(ran).await.expect("servers do not stop");
    }
}
