//! Answers that are kept, because they were told or because they may be asked for.

use std::cell::Cell;

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
    pub(super) value: Value,
    is_first_use: bool,
}

/// An answer, and whether it was fetched before anybody asked.
#[derive(Clone, Debug)]
struct Answer {
    value: Value,
    is_fetched: bool,
    is_unused: Cell<bool>,
}

/// Answers of the agents of one kind.
#[derive(Debug)]
pub(super) struct Answers(AnswerCache<Life, Answer>);

impl Found {
    /// Whether it was fetched, and nobody was told it before.
    pub(super) fn is_first_use(&self) -> bool {
        self.is_first_use
    }
}

impl Answers {
    pub(super) fn new(limits: Option<CacheKnobs>) -> Answers {
        Answers(AnswerCache::new(limits))
    }

    pub(super) fn set_limits(&mut self, limits: Option<CacheKnobs>) {
        self.0.set_limits(limits);
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
        if !keeps && self.0.is_empty() {
            return Kept::Never;
        }
        let key = key(life, request, variant);
        match self.0.get(now, &key) {
            Lookup::Hit(answer) if keeps || answer.is_fetched => Kept::Answer(Found {
                value: answer.value.clone(),
                is_first_use: answer.is_unused.replace(false),
            }),
            Lookup::Miss(ticket) if keeps => Kept::Later(key, ticket),
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
        match self.0.get(now, &key) {
            Lookup::Hit(_) => None,
            Lookup::Miss(ticket) => Some((key, ticket)),
        }
    }

    /// Keeps an answer, if it may be; one that is not kept is asked for again.
    pub(super) fn keep(
        &mut self,
        now: Time,
        key: AnswerKey<Life>,
        ticket: Ticket,
        value: Value,
        is_fetched: bool,
    ) -> bool {
        let bytes = value.to_string().len() as u64;
        let answer = Answer { value, is_fetched, is_unused: Cell::new(is_fetched) };
        self.0.insert(now, key, ticket, answer, bytes).is_ok()
    }

    pub(super) fn invalidate(&mut self, life: &Life) {
        self.0.invalidate(life);
    }

    pub(super) fn why(&self) -> AnswersWhy {
        let counts = self.0.counts();
        AnswersWhy {
            kept: self.0.len(),
            hits: counts.hits,
            misses: counts.misses,
            invalidated: counts.invalidated,
        }
    }
}

/// A coarse answer is not told for a better one, or the other way round.
fn key(life: Life, request: &Written<'_>, variant: Variant) -> AnswerKey<Life> {
    let query = format!("{variant} {}", request.name);
    AnswerKey::new(life, query, request.arguments())
}
