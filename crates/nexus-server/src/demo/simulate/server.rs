//! A server as the balancer meets it: takes jobs in, answers for its engine,
//! says how it is.
//!
//! It is an agent of its own because an engine answers nobody while it works,
//! and a probe that waits in line behind the work says nothing.

use std::time::Duration;

use nexus::{Agent, Context, Handle, Handler, MailboxSpec, Message, Overflow, Time};
use nexus_coord::balance::{Meter, Report, ReportCause, Utilisation};
use serde::{Deserialize, Serialize};

use super::balancer::{Balance, Finished, Probed};
use super::engine::{Engine, Entry, Run};
use super::job::Job;
use super::pool::LINE_MAX;

/// Context tokens that fill a server's memory. A guess: what a model of seven
/// billion parameters has room for on a card of 40 GB.
const TOKENS_MAX: f64 = 65_536.0;

/// The agent in front of an engine.
pub struct Server {
    number: u32,
    balancer: Handle<Balance>,
    engine: Option<Handle<Engine>>,
    meter: Meter,
    /// Context tokens of the jobs that are here.
    tokens: u64,
}

impl Server {
    /// The server called `key`, which is its number in the pool.
    pub fn new(key: &str, balancer: Handle<Balance>) -> Server {
        let number = key.parse().expect("servers are numbered");
        Server { number, balancer, engine: None, meter: Meter::default(), tokens: 0 }
    }

    /// How it is. What one more request would take is the costly part, and only
    /// who probes asks for it.
    fn account(&self, at: Time, probed: bool) -> Account {
        let memory = (self.tokens as f64 / TOKENS_MAX).min(1.0);
        let latency = if probed { self.meter.latency() } else { None };
        Account {
            at_ns: at.as_nanos(),
            in_flight: self.meter.in_flight(),
            latency_ns: latency.map(|latency| latency.as_nanos() as u64),
            memory,
        }
    }
}

impl Agent for Server {
    const KIND: &'static str = "server";
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(Overflow::Wait).len_max(LINE_MAX);

    fn new(_key: &str) -> Server {
        unreachable!("a pool says how its servers are made")
    }
}

/// What a server says of itself: all a strategy can learn of it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Account {
    at_ns: u64,
    in_flight: u32,
    latency_ns: Option<u64>,
    memory: f64,
}

impl Account {
    /// The same for a strategy.
    pub fn report(&self, cause: ReportCause) -> Report {
        Report {
            at: Time::from_nanos(self.at_ns),
            cause,
            in_flight: self.in_flight,
            latency: self.latency_ns.map(Duration::from_nanos),
            cpu: None,
            memory: Utilisation::new(self.memory).ok(),
        }
    }
}

/// Take this job.
#[derive(Clone, Copy, Debug, Message)]
pub struct Serve {
    /// What it is.
    pub job: Job,
    /// What the balancer wants to have back with the answer.
    pub ticket: u64,
}

impl Handler<Serve> for Server {
    async fn handle(&mut self, Serve { job, ticket }: Serve, cx: &mut Context<Server>) {
        self.tokens += u64::from(job.context_tokens);
        let met = self.meter.handle_arrived();
        let entry = Entry { ticket, at_ns: cx.now().as_nanos(), met };
        let engine = self.engine.get_or_insert_with(|| {
            cx.find(cx.key()).expect("a server has the engine of its own key")
        });
        engine.tell(Run { job, entry }).await.expect("engines do not stop");
    }
}

/// The engine has done this job.
#[derive(Clone, Copy, Debug, Message)]
pub struct Ran {
    /// What it was.
    pub job: Job,
    /// What the server noted when it came.
    pub entry: Entry,
    /// When the engine began.
    pub started_ns: u64,
    /// Whether it did it, or found that the deadline had passed.
    pub is_served: bool,
}

impl Handler<Ran> for Server {
    async fn handle(&mut self, ran: Ran, cx: &mut Context<Server>) {
        let Ran { job, entry, started_ns, is_served } = ran;
        self.tokens -= u64::from(job.context_tokens);
        let now_ns = cx.now().as_nanos();
        let response_ns = now_ns - entry.at_ns;
        self.meter.handle_finished(entry.met, Duration::from_nanos(response_ns));
        let finished = Finished {
            number: job.number,
            ticket: entry.ticket,
            server: self.number,
            started_ns,
            is_served,
            response_ns,
            account: self.account(cx.now(), false),
        };
        self.balancer.tell(finished).await.expect("the balancer does not stop");
    }
}

/// How are you?
#[derive(Clone, Copy, Debug, Message)]
pub struct Probe;

impl Handler<Probe> for Server {
    async fn handle(&mut self, _: Probe, cx: &mut Context<Server>) {
        let probed = Probed { server: self.number, account: self.account(cx.now(), true) };
        self.balancer.tell(probed).await.expect("the balancer does not stop");
    }
}
