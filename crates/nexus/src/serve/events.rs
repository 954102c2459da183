//! What happened, as a page and as a stream.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use nexus_agent::Event;
use nexus_base::EventName;
use serde_json::{Value, json};

use super::host::Host;
use super::problem::Problem;
use super::query::Query;
use crate::events::Numbered;

/// Events of one page, at most.
const PAGE_MAX: u64 = 1_000;

/// Events handed to a stream at once.
const BATCH: usize = 256;

/// How often a stream without events says that it is still there. A guess:
/// shorter than what proxies wait.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Which events are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Wanted {
    name: Option<EventName>,
    agent: Option<String>,
}

impl Wanted {
    /// Reads it. Names of events that are not kept are refused: who waits for
    /// one would wait for ever.
    pub(super) fn read(host: &Host, query: &Query) -> Result<Wanted, Problem> {
        let name = query.get("name").map(str::parse::<EventName>).transpose();
        let name = name.map_err(|error| Problem::bad_request(error.to_string()))?;
        if let Some(name) = name.filter(|name| !host.figures.threads.events.wants(*name)) {
            let text = format!("this node keeps no {name} events; events.everyday = true does");
            let detail = json!({"parameter": "name", "setting": "events.everyday"});
            return Err(Problem::bad_request(text).detail(detail));
        }
        Ok(Wanted { name, agent: query.get("agent").map(str::to_owned) })
    }

    fn is(&self, event: &Event) -> bool {
        self.name.is_none_or(|name| event.name == name)
            && self.agent.as_ref().is_none_or(|agent| event.agent == *agent)
    }
}

/// An event as clients see it.
pub(super) fn to_json(numbered: &Numbered) -> Value {
    let Numbered { seq, event } = numbered;
    json!({
        "seq": seq,
        "at_s": event.at.as_secs_f64(),
        "name": event.name.as_str(),
        "agent": event.agent,
        "detail": event.detail,
    })
}

/// A page of events.
pub(super) fn page(host: &Host, query: &Query, wanted: &Wanted) -> Result<Value, Problem> {
    let after = query.number("after", 0, 0, u64::MAX)?;
    let limit = query.number("limit", 100, 1, PAGE_MAX)? as usize;
    let log = &host.figures.threads.events;
    let last = log.last_seq();
    let events = log.after(after, limit, |event| wanted.is(event));
    let full = events.len() == limit;
    let next = if full { events.last().map_or(last, |event| event.seq) } else { last };
    let events: Vec<Value> = events.iter().map(to_json).collect();
    Ok(json!({"events": events, "next": next}))
}

/// The latest events of one agent.
pub(super) fn latest_of(host: &Host, agent: &str, count: usize) -> Vec<Value> {
    let log = &host.figures.threads.events;
    let all = log.after(0, usize::MAX, |event| event.agent == agent);
    all[all.len().saturating_sub(count)..].iter().map(to_json).collect()
}

type Arrived = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Events as they come, as server-sent events.
pub(super) struct Follow {
    host: Arc<Host>,
    wanted: Wanted,
    seq: u64,
    arrived: Option<Arrived>,
    heartbeat: Pin<Box<tokio::time::Sleep>>,
    greeted: bool,
}

impl Follow {
    /// A stream of the events after number `after`.
    pub(super) fn new(host: Arc<Host>, wanted: Wanted, after: u64) -> Follow {
        let heartbeat = Box::pin(tokio::time::sleep(HEARTBEAT));
        let seq = after.min(host.figures.threads.events.last_seq());
        Follow { host, wanted, seq, arrived: None, heartbeat, greeted: false }
    }

    /// The next piece of text; the end when the node drains.
    pub(super) fn poll_next(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
    ) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        if !std::mem::replace(&mut this.greeted, true) {
            // At once, so that a client knows that it is connected.
            return Poll::Ready(Some(Bytes::from_static(b": here\n\n")));
        }
        loop {
            if this.host.is_draining() {
                return Poll::Ready(None);
            }
            // Listens before it looks: what comes in between is not missed.
            let host = this.host.clone();
            let arrived = this.arrived.get_or_insert_with(|| Box::pin(arrival(host)));
            let came = arrived.as_mut().poll(poller).is_ready();
            if came {
                this.arrived = None;
            }
            if let Some(text) = this.take() {
                this.rest();
                return Poll::Ready(Some(text));
            }
            if came {
                continue;
            }
            ready!(this.heartbeat.as_mut().poll(poller));
            this.rest();
            return Poll::Ready(Some(Bytes::from_static(b": still here\n\n")));
        }
    }

    fn rest(&mut self) {
        #[allow(clippy::disallowed_methods, reason = "the edge is where clocks are read")]
        let at = tokio::time::Instant::now() + HEARTBEAT;
        self.heartbeat.as_mut().reset(at);
    }

    /// What has come since, as text.
    fn take(&mut self) -> Option<Bytes> {
        let log = &self.host.figures.threads.events;
        let mut text = String::new();
        let missed = log.forgotten_after(self.seq);
        if missed > 0 {
            text += &format!("event: lagged\ndata: {{\"missed\":{missed}}}\n\n");
        }
        let last = log.last_seq();
        let events = log.after(self.seq, BATCH, |event| self.wanted.is(event));
        self.seq = match events.last() {
            Some(event) if events.len() == BATCH => event.seq,
            _ => last,
        };
        for numbered in &events {
            let (seq, name) = (numbered.seq, numbered.event.name);
            text += &format!("id: {seq}\nevent: {name}\ndata: {}\n\n", to_json(numbered));
        }
        (!text.is_empty()).then(|| text.into())
    }
}

/// Ready when an event has come, or the node begins to drain.
async fn arrival(host: Arc<Host>) {
    let (events, drains) = (&host.figures.threads.events, host.drained());
    let (mut arrived, mut drains) = (std::pin::pin!(events.arrived()), std::pin::pin!(drains));
    std::future::poll_fn(|poller| {
        let came = arrived.as_mut().poll(poller).is_ready();
        let over = drains.as_mut().poll(poller).is_ready();
        if came || over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
