//! One word for each thing that can go wrong, and how often it did.
//!
//! The words are those of the HTTP interface, so that a metric, a log line and
//! an answer to a client speak of the same thing.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{AskError, SpawnError, TellError};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $code:ident = $text:literal),* $(,)?) => {
        /// What went wrong, in one word.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $code,)*
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$code),*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(ErrorCode::$code => $text,)*
                }
            }
        }
    };
}

error_codes! {
    /// What was sent makes no sense: a message the kind does not take, bytes
    /// that are no message, an empty key.
    BadRequest = "bad_request",
    /// Who asks did not say who they are, or not credibly.
    Unauthorized = "unauthorized",
    /// Who asks may not do this.
    Forbidden = "forbidden",
    /// There is nothing at that address.
    NotFound = "not_found",
    /// A key or a request is larger than allowed.
    TooLarge = "too_large",
    /// No agent of that name runs here.
    UnknownAgent = "unknown_agent",
    /// No kind of that name is registered.
    UnknownKind = "unknown_kind",
    /// The name is taken, or what it should go under is gone.
    Conflict = "conflict",
    /// An ask would have waited for itself.
    Cycle = "cycle",
    /// A mailbox had no room, or shed the message later.
    MailboxFull = "mailbox_full",
    /// The answer did not come in time, or room in a mailbox.
    Deadline = "deadline",
    /// A handler or a constructor panicked.
    Crashed = "crashed",
    /// The agent ended before it answered.
    Stopped = "stopped",
    /// The node takes no new work.
    ShuttingDown = "shutting_down",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AskError {
    /// The error in one word.
    pub fn code(&self) -> ErrorCode {
        match self {
            AskError::NotRunning => ErrorCode::UnknownAgent,
            AskError::MailboxFull { .. } | AskError::Shed => ErrorCode::MailboxFull,
            AskError::Expired { .. } | AskError::Deadline { .. } => ErrorCode::Deadline,
            AskError::Cycle { .. } | AskError::ChainTooLong { .. } => ErrorCode::Cycle,
            // A mistake of the agent's own, like a panic.
            AskError::Crashed(_)
            | AskError::ReplyMalformed { .. }
            | AskError::ReplyUnencodable { .. } => ErrorCode::Crashed,
            AskError::Stopped { .. } => ErrorCode::Stopped,
            AskError::ShuttingDown => ErrorCode::ShuttingDown,
            AskError::Refused { .. } => ErrorCode::Conflict,
            AskError::WrongMessage { .. } | AskError::Malformed { .. } => ErrorCode::BadRequest,
        }
    }
}

impl<M> TellError<M> {
    /// The error in one word.
    pub fn code(&self) -> ErrorCode {
        match self {
            TellError::NotRunning(_) => ErrorCode::UnknownAgent,
            TellError::MailboxFull { .. } => ErrorCode::MailboxFull,
            TellError::Expired { .. } => ErrorCode::Deadline,
            TellError::ShuttingDown(_) => ErrorCode::ShuttingDown,
        }
    }
}

impl SpawnError {
    /// The error in one word.
    pub fn code(&self) -> ErrorCode {
        match self {
            SpawnError::BadKey { bytes: 0 } => ErrorCode::BadRequest,
            SpawnError::BadKey { .. } => ErrorCode::TooLarge,
            SpawnError::BadArgs { .. } | SpawnError::BadKind { .. } | SpawnError::Strict { .. } => {
                ErrorCode::BadRequest
            }
            SpawnError::Crashed(_) => ErrorCode::Crashed,
            SpawnError::UnknownKind { .. } => ErrorCode::UnknownKind,
            SpawnError::AlreadyRunning { .. }
            | SpawnError::KindRegistered { .. }
            | SpawnError::KindTaken { .. }
            | SpawnError::TooManyKinds
            | SpawnError::NoSupervisor
            | SpawnError::Supervision(_) => ErrorCode::Conflict,
            SpawnError::ShuttingDown => ErrorCode::ShuttingDown,
        }
    }
}

/// How often each error was handed to somebody since the node started.
pub(crate) struct ErrorCounts([AtomicU64; ErrorCode::ALL.len()]);

impl Default for ErrorCounts {
    fn default() -> ErrorCounts {
        ErrorCounts([const { AtomicU64::new(0) }; ErrorCode::ALL.len()])
    }
}

impl ErrorCounts {
    #[cold]
    pub(crate) fn add(&self, code: ErrorCode) {
        self.0[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Vec<(ErrorCode, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        ErrorCode::ALL.iter().copied().zip(counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lie_where_they_are_counted() {
        for (index, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index);
        }
    }
}
