//! All that happened in a cluster, as one number and, for those who ask, in words.

use std::fmt;

use nexus_base::Time;
use nexus_cluster::NodeId;

use crate::TraceHash;
use crate::mix::Mix;

/// Who is told of each event in words, as it happens.
pub type Listener = Box<dyn FnMut(Time, &str)>;

/// What has happened so far.
pub(crate) struct ClusterTrace {
    hash: Mix,
    /// Inputs that nodes have handled.
    events: u64,
    listener: Option<Listener>,
}

impl ClusterTrace {
    pub(crate) fn new() -> ClusterTrace {
        ClusterTrace { hash: Mix::new(), events: 0, listener: None }
    }

    pub(crate) fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    pub(crate) fn hash(&self) -> TraceHash {
        TraceHash(self.hash.finish())
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// A node handles an input.
    #[inline]
    pub(crate) fn input(&mut self, at: Time, kind: u64, place: u64, content: u64) {
        self.events += 1;
        self.note(at, kind, place, content);
    }

    /// Something else happens that the run depends on.
    #[inline]
    pub(crate) fn note(&mut self, at: Time, kind: u64, place: u64, content: u64) {
        self.hash = self.hash.word(at.as_nanos()).word(kind << 48 ^ place).word(content);
    }

    /// Whether somebody listens: words that take long to find are not looked for otherwise.
    pub(crate) fn is_heard(&self) -> bool {
        self.listener.is_some()
    }

    /// One node is told something by another; in which group, if it is of one.
    pub(crate) fn say_heard(
        &mut self,
        at: Time,
        (from, to): (NodeId, NodeId),
        group: Option<&dyn fmt::Display>,
        words: fmt::Arguments<'_>,
    ) {
        match group {
            Some(group) => self.say(at, format_args!("{to} from {from} in {group}: {words}")),
            None => self.say(at, format_args!("{to} from {from}: {words}")),
        }
    }

    /// Has it told in words, if somebody listens.
    #[inline]
    pub(crate) fn say(&mut self, at: Time, words: fmt::Arguments<'_>) {
        if let Some(listener) = &mut self.listener {
            listener(at, &words.to_string());
        }
    }
}
