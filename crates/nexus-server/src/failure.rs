//! Why a command did not do what it was asked, and the exit code that says so.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use crate::demo::{CampaignError, TooMuchWork};
use crate::report::ReportError;
use crate::trace::TraceError;

/// Exit codes other than success; scripts rely on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// A check did not hold.
    Check,
    /// The command or its input is wrong; the same again fails again.
    Usage,
    /// The machine refused: no such file, no permission, disk full.
    Environment,
    /// The user stopped it.
    Interrupted,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Check => 1,
            Exit::Usage => 2,
            Exit::Environment => 3,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The trace was refused.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The trace holds more work than the virtual clock can count.
    #[error(transparent)]
    TooMuchWork(#[from] TooMuchWork),
    /// The runs did not finish.
    #[error(transparent)]
    Campaign(#[from] CampaignError),
    /// The report cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Standard output cannot be written, as on a full disk.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// A measurement or a check did not come to its end.
    #[error("{0}")]
    Check(String),
    /// The user asked to stop, and what was under way is abandoned.
    #[error("interrupted\nwhat was not finished is not shown")]
    Interrupted,
    /// A name that means nothing here.
    #[error("there is no {what} {asked:?}\nknown are: {valid}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Under which name.
        asked: String,
        /// Those there are.
        valid: String,
    },
    /// The system does not let us listen for signals.
    #[error("cannot listen for signals\nnothing was run")]
    Signals(#[source] io::Error),
}

impl Failure {
    /// The exit code that stands for it.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Trace(TraceError::Bad(_) | TraceError::UnknownFormat { .. })
            | Failure::TooMuchWork(_)
            | Failure::Unknown { .. } => Exit::Usage,
            Failure::Check(_) => Exit::Check,
            Failure::Interrupted | Failure::Campaign(CampaignError::Interrupted { .. }) => {
                Exit::Interrupted
            }
            _ => Exit::Environment,
        }
    }

    /// What happened and why, on the first line; details and hints below it.
    pub fn chain(&self) -> String {
        let text = self.to_string();
        let (first, details) = text.split_once('\n').unwrap_or((&text, ""));
        let mut chain = first.to_owned();
        let mut cause = self.source();
        while let Some(error) = cause {
            chain += &format!(": {error}");
            cause = error.source();
        }
        if details.is_empty() { chain } else { format!("{chain}\n{details}") }
    }
}
