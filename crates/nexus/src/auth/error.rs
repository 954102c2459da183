//! Why tokens were not taken, or not made.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::ReadError;

/// Why a file of tokens was not taken. What was loaded before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// It could not be read.
    #[error("the file of tokens {} {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not. Part of the text above, and so no cause that is told again.
        why: ReadError,
    },
    /// Others than its owner can write it, and so let themselves in.
    #[error(
        "the file of tokens {path} was not taken: others than its owner can write it; \
         take that from them: chmod 600 {path}",
        path = path.display()
    )]
    Writable {
        /// The file.
        path: PathBuf,
    },
    /// It has wrong lines. No token of it was taken.
    #[error(
        "the file of tokens {path} is wrong and none of it was taken:{lines}{more}",
        path = path.display(),
        lines = faults.iter().map(|fault| format!("\n  {}:{fault}", path.display())).collect::<String>(),
        more = match more { 0 => String::new(), more => format!("\n  and {more} more lines") }
    )]
    Lines {
        /// The file.
        path: PathBuf,
        /// Its wrong lines, the first twenty.
        faults: Vec<LineFault>,
        /// How many more are wrong.
        more: usize,
    },
}

/// A line, counted from 1, and what is wrong with it. Repeats nothing of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineFault {
    /// The line.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateTokenError {
    /// Tokens cannot have that name.
    #[error(
        "{0:?} is no name of a token; valid are up to 64 letters, digits, '.', '-', '_' and '@'; \
         nothing was made"
    )]
    Name(String),
    /// That is no date.
    #[error("{0:?} is no date; valid are 2027-01-31 and 2027-01-31T12:00:00Z; nothing was made")]
    Expiry(String),
    /// That day, or moment, is over: the token would be good for nothing.
    #[error("{0:?} is over; nothing was made; name a day to come, or leave it out for no end")]
    Expired(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes; nothing was made")]
    NoChance,
    /// The line was not written; the token is not good anywhere.
    #[error("the token could not be written to {}; it is not valid", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
