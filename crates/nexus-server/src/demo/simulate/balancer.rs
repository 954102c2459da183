//! The agent in front of the pool: every request comes to it, and every answer.
//!
//! Choosing is `nexus_coord`'s; here are only the messages that go with it.

use nexus::{Agent, Context, Handle, Handler, MailboxSpec, Message, Overflow};
use nexus_base::{FixedMap, Rng};
use nexus_coord::balance::{
    Arrival, Balancer, Effect, Outcome, Placement, ReportCause, ServerId, Ticket,
};

use super::job::{Answer, Job};
use super::pool::LINE_MAX;
use super::server::{Account, Probe, Serve, Server};
use super::stopwatch::Stopwatch;

/// The agent that balances.
pub struct Balance {
    balancer: Balancer,
    rng: Rng,
    servers: Vec<(ServerId, Handle<Server>)>,
    /// Jobs that came and are not answered, by ticket.
    open: FixedMap<u64, Open>,
    answers: Vec<Answer>,
    stopwatch: Stopwatch,
}

struct Open {
    job: Job,
    arrived_ns: u64,
}

impl Balance {
    /// One without servers, that draws from `rng`.
    pub fn new(balancer: Balancer, rng: Rng, stopwatch: Stopwatch) -> Balance {
        Balance {
            balancer,
            rng,
            servers: Vec::new(),
            open: FixedMap::default(),
            answers: Vec::new(),
            stopwatch,
        }
    }

    async fn send(&mut self, server: ServerId, ticket: Ticket, job: Job) {
        let serve = Serve { job, ticket: ticket.as_u64() };
        let (_, handle) = &self.servers[server.index().as_usize()];
        handle.tell(serve).await.expect("servers do not stop");
    }

    /// Does what the strategy has asked for.
    async fn carry_out(&mut self) {
        while let Some(effect) = self.balancer.poll_effect() {
            match effect {
                Effect::Assign { ticket, server } => {
                    let job = self.open[&ticket.as_u64()].job;
                    self.send(server, ticket, job).await;
                }
                Effect::Probe(server) => {
                    let (_, handle) = &self.servers[server.index().as_usize()];
                    handle.tell(Probe).await.expect("servers do not stop");
                }
                other => unreachable!("no strategy asks for {other:?}"),
            }
        }
    }

    fn hear(&mut self, cx: &Context<Balance>, server: u32, account: &Account, cause: ReportCause) {
        let (server, _) = self.servers[server as usize];
        let report = account.report(cause);
        self.balancer.handle_report(cx.now(), server, report).expect("reports come in order");
    }
}

impl Agent for Balance {
    const KIND: &'static str = "balancer";
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(Overflow::Wait).len_max(LINE_MAX);

    fn new(_key: &str) -> Balance {
        unreachable!("a pool says how its balancer is made")
    }
}

/// The server of this number takes part from now on.
#[derive(Clone, Copy, Debug, Message)]
pub struct Join {
    /// Its number in the pool; they join in order.
    pub server: u32,
}

impl Handler<Join> for Balance {
    async fn handle(&mut self, Join { server }: Join, cx: &mut Context<Balance>) {
        let handle = cx.find(&server.to_string()).expect("servers are there before they join");
        let id = self.balancer.handle_join(cx.now()).expect("the pool is within its limits");
        assert_eq!(id.index().as_usize(), self.servers.len(), "they join in order");
        self.servers.push((id, handle));
    }
}

/// A request.
#[derive(Clone, Copy, Debug, Message)]
pub struct Arrive {
    /// What it is.
    pub job: Job,
}

impl Handler<Arrive> for Balance {
    async fn handle(&mut self, Arrive { job }: Arrive, cx: &mut Context<Balance>) {
        let now = cx.now();
        // All that a strategy is told of a request.
        let arrival = Arrival::new(job.context_tokens);
        let (balancer, rng) = (&mut self.balancer, &mut self.rng);
        let placed = self.stopwatch.measure(|| balancer.handle_request(now, &arrival, rng));
        let placed = placed.expect("a pool has servers and takes on what comes");
        let (Placement::Sent { ticket, .. } | Placement::Held { ticket }) = placed;
        self.open.insert(ticket.as_u64(), Open { job, arrived_ns: now.as_nanos() });
        if let Placement::Sent { ticket, server } = placed {
            self.send(server, ticket, job).await;
        }
        self.carry_out().await;
    }
}

/// A server has done a job.
#[derive(Clone, Copy, Debug, Message)]
pub struct Finished {
    /// Which one.
    pub number: u32,
    /// What was sent with it.
    pub ticket: u64,
    /// Which server.
    pub server: u32,
    /// When its engine began.
    pub started_ns: u64,
    /// How long it was at the server.
    pub response_ns: u64,
    /// What the server says of itself.
    pub account: Account,
}

impl Handler<Finished> for Balance {
    async fn handle(&mut self, finished: Finished, cx: &mut Context<Balance>) {
        let now = cx.now();
        let open = self.open.remove(&finished.ticket).expect("a job is done once");
        assert_eq!(open.job.number, finished.number, "answers are not mixed up");
        self.answers.push(Answer {
            number: finished.number,
            arrived_ns: open.arrived_ns,
            started_ns: finished.started_ns,
            finished_ns: now.as_nanos(),
        });
        self.hear(cx, finished.server, &finished.account, finished.cause(now));
        let ticket = Ticket::from_u64(finished.ticket);
        self.balancer.handle_finished(now, ticket, Outcome::Done).expect("a job is done once");
        self.carry_out().await;
    }
}

impl Finished {
    fn cause(&self, now: nexus::Time) -> ReportCause {
        let service = now.since(nexus::Time::from_nanos(self.started_ns));
        let response = std::time::Duration::from_nanos(self.response_ns);
        ReportCause::Finished { service, response }
    }
}

/// A server answers a probe.
#[derive(Clone, Copy, Debug, Message)]
pub struct Probed {
    /// Which server.
    pub server: u32,
    /// What it says of itself.
    pub account: Account,
}

impl Handler<Probed> for Balance {
    async fn handle(&mut self, Probed { server, account }: Probed, cx: &mut Context<Balance>) {
        self.hear(cx, server, &account, ReportCause::Probed);
    }
}

/// Hands out the answers that have come since the last time.
#[derive(Clone, Copy, Debug, Message)]
#[message(reply = Vec<Answer>)]
pub struct TakeAnswers;

impl Handler<TakeAnswers> for Balance {
    async fn handle(&mut self, _: TakeAnswers, _: &mut Context<Balance>) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }
}
