//! The agents of one kind, page by page.

use std::cmp::Ordering;

use super::browser::{Browser, Column, largest};
use crate::client::{Agent, AgentPage};
use crate::top::key::Key;
use crate::words::{NOTHING, age, grouped, rate};

/// Pages one can turn back to; further back one begins anew. A guess: nobody
/// turns that many by hand.
const PAGES_BACK_MAX: usize = 10_000;

/// A listing that is open at one of its pages.
#[derive(Clone, Debug)]
pub struct Agents {
    /// The kind.
    pub kind: String,
    /// The agents on this page.
    pub rows: Vec<AgentRow>,
    /// Order, filter and cursor.
    pub browser: Browser<AgentColumn>,
    /// Where this page and those before it begin; the first has no entry.
    begins: Vec<String>,
    /// Where the next page begins.
    next: Option<String>,
    /// Whether this page was seen at all.
    is_seen: bool,
}

impl Agents {
    /// At the first page, which is not seen yet.
    pub fn new(kind: &str) -> Agents {
        Agents {
            kind: kind.to_owned(),
            rows: Vec::new(),
            browser: Browser::new(AgentColumn::Key),
            begins: Vec::new(),
            next: None,
            is_seen: false,
        }
    }

    /// Where the page begins; `None` at the first.
    pub fn after(&self) -> Option<&String> {
        self.begins.last()
    }

    /// Takes in the page as it is now.
    pub fn show(&mut self, page: AgentPage) {
        self.rows = page.agents.iter().map(AgentRow::new).collect();
        self.next = page.next;
        self.is_seen = true;
    }

    /// Takes in a key; true if another page is wanted.
    pub fn handle_key(&mut self, key: Key) -> bool {
        match key {
            Key::PageAfter => match self.next.take() {
                Some(next) if self.begins.len() < PAGES_BACK_MAX => {
                    self.begins.push(next);
                    self.turn()
                }
                _ => false,
            },
            Key::PageBefore => self.begins.pop().is_some() && self.turn(),
            key => {
                self.browser.handle_key(key, &self.rows);
                false
            }
        }
    }

    fn turn(&mut self) -> bool {
        self.rows.clear();
        self.next = None;
        self.is_seen = false;
        self.browser.go_to_top();
        true
    }

    /// Which page it is, from 1.
    pub fn page(&self) -> usize {
        self.begins.len() + 1
    }

    /// Whether there are more behind it.
    pub fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// Whether this page was seen at all.
    pub fn is_seen(&self) -> bool {
        self.is_seen
    }
}

/// One agent as it is shown.
#[derive(Clone, PartialEq, Debug)]
pub struct AgentRow {
    key: String,
    phase: String,
    level: String,
    mailbox: u64,
    rate: Option<f64>,
    handled: u64,
    errors: u64,
    age: Option<f64>,
}

impl AgentRow {
    fn new(agent: &Agent) -> AgentRow {
        AgentRow {
            key: agent.key.clone(),
            phase: agent.phase.clone(),
            level: agent.level.used.clone(),
            mailbox: agent.mailbox,
            rate: agent.metrics.rate_per_s,
            handled: agent.metrics.handled,
            errors: agent.metrics.errors,
            age: agent.metrics.age_s,
        }
    }
}

/// What is known of an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AgentColumn {
    /// Its key.
    Key,
    /// What it is at.
    Phase,
    /// The level that serves it.
    Level,
    /// Messages that wait.
    Mailbox,
    /// Messages handled a second.
    Rate,
    /// Messages handled.
    Handled,
    /// Those that failed.
    Errors,
    /// Since when it is there.
    Age,
}

impl Column for AgentColumn {
    type Row = AgentRow;

    const ALL: &'static [AgentColumn] = &[
        AgentColumn::Key,
        AgentColumn::Phase,
        AgentColumn::Level,
        AgentColumn::Mailbox,
        AgentColumn::Rate,
        AgentColumn::Handled,
        AgentColumn::Errors,
        AgentColumn::Age,
    ];

    fn heading(self) -> &'static str {
        match self {
            AgentColumn::Key => "key",
            AgentColumn::Phase => "phase",
            AgentColumn::Level => "level",
            AgentColumn::Mailbox => "mailbox",
            AgentColumn::Rate => "msg/s",
            AgentColumn::Handled => "handled",
            AgentColumn::Errors => "errors",
            AgentColumn::Age => "age",
        }
    }

    fn cell(self, row: &AgentRow) -> String {
        match self {
            AgentColumn::Key => row.key.clone(),
            AgentColumn::Phase => row.phase.clone(),
            AgentColumn::Level => row.level.clone(),
            AgentColumn::Mailbox => grouped(row.mailbox),
            AgentColumn::Rate => row.rate.map_or(NOTHING.to_owned(), rate),
            AgentColumn::Handled => grouped(row.handled),
            AgentColumn::Errors => grouped(row.errors),
            AgentColumn::Age => row.age.map_or(NOTHING.to_owned(), age),
        }
    }

    fn compare(self, a: &AgentRow, b: &AgentRow) -> Ordering {
        match self {
            AgentColumn::Key => a.key.cmp(&b.key),
            AgentColumn::Phase => a.phase.cmp(&b.phase),
            AgentColumn::Level => a.level.cmp(&b.level),
            AgentColumn::Mailbox => largest(a.mailbox, b.mailbox),
            AgentColumn::Rate => largest(a.rate, b.rate),
            AgentColumn::Handled => largest(a.handled, b.handled),
            AgentColumn::Errors => largest(a.errors, b.errors),
            AgentColumn::Age => largest(a.age, b.age),
        }
    }

    fn is_number(self) -> bool {
        !matches!(self, AgentColumn::Key | AgentColumn::Phase | AgentColumn::Level)
    }

    fn name(row: &AgentRow) -> &str {
        &row.key
    }
}
