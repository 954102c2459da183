//! Why a trace was refused.

use std::fmt;
use std::io;

use super::problem::{PROBLEMS_SHOWN_MAX, Problem};

/// Why a trace was refused. Nothing of it was used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file could not be opened, or reading it failed half way.
    #[error("cannot read the trace {name}\nnothing was run")]
    Unreadable {
        /// The file as it was given.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file's ending names no format. Give `--input-format`.
    #[error(
        "cannot tell the format of {name} from its ending\nnothing was run\n\
         hint: add --input-format csv or --input-format jsonl (a packed file must be unpacked first)"
    )]
    UnknownFormat {
        /// The file as it was given.
        name: String,
    },
    /// Lines that are not requests. Correct them and try again.
    #[error("{0}")]
    Bad(BadLines),
}

/// The bad lines of one trace, in order.
#[derive(Debug)]
pub struct BadLines {
    /// The file as it was given.
    pub(super) name: String,
    /// The first of them, at most [`PROBLEMS_SHOWN_MAX`].
    pub(super) shown: Vec<Problem>,
    /// How many there are in all.
    pub(super) count: u64,
}

impl fmt::Display for BadLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let things = if self.count == 1 { "problem" } else { "problems" };
        write!(f, "the trace {} has {} {things}; nothing was run", self.name, self.count)?;
        for problem in &self.shown {
            write!(f, "\n  {}:{problem}", self.name)?;
        }
        let more = self.count - self.shown.len() as u64;
        if more > 0 {
            write!(f, "\n  and {more} more (the first {PROBLEMS_SHOWN_MAX} are shown)")?;
        }
        self.hints().iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl BadLines {
    /// What to do, each advice once, in the order in which it came up.
    fn hints(&self) -> Vec<&'static str> {
        let mut hints = Vec::new();
        for hint in self.shown.iter().map(|problem| problem.fault.hint()) {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        hints
    }
}
