//! One request, from when it was taken to when it was answered.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::parent::TraceParent;
use super::queue::Queue;

/// The longest kind, key or message name kept in a span, in bytes; the rest is
/// cut off. A guess: what people still read. It also bounds the queue's memory.
const TEXT_MAX: usize = 128;

/// What a span that was given up is called: nobody knows its route.
const GIVEN_UP_NAME: &str = "HTTP request";

/// The error of a request whose caller went away before the answer.
const GIVEN_UP: &str = "cancelled";

/// A request that is being served. [`Span::end`] says how it went; one that is
/// dropped instead was given up by its caller, and is recorded as that.
#[must_use = "a span that is dropped counts as given up"]
pub(crate) struct Span {
    here: Option<TraceParent>,
    recording: Option<Recording>,
}

struct Recording {
    here: TraceParent,
    parent: Option<NonZeroU64>,
    /// Wall time since 1970, for people; the monotonic clock tells how long it took.
    begun: Duration,
    begun_at: Instant,
    queue: Arc<Queue>,
}

/// How a request went. Empty texts mean that there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Served<'a> {
    /// Method and route, as in `POST /v1/agents/{kind}/{key}`: few values.
    pub(crate) route: &'static str,
    /// The agent's kind.
    pub(crate) kind: &'a str,
    /// The agent's key.
    pub(crate) key: &'a str,
    /// The message's name.
    pub(crate) message: &'a str,
    /// The status of the answer.
    pub(crate) status: u16,
    /// The error's code.
    pub(crate) code: &'static str,
}

/// A span that ended, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) here: TraceParent,
    pub(crate) parent: Option<NonZeroU64>,
    /// Nanoseconds since 1970.
    pub(crate) start_ns: u64,
    /// Nanoseconds since 1970.
    pub(crate) end_ns: u64,
    pub(crate) route: &'static str,
    pub(crate) kind: Box<str>,
    pub(crate) key: Box<str>,
    pub(crate) message: Box<str>,
    /// 0: there was no answer.
    pub(crate) status: u16,
    pub(crate) code: &'static str,
}

impl Span {
    /// A span that is not recorded here.
    pub(crate) fn passed_on(here: Option<TraceParent>) -> Span {
        Span { here, recording: None }
    }

    /// A span that begins now.
    #[allow(clippy::disallowed_methods, reason = "spans tell when things happened in the world")]
    pub(crate) fn recording(
        here: TraceParent,
        parent: Option<NonZeroU64>,
        queue: Arc<Queue>,
    ) -> Span {
        // A clock before 1970 is wrong anyway; such spans stand at its beginning.
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let recording = Recording { here, parent, begun, begun_at: Instant::now(), queue };
        Span { here: Some(here), recording: Some(recording) }
    }

    /// What the answer's `traceparent` says: `None` if there is no trace.
    pub(crate) fn traceparent(&self) -> Option<TraceParent> {
        self.here
    }

    /// The request was answered.
    pub(crate) fn end(mut self, served: Served<'_>) {
        if let Some(recording) = self.recording.take() {
            recording.end(served);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(recording) = self.recording.take() {
            recording.end(Served { route: GIVEN_UP_NAME, code: GIVEN_UP, ..Served::default() });
        }
    }
}

impl Recording {
    fn end(self, served: Served<'_>) {
        let ended = self.begun + self.begun_at.elapsed();
        self.queue.push(Record {
            here: self.here,
            parent: self.parent,
            start_ns: nanos(self.begun),
            end_ns: nanos(ended),
            route: served.route,
            kind: cut(served.kind),
            key: cut(served.key),
            message: cut(served.message),
            status: served.status,
            code: served.code,
        });
    }
}

/// Enough until the year 2554.
fn nanos(since_1970: Duration) -> u64 {
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

/// The first [`TEXT_MAX`] bytes of `text`, or less where they would cut a character.
fn cut(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(TEXT_MAX)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(&*cut("short"), "short");
        assert_eq!(cut(&"x".repeat(1_000)).len(), TEXT_MAX);
        let odd = format!("x{}", "ä".repeat(1_000));
        assert_eq!(&*cut(&odd), &odd[..TEXT_MAX - 1]);
    }
}
