//! The agent in front of the pool: every request comes to it, and every answer.
//!
//! Choosing is `nexus_coord`'s; here are only the messages that go with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus::{Agent, Context, Handle, Handler, MailboxSpec, Message, Overflow, Time};
use nexus_base::{FixedMap, Rng};
use nexus_coord::balance::{
    Arrival, Balancer, Effect, Outcome, PickError, Placement, ReportCause, ServerId, Ticket,
};

use super::contexts::Contexts;
use super::job::{Answer, Job};
use super::pool::LINE_MAX;
use super::server::{Account, Probe, Serve, Server};
use super::stopwatch::Stopwatch;

/// The agent that balances.
pub struct Balance {
    balancer: Balancer,
    rng: Rng,
    terms: Terms,
    look: Option<Arc<Mutex<dyn Look>>>,
    servers: Vec<(ServerId, Handle<Server>)>,
    /// Jobs that came and are not answered, by ticket.
    open: FixedMap<u64, Open>,
    answers: Vec<Answer>,
    watches: Watches,
}

/// Wall-clock time of what a request costs the balancer.
#[derive(Clone, Debug)]
pub struct Watches {
    /// Of choosing a server.
    pub decisions: Stopwatch,
    /// Of noting that a request has ended, and of what follows from it.
    pub ends: Stopwatch,
}

/// Looks at a balancer at work.
pub trait Look: Send {
    /// A request has ended.
    fn look(&mut self, now: Time, balancer: &mut Balancer);
}

/// On which terms requests are taken.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// How long after its arrival an answer is of use.
    pub deadline: Option<Duration>,
    /// Requests in the pool at which one more is refused.
    pub in_pool_max: Option<u32>,
    /// What contexts are made of, where they repeat.
    pub contexts: Option<Arc<Contexts>>,
}

struct Open {
    job: Job,
    arrived_ns: u64,
}

impl Balance {
    /// One without servers, that draws from `rng`.
    pub fn new(
        balancer: Balancer,
        rng: Rng,
        terms: Terms,
        look: Option<Arc<Mutex<dyn Look>>>,
        watches: Watches,
    ) -> Balance {
        Balance {
            balancer,
            rng,
            terms,
            look,
            servers: Vec::new(),
            open: FixedMap::default(),
            answers: Vec::new(),
            watches,
        }
    }

    async fn send(&mut self, server: ServerId, ticket: Ticket, job: Job) {
        let serve = Serve { job, ticket: ticket.as_u64() };
        let (_, handle) = &self.servers[server.index().as_usize()];
        handle.tell(serve).await.expect("servers do not stop");
    }

    /// All that a strategy is told of a request.
    fn arrival(&self, job: &Job) -> Arrival {
        let blocks = self.terms.contexts.as_ref();
        Arrival {
            deadline: Time::from_nanos(job.deadline_ns),
            blocks: blocks.map(|contexts| contexts.blocks[job.number as usize].clone()),
            ..Arrival::new(job.context_tokens)
        }
    }

    /// Whether the pool has as much as it is to have.
    fn is_full(&self) -> bool {
        let in_pool = self.balancer.in_flight_count() + self.balancer.held_count();
        self.terms.in_pool_max.is_some_and(|max| in_pool >= max as usize)
    }

    /// It will not be served.
    fn refuse(&mut self, now: Time, number: u32, arrived_ns: u64) {
        let now_ns = now.as_nanos();
        let (started_ns, finished_ns) = (now_ns, now_ns);
        self.answers.push(Answer { number, arrived_ns, started_ns, finished_ns, is_served: false });
    }

    /// Does what the strategy has asked for.
    async fn carry_out(&mut self, now: Time) {
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
                Effect::Refuse { ticket } => {
                    let open = self.open.remove(&ticket.as_u64()).expect("it was held");
                    self.refuse(now, open.job.number, open.arrived_ns);
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
    async fn handle(&mut self, Arrive { mut job }: Arrive, cx: &mut Context<Balance>) {
        let (now, arrived_ns) = (cx.now(), cx.now().as_nanos());
        let deadline = self.terms.deadline.map(|deadline| now.after(deadline));
        job.deadline_ns = deadline.unwrap_or(Time::MAX).as_nanos();
        if self.is_full() {
            return self.refuse(now, job.number, arrived_ns);
        }
        let arrival = self.arrival(&job);
        let (balancer, rng) = (&mut self.balancer, &mut self.rng);
        let placed = self.watches.decisions.measure(|| balancer.handle_request(now, &arrival, rng));
        match placed {
            Ok(Placement::Sent { ticket, server }) => {
                self.open.insert(ticket.as_u64(), Open { job, arrived_ns });
                self.send(server, ticket, job).await;
            }
            Ok(Placement::Held { ticket }) => {
                self.open.insert(ticket.as_u64(), Open { job, arrived_ns });
            }
            Err(PickError::TooLate) => self.refuse(now, job.number, arrived_ns),
            Err(error) => unreachable!("a pool has servers and takes on what comes: {error}"),
        }
        self.carry_out(now).await;
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
    /// Whether it was worked on, or its deadline had passed.
    pub is_served: bool,
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
            is_served: finished.is_served,
        });
        self.hear(cx, finished.server, &finished.account, finished.cause(now));
        let ticket = Ticket::from_u64(finished.ticket);
        let outcome = if finished.is_served { Outcome::Done } else { Outcome::Cancelled };
        let balancer = &mut self.balancer;
        let ended = self.watches.ends.measure(|| balancer.handle_finished(now, ticket, outcome));
        ended.expect("a job is done once");
        if let Some(look) = &self.look {
            look.lock().unwrap_or_else(PoisonError::into_inner).look(now, &mut self.balancer);
        }
        self.carry_out(now).await;
    }
}

impl Finished {
    fn cause(&self, now: Time) -> ReportCause {
        let service = now.since(Time::from_nanos(self.started_ns));
        let response = Duration::from_nanos(self.response_ns);
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
