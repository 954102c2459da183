//! Why settings were not taken: every problem, each with its place.

use std::fmt;
use std::path::PathBuf;

/// Problems that an error tells one by one; of further ones it tells the number.
/// A guess: nobody reads more at once.
const PROBLEMS_MAX: usize = 100;

/// Why settings were not taken: one problem or many, all that there are. Reads
/// the same with [`fmt::Debug`], so that `main` may return it.
pub struct SettingsError {
    problems: Vec<Problem>,
    more: usize,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What it is.
    pub fault: Fault,
}

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// Its line, counted from 1; `None` if it concerns the file as a whole.
        line: Option<usize>,
    },
    /// In a variable of the environment.
    Variable {
        /// Its name.
        name: String,
    },
    /// In an argument of the command.
    Argument {
        /// The name of the setting.
        name: String,
    },
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The system gives no such file: it is missing, a folder, or not ours to read.
    #[error("{0}")]
    Unread(String),
    /// It is no file of settings at all.
    #[error("{0}")]
    Unreadable(String),
    /// The file is not TOML there.
    #[error("this is not TOML: {0}")]
    Syntax(String),
    /// There is no such section.
    #[error("there is no section {name}; {}", hint(nearest.as_deref(), valid))]
    UnknownSection {
        /// As written, in quotation marks.
        name: String,
        /// Which may have been meant.
        nearest: Option<String>,
        /// All that there are.
        valid: String,
    },
    /// The section has no such key.
    #[error("[{section}] has no key {key}; {}", hint(nearest.as_deref(), valid))]
    UnknownKey {
        /// The section.
        section: String,
        /// As written, in quotation marks.
        key: String,
        /// Which may have been meant, here or in another section.
        nearest: Option<String>,
        /// All keys of the section.
        valid: String,
    },
    /// A key stands outside of any section, or a section is not a table.
    #[error("{name} is not a section with settings in it; {}", hint(nearest.as_deref(), valid))]
    NotASection {
        /// As written, in quotation marks.
        name: String,
        /// Which setting may have been meant.
        nearest: Option<String>,
        /// All sections.
        valid: String,
    },
    /// The value is of the wrong type or out of its range.
    #[error("{name} is {found}; valid is {valid}{}", meant(nearest.as_deref()))]
    Value {
        /// The setting, as `[section] key`.
        name: String,
        /// What was found.
        found: String,
        /// What would do.
        valid: String,
        /// Which of several choices may have been meant.
        nearest: Option<String>,
    },
}

fn hint(nearest: Option<&str>, valid: &str) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("valid are {valid}"),
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}

impl SettingsError {
    /// The problems: those of the file by line, then those of variables by name.
    /// Of more than a hundred, the first hundred.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether a file that the system does not give is all that is wrong.
    pub fn is_unread(&self) -> bool {
        self.problems.iter().all(|problem| matches!(problem.fault, Fault::Unread(_)))
    }
}

impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings are wrong and none was taken; correct this and try again:")?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for SettingsError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Place::File { path, line: None } => write!(f, "{}", path.display()),
            Place::Variable { name } | Place::Argument { name } => {
                write!(f, "{}", name.escape_debug())
            }
        }
    }
}

/// Problems as they are found.
#[derive(Default)]
pub(super) struct Problems {
    problems: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Keeps what went wrong at that place, if something did.
    pub(super) fn note(&mut self, place: Place, outcome: Result<(), Fault>) {
        if let Err(fault) = outcome {
            self.push(Problem { place, fault });
        }
    }

    pub(super) fn into_result(self) -> Result<(), SettingsError> {
        let Problems { problems, more } = self;
        if problems.is_empty() { Ok(()) } else { Err(SettingsError { problems, more }) }
    }
}
