//! Answers that are kept, because they were told or because they may be asked for.

use std::cell::Cell;
use std::sync::Arc;

use nexus_base::{AgentId, Time};
use nexus_coord::Variant;
use nexus_intel::adaptive::{AnswerCache, AnswerKey, CacheKnobs, Lookup, Ticket};
use serde_json::Value;

use super::why::AnswersWhy;
use super::written::Written;

/// One agent from one start to its end.
pub(super) type Life = (AgentId, u32);

/// What is kept of a request's answer.
#[derive(Debug)]
pub(super) enum Kept {
    /// It: nothing need run.
    Answer(Found),
    /// Nothing yet; what it will be kept under.
    Later(AnswerKey<Life>, Ticket),
    /// Nothing: it is no query, or answers are not kept.
    Never,
}

/// An answer that was kept.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) value: Arc<Value>,
    is_first_use: bool,
}

/// An answer, and whether it was fetched before anybody asked.
#[derive(Clone, Debug)]
struct Answer {
    value: Arc<Value>,
    is_fetched: bool,
    is_unused: Cell<bool>,
}

/// An answer that is to be kept, made ready before the lock of the kind is taken.
#[derive(Debug)]
pub(super) struct ToKeep {
    key: AnswerKey<Life>,
    ticket: Ticket,
    value: Arc<Value>,
    bytes: u64,
}

/// Answers of the agents of one kind.
#[derive(Debug)]
pub(super) struct Answers {
    cache: AnswerCache<Life, Answer>,
    /// Queries that were answered from it ...
    hits: u64,
    /// ... and that might have been, and were not.
    misses: u64,
}

impl ToKeep {
    pub(super) fn new(key: AnswerKey<Life>, ticket: Ticket, value: Value) -> ToKeep {
        let bytes = value.to_string().len() as u64;
        ToKeep { key, ticket, value: Arc::new(value), bytes }
    }
}

impl Found {
    /// Whether it was fetched, and nobody was told it before.
    pub(super) fn is_first_use(&self) -> bool {
        self.is_first_use
    }
}

impl Answers {
    pub(super) fn new(limits: Option<CacheKnobs>) -> Answers {
        Answers { cache: AnswerCache::new(limits), hits: 0, misses: 0 }
    }

    pub(super) fn set_limits(&mut self, limits: Option<CacheKnobs>) {
        self.cache.set_limits(limits);
    }

    /// Forgets all of them, until limits are set again.
    pub(super) fn clear(&mut self) {
        self.cache.set_limits(None);
    }

    /// What is kept of `request`. Where answers are not to be kept because they were
    /// told, only what was fetched is found.
    pub(super) fn look_up(
        &mut self,
        now: Time,
        life: Life,
        request: &Written<'_>,
        variant: Variant,
        keeps: bool,
    ) -> Kept {
        if !keeps && self.cache.is_empty() {
            return Kept::Never;
        }
        let key = key(life, request, variant);
        match self.cache.get(now, &key) {
            Lookup::Hit(answer) if keeps || answer.is_fetched => {
                self.hits += 1;
                let value = answer.value.clone();
                Kept::Answer(Found { value, is_first_use: answer.is_unused.replace(false) })
            }
            Lookup::Miss(ticket) if keeps => {
                self.misses += 1;
                Kept::Later(key, ticket)
            }
            Lookup::Hit(_) | Lookup::Miss(_) => Kept::Never,
        }
    }

    /// What an answer will be kept under, if none is.
    pub(super) fn miss(
        &mut self,
        now: Time,
        life: Life,
        request: &Written<'_>,
        variant: Variant,
    ) -> Option<(AnswerKey<Life>, Ticket)> {
        let key = key(life, request, variant);
        match self.cache.get(now, &key) {
            Lookup::Hit(_) => None,
            Lookup::Miss(ticket) => Some((key, ticket)),
        }
    }

    /// Keeps an answer, if it may be; one that is not kept is asked for again.
    pub(super) fn keep(&mut self, now: Time, answer: ToKeep, is_fetched: bool) -> bool {
        let ToKeep { key, ticket, value, bytes } = answer;
        let answer = Answer { value, is_fetched, is_unused: Cell::new(is_fetched) };
        self.cache.insert(now, key, ticket, answer, bytes).is_ok()
    }

    pub(super) fn invalidate(&mut self, life: &Life) {
        self.cache.invalidate(life);
    }

    pub(super) fn why(&self) -> AnswersWhy {
        let (kept, invalidated) = (self.cache.len(), self.cache.counts().invalidated);
        AnswersWhy { kept, hits: self.hits, misses: self.misses, invalidated }
    }
}

/// A coarse answer is not told for a better one, or the other way round.
fn key(life: Life, request: &Written<'_>, variant: Variant) -> AnswerKey<Life> {
    let query = format!("{variant} {}", request.name);
    AnswerKey::new(life, query, request.arguments())
}
