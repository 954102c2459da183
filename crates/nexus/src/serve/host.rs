//! What all connections share.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_agent::System;
use nexus_base::Time;
use serde_json::Value;
use tokio::sync::watch;

use super::crew::Crew;
use super::idempotency::Repeats;
use super::meter::Meter;
use super::rate::Rates;
use super::trace::Tracer;
use crate::node::Figures;
use crate::{Settings, Tokens};

/// The served node, as requests see it.
pub(crate) struct Host {
    pub(super) figures: Figures,
    pub(super) settings: Settings,
    pub(super) name: String,
    pub(super) meter: Arc<Meter>,
    pub(super) crew: Crew,
    pub(super) tokens: Option<Tokens>,
    pub(super) tracer: Tracer,
    /// Host names that a request may be addressed to, lower case, without port.
    pub(super) hosts: Vec<String>,
    pub(super) openapi: std::sync::OnceLock<Vec<u8>>,
    /// The schemas of arguments, by kind and message, of those that somebody sent a list
    /// in: finding one out takes a while.
    schemas: Mutex<BTreeMap<(&'static str, &'static str), Arc<Value>>>,
    repeats: Mutex<Repeats>,
    rates: Option<Mutex<Rates>>,
    ending: watch::Sender<Ending>,
}

/// How far the end of a node has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Ending {
    /// It goes on.
    Not,
    /// No new work is taken, what has begun is finished.
    Draining,
    /// The time for that is over: who still waits is told so.
    Over,
}

impl Host {
    pub(super) fn new(
        figures: Figures,
        meter: Arc<Meter>,
        crew: Crew,
        settings: Settings,
        name: String,
        tokens: Option<Tokens>,
        tracer: Tracer,
    ) -> Host {
        let (window, entries_max) = (settings.idempotency.window, settings.idempotency.entries_max);
        let per_s = settings.http.requests_per_s;
        Host {
            figures,
            hosts: settings.http.hosts.iter().map(|host| host.to_lowercase()).collect(),
            tokens,
            tracer,
            openapi: std::sync::OnceLock::new(),
            schemas: Mutex::default(),
            repeats: Mutex::new(Repeats::new(window, entries_max)),
            rates: (per_s > 0).then(|| Mutex::new(Rates::new(per_s))),
            ending: watch::Sender::new(Ending::Not),
            settings,
            name,
            meter,
            crew,
        }
    }

    pub(super) fn system(&self) -> &Arc<System> {
        &self.figures.system
    }

    pub(super) fn now(&self) -> Time {
        self.figures.threads.clock().now()
    }

    /// What agents of `kind` take as arguments of `message`, if they take it.
    pub(super) fn schema(&self, kind: &str, message: &str) -> Option<Arc<Value>> {
        let kind_found = self.system().kind_named(kind)?;
        let mut messages = self.system().messages(kind)?.into_iter();
        let facts = messages.find(|facts| facts.name == message)?;
        let schema = || Arc::new((facts.args)().schema);
        Some(lock(&self.schemas).entry((kind_found, facts.name)).or_insert_with(schema).clone())
    }

    pub(super) fn repeats(&self) -> MutexGuard<'_, Repeats> {
        lock(&self.repeats)
    }

    pub(super) fn rates(&self) -> Option<MutexGuard<'_, Rates>> {
        self.rates.as_ref().map(lock)
    }

    /// Takes note that something went wrong by no fault of a client; of how many such to
    /// tell, if now is the time for that.
    pub(super) fn failed(&self, of: &str) -> Option<u64> {
        self.figures.threads.events.lines.tell(self.now(), "failed", of)
    }

    /// Takes no new work from here on; connections end when they are idle.
    pub(super) fn drain(&self) {
        self.end(Ending::Draining);
    }

    /// Waits no longer for what has begun: whoever asked for it is told so.
    pub(super) fn give_up(&self) {
        self.end(Ending::Over);
    }

    fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|now| {
            let later = *now < ending;
            *now = ending.max(*now);
            later
        });
    }

    /// Whether others than this machine can reach the port.
    pub(super) fn is_exposed(&self) -> bool {
        !self.settings.http.listen.ip().to_canonical().is_loopback()
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.ending.borrow() >= Ending::Draining
    }

    /// Ready when the node begins to drain.
    pub(super) fn drained(&self) -> impl Future<Output = ()> + Send + 'static {
        self.ended(Ending::Draining)
    }

    /// Ready when what has begun is no longer waited for.
    pub(super) fn given_up(&self) -> impl Future<Output = ()> + Send + 'static {
        self.ended(Ending::Over)
    }

    fn ended(&self, wanted: Ending) -> impl Future<Output = ()> + Send + 'static {
        let mut ending = self.ending.subscribe();
        async move {
            // An error means that the host is gone, which is the end as well.
            let _ = ending.wait_for(|ending| *ending >= wanted).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
