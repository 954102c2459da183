//! Why a command did not do what it was asked, and the exit code that says so.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use nexus::{CertsError, CreateTokenError, ServeError};

use crate::agents::BodyError;
use crate::client::ClientError;
use crate::demo::{CampaignError, TooMuchWork};
use crate::events::FollowError;
use crate::report::ReportError;
use crate::sim::CheckError;
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
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] nexus::SettingsError),
    /// The node does not serve.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// No token was made.
    #[error(transparent)]
    Token(#[from] CreateTokenError),
    /// No certificates were made.
    #[error(transparent)]
    Certs(#[from] CertsError),
    /// Standard output cannot be written, as on a full disk.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// A measurement or a check did not come to its end.
    #[error("{0}")]
    Check(String),
    /// Words of the command line that are each right, and do not fit together.
    #[error("{0}\nnothing was run")]
    Unfit(String),
    /// The user asked to stop, and what was under way is abandoned.
    #[error("interrupted\nwhat was not finished is not shown")]
    Abandoned,
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
    /// A node did not do what it was asked, or is not there.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is no JSON to send.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A stream of events is lost.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The node has another name than the one that was meant.
    #[error(
        "the node is {found:?}, not {wanted:?}\nnothing was changed\nname another with --url or NEXUS_URL"
    )]
    OtherNode {
        /// The name given.
        wanted: String,
        /// The name it has.
        found: String,
    },
    /// A file of a simulated run cannot be written or read.
    #[error("cannot use {}", .path.display())]
    SimFile {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A process that was to run seeds did not.
    #[error("a process that was to run seeds did not: {why}\nwhat was found before is above")]
    SimProcess {
        /// What is known of it.
        why: String,
    },
    /// This command has no bugs to plant.
    #[cfg(not(feature = "mutants"))]
    #[error(
        "this command has no bugs to plant\nbuild one that has: \
         cargo run --release --package nexus-server --features mutants -- sim mutants"
    )]
    NoMutants,
    /// There is nothing to paint on.
    #[error(
        "standard output is no terminal\nnothing was shown\nfor scripts there is `nexus status --format json`"
    )]
    NotTerminal,
    /// The terminal does not do what it should.
    #[error("cannot use the terminal")]
    Terminal(#[source] io::Error),
    /// Histories that are not all ok.
    #[error(transparent)]
    Histories(#[from] CheckError),
    /// The user has seen enough.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// The exit code that stands for it.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Trace(TraceError::Bad(_) | TraceError::UnknownFormat { .. })
            | Failure::TooMuchWork(_)
            | Failure::Serve(ServeError::Exposure(_) | ServeError::Kind(_))
            | Failure::Token(
                CreateTokenError::Name(_)
                | CreateTokenError::Expiry(_)
                | CreateTokenError::Expired(_),
            )
            | Failure::Certs(CertsError::Name(_) | CertsError::Names(_) | CertsError::Days(_))
            | Failure::Unknown { .. }
            | Failure::Unfit(_)
            | Failure::NotTerminal
            | Failure::Body(BodyError::NotJson(_) | BodyError::TooLarge) => Exit::Usage,
            Failure::Check(_)
            | Failure::OtherNode { .. }
            | Failure::Serve(ServeError::CutShort { .. }) => Exit::Check,
            Failure::Campaign(CampaignError::Interrupted { .. })
            | Failure::Abandoned
            | Failure::Interrupted => Exit::Interrupted,
            Failure::Settings(error) | Failure::Serve(ServeError::Settings(error))
                if !error.is_unread() =>
            {
                Exit::Usage
            }
            Failure::Client(error) => error.exit(),
            Failure::Histories(error) => error.exit(),
            #[cfg(not(feature = "mutants"))]
            Failure::NoMutants => Exit::Usage,
            _ => Exit::Environment,
        }
    }

    /// Whether this is what the user wanted, so that there is nothing to say.
    pub fn is_wish(&self) -> bool {
        matches!(self, Failure::Interrupted)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nexus::Node;

    use super::*;

    #[test]
    fn a_drain_that_cut_work_short_is_a_check_that_failed() {
        let node = Node::start().expect("there are threads");
        let mut shutdown = node.shutdown(Duration::from_secs(5));
        shutdown.cut_short = vec!["cart/1: running".to_owned(); 9];
        let limit = Duration::from_secs(10);
        let failure = Failure::from(ServeError::CutShort { limit, shutdown: Box::new(shutdown) });
        assert_eq!(failure.exit(), Exit::Check);
        let told = failure.chain();
        assert!(told.contains("after 10 s (node.drain_s): agents still at it: 9"), "{told}");
        assert!(told.ends_with("and 1 more)"), "{told}");
    }
}
