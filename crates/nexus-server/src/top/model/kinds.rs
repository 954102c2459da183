//! The table of kinds.

use std::cmp::Ordering;

use super::browser::{Column, largest};
use crate::client::Kind;
use crate::status::duration;
use crate::words::{NOTHING, grouped, rate};

/// One kind as it is shown.
#[derive(Clone, PartialEq, Debug)]
pub struct KindRow {
    name: String,
    agents: u64,
    mailbox: u64,
    rate: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
    restarts: u64,
    dropped: u64,
}

impl KindRow {
    /// Puts counters and the rate together.
    pub fn new(name: &str, kind: &Kind, rate: Option<f64>) -> KindRow {
        KindRow {
            name: name.to_owned(),
            agents: kind.agents,
            mailbox: kind.mailbox,
            rate,
            p50: kind.latency_s.p50,
            p99: kind.latency_s.p99,
            restarts: kind.restarted,
            dropped: kind.dropped,
        }
    }
}

/// What is known of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KindColumn {
    /// Its name.
    Name,
    /// Its agents.
    Agents,
    /// Messages that wait.
    Mailbox,
    /// Messages handled a second.
    Rate,
    /// Half the messages took no longer.
    P50,
    /// 99 in 100 messages took no longer.
    P99,
    /// Agents started anew.
    Restarts,
    /// Messages dropped to make room.
    Dropped,
}

impl Column for KindColumn {
    type Row = KindRow;

    const ALL: &'static [KindColumn] = &[
        KindColumn::Name,
        KindColumn::Agents,
        KindColumn::Mailbox,
        KindColumn::Rate,
        KindColumn::P50,
        KindColumn::P99,
        KindColumn::Restarts,
        KindColumn::Dropped,
    ];

    fn heading(self) -> &'static str {
        match self {
            KindColumn::Name => "kind",
            KindColumn::Agents => "agents",
            KindColumn::Mailbox => "mailbox",
            KindColumn::Rate => "msg/s",
            KindColumn::P50 => "p50",
            KindColumn::P99 => "p99",
            KindColumn::Restarts => "restarts",
            KindColumn::Dropped => "dropped",
        }
    }

    fn cell(self, row: &KindRow) -> String {
        match self {
            KindColumn::Name => row.name.clone(),
            KindColumn::Agents => grouped(row.agents),
            KindColumn::Mailbox => grouped(row.mailbox),
            KindColumn::Rate => row.rate.map_or(NOTHING.to_owned(), rate),
            KindColumn::P50 => duration(row.p50),
            KindColumn::P99 => duration(row.p99),
            KindColumn::Restarts => grouped(row.restarts),
            KindColumn::Dropped => grouped(row.dropped),
        }
    }

    fn compare(self, a: &KindRow, b: &KindRow) -> Ordering {
        match self {
            KindColumn::Name => a.name.cmp(&b.name),
            KindColumn::Agents => largest(a.agents, b.agents),
            KindColumn::Mailbox => largest(a.mailbox, b.mailbox),
            KindColumn::Rate => largest(a.rate, b.rate),
            KindColumn::P50 => largest(a.p50, b.p50),
            KindColumn::P99 => largest(a.p99, b.p99),
            KindColumn::Restarts => largest(a.restarts, b.restarts),
            KindColumn::Dropped => largest(a.dropped, b.dropped),
        }
    }

    fn is_number(self) -> bool {
        self != KindColumn::Name
    }

    fn name(row: &KindRow) -> &str {
        &row.name
    }
}
