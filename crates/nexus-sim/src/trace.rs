//! The trace: all that happened in a world, as one number and, if kept, in words.

use std::fmt;
use std::sync::Arc;

use nexus_agent::HandlerStart;
use nexus_base::{AgentId, FixedMap, Time};

use crate::mix::{Mix, content_hash};
use crate::record::{Record, What};

/// Records kept, at most; what comes later is in the hash only. About 64 MB.
/// A guess: far more than anyone reads, and enough for minutes of a busy world.
pub(crate) const RECORDS_MAX: usize = 1 << 20;

/// What a whole run comes to: equal for equal runs, and hardly ever else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceHash(pub(crate) u64);

impl TraceHash {
    /// The number itself.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceHash({self})")
    }
}

/// How much of what happens is taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Detail {
    /// What messages contain, besides who does what when; and what is observed.
    pub(crate) contents: bool,
    /// All of it is kept, to be read. Does not change the hash.
    pub(crate) records: bool,
}

/// What has happened so far.
pub(crate) struct Trace {
    hash: Mix,
    events: u64,
    detail: Detail,
    records: Vec<Record>,
    names: FixedMap<AgentId, Arc<str>>,
}

impl Trace {
    pub(crate) fn new(detail: Detail) -> Trace {
        Trace {
            hash: Mix::new(),
            events: 0,
            detail,
            records: Vec::new(),
            names: FixedMap::default(),
        }
    }

    pub(crate) fn hash(&self) -> TraceHash {
        TraceHash(self.hash.finish())
    }

    /// How much has happened.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    #[inline]
    fn fold(&mut self, at: Time, code: u64, words: [u64; 3]) {
        let hash = self.hash.word(at.as_nanos()).word(code);
        self.hash = words.into_iter().fold(hash, Mix::word);
        self.events += 1;
    }

    /// A cell has its turn.
    #[inline]
    pub(crate) fn turn(&mut self, at: Time, agent: AgentId, name: impl FnOnce() -> String) {
        self.fold(at, 1, [agent.high(), agent.low(), 0]);
        if self.detail.records {
            self.name(agent, name);
            self.keep(at, Some(agent), What::Turn);
        }
    }

    /// A handler starts.
    #[inline]
    pub(crate) fn start(&mut self, at: Time, start: &HandlerStart<'_>) {
        let agent = start.agent();
        let content = if self.detail.contents { content_hash(&start.bytes()) } else { 0 };
        self.fold(at, 2, [agent.high(), agent.low(), content]);
        self.hash = self.hash.bytes(start.message().as_bytes());
        if self.detail.records {
            self.name(agent, || start.name());
            self.keep(at, Some(agent), What::Handles { message: start.message(), content });
        }
    }

    /// An alarm rings.
    #[inline]
    pub(crate) fn ring(&mut self, at: Time) {
        self.note(at, 3, What::Rings);
    }

    /// Something from outside comes in.
    pub(crate) fn input(&mut self, at: Time) {
        self.note(at, 4, What::Input);
    }

    #[inline]
    fn note(&mut self, at: Time, code: u64, what: What) {
        self.fold(at, code, [0; 3]);
        if self.detail.records {
            self.keep(at, None, what);
        }
    }

    /// An answer of these bytes reaches the outside.
    pub(crate) fn answer(&mut self, at: Time, message: &str, bytes: impl FnOnce() -> Vec<u8>) {
        let content = if self.detail.contents { content_hash(&bytes()) } else { 0 };
        self.said(at, format!("{message} is answered with #{content:016x}"));
    }

    /// Anything else happens.
    pub(crate) fn said(&mut self, at: Time, text: String) {
        self.fold(at, 5, [content_hash(text.as_bytes()), 0, 0]);
        if self.detail.records {
            self.keep(at, None, What::Said(text.into()));
        }
    }

    fn name(&mut self, agent: AgentId, name: impl FnOnce() -> String) {
        self.names.entry(agent).or_insert_with(|| name().into());
    }

    fn keep(&mut self, at: Time, agent: Option<AgentId>, what: What) {
        if self.records.len() < RECORDS_MAX {
            let agent = agent.and_then(|agent| self.names.get(&agent)).cloned();
            self.records.push(Record { at, agent, what });
        }
    }
}
