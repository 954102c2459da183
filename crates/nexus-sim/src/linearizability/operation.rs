//! One operation on one key, as its client saw it.

use std::fmt;

use super::model::Model;
use super::place::{Place, Span};

/// Stands for "not yet" among moments.
pub(super) const NEVER: u64 = u64::MAX;

/// What became of an operation.
#[derive(Debug)]
pub(super) enum Outcome<A> {
    /// Nobody knows yet.
    Open,
    /// It was answered at this moment.
    Answered { moment: u64, at: Place, answer: A },
}

/// One operation on one key, as its client saw it.
#[derive(Debug)]
pub(super) struct Operation<M: Model> {
    /// When it began, in the order of all that was told; no two are equal.
    pub(super) began: u64,
    pub(super) at: Place,
    pub(super) client: u64,
    pub(super) call: M::Call,
    pub(super) outcome: Outcome<M::Answer>,
}

impl<M: Model> Operation<M> {
    /// When its answer came.
    pub(super) fn ended(&self) -> u64 {
        match self.outcome {
            Outcome::Open => NEVER,
            Outcome::Answered { moment, .. } => moment,
        }
    }

    pub(super) fn answer(&self) -> Option<&M::Answer> {
        match &self.outcome {
            Outcome::Open => None,
            Outcome::Answered { answer, .. } => Some(answer),
        }
    }
}

impl<M: Model> fmt::Display for Operation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.outcome {
            Outcome::Open => None,
            Outcome::Answered { at, .. } => Some(at),
        };
        write!(f, "{} by client {} ({})", self.call, self.client, Span(self.at, end))
    }
}

/// Equal calls whose outcome is unknown: which of them took effect cannot be
/// told apart, so the order uses the one that began first.
#[derive(Debug)]
pub(super) struct Class<M: Model> {
    pub(super) call: M::Call,
    /// When each began, in order.
    pub(super) began: Vec<u64>,
}

// Not derived: that would ask for a model that is `Clone`.
impl<M: Model> Clone for Class<M> {
    fn clone(&self) -> Class<M> {
        Class { call: self.call.clone(), began: self.began.clone() }
    }
}
