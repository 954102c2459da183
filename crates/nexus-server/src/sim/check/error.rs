//! Why not all histories are ok.

use std::fmt;
use std::io;

use nexus_sim::BadInput;

use crate::failure::Exit;

/// Why not all histories are ok.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Some break the promise, or nobody knows whether they do.
    #[error("{violated} of {files} violated, {unknown} unknown")]
    NotOk {
        /// How many were given.
        files: usize,
        /// How many break it.
        violated: usize,
        /// Of how many the verdict is not known.
        unknown: usize,
    },
    /// Some could not be checked.
    #[error("{}", tell(.0))]
    Unchecked(Vec<Unchecked>),
}

/// A file that could not be checked.
#[derive(Debug)]
pub struct Unchecked {
    pub(super) name: String,
    pub(super) problem: Problem,
}

/// Why a file could not be checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The system does not give it to us.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// It is no history.
    #[error(transparent)]
    Bad(#[from] BadInput),
}

impl CheckError {
    /// # Errors
    /// If there is anything to tell.
    pub(super) fn of(
        unchecked: Vec<Unchecked>,
        violated: usize,
        unknown: usize,
        files: usize,
    ) -> Result<(), CheckError> {
        if !unchecked.is_empty() {
            return Err(CheckError::Unchecked(unchecked));
        }
        match violated + unknown {
            0 => Ok(()),
            _ => Err(CheckError::NotOk { files, violated, unknown }),
        }
    }

    /// The exit code that stands for it: that a file is not there weighs most,
    /// as it says least about the others.
    pub fn exit(&self) -> Exit {
        match self {
            CheckError::NotOk { .. } => Exit::Check,
            CheckError::Unchecked(files) if files.iter().any(Unchecked::is_unreadable) => {
                Exit::Environment
            }
            CheckError::Unchecked(_) => Exit::Usage,
        }
    }
}

impl Unchecked {
    fn is_unreadable(&self) -> bool {
        matches!(self.problem, Problem::Unreadable(_))
    }
}

impl fmt::Display for Unchecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Unreadable(source) => write!(f, "cannot read {}: {source}", self.name),
            Problem::Bad(bad) => bad.fmt(f),
        }
    }
}

fn tell(files: &[Unchecked]) -> String {
    let told: Vec<String> = files.iter().map(ToString::to_string).collect();
    told.join("\n")
}
