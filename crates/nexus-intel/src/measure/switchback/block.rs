//! A span of time in which a layer is on, or off, for everybody.

use std::time::Duration;

use nexus_base::Time;

use super::{Arm, Outcome};
use crate::measure::objective::Tally;
use crate::measure::{BlockFigure, Objective};

/// A block lasts this many times the 95 % quantile of time in system, at least.
/// Source: the design of Nexus; with one of them discarded, queues have mostly
/// forgotten the block before.
pub(super) const LENGTH_P95S: u32 = 10;

/// What a block is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Times in system are being learned.
    Settling,
    /// First of a pair.
    First,
    /// Second of a pair.
    Second,
    /// The gain is sure, and is being had.
    Holding,
}

/// A block in which something is measured or a gain is had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Whether the layer is used.
    pub arm: Arm,
    /// When it began.
    pub from: Time,
    /// Requests that arrive from the one until before the other count.
    pub counted: [Time; 2],
}

impl Span {
    /// Whether a request that arrived then counts.
    pub fn counts(&self, arrived: Time) -> bool {
        let [from, until] = self.counted;
        from <= arrived && arrived < until
    }
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    role: Role,
    span: Span,
    until: Time,
    length: Duration,
    tally: Tally,
}

/// What is left of a block when all its requests have ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    pub(super) role: Role,
    pub(super) arm: Arm,
    /// `None` of a block without requests.
    pub(super) figure: Option<BlockFigure>,
}

impl Block {
    pub(super) fn new(role: Role, arm: Arm, from: Time, length: Duration) -> Block {
        let discarded = length / LENGTH_P95S;
        let counted = [from.after(discarded), from.after(length - discarded)];
        let span = Span { arm, from, counted };
        Block { role, span, until: from.after(length), length, tally: Tally::default() }
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn arm(&self) -> Arm {
        self.span.arm
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }

    pub(super) fn set_arm(&mut self, arm: Arm) {
        self.span.arm = arm;
    }

    pub(super) fn until(&self) -> Time {
        self.until
    }

    /// How long it was meant to be.
    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// The block ended at `now`, when whoever was to end it came to it.
    pub(super) fn end(&mut self, now: Time) {
        self.until = now;
    }

    /// Whether a request that arrived then is one of this block's. The present block
    /// has no end yet, but nothing arrives after now.
    pub(super) fn holds(&self, arrived: Time) -> bool {
        self.span.from <= arrived && arrived < self.until
    }

    pub(super) fn record(&mut self, objective: Objective, outcome: Outcome) {
        if self.span.counts(outcome.arrived) {
            self.tally.record(objective, outcome.cost, outcome.size);
        }
    }

    pub(super) fn settle(self, objective: Objective) -> Settled {
        let (count, size_mean) = (self.tally.count(), self.tally.size_mean());
        let figure = self.tally.figure(objective);
        let figure = figure.map(|figure| BlockFigure { figure, count, size_mean });
        Settled { role: self.role, arm: self.span.arm, figure }
    }
}
