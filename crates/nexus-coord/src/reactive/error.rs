//! Why a request was not done.

use serde_json::Value;

use crate::RequestKind;

/// Why a request was not done. Whatever it was, the state is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReactiveError {
    /// There is no such query, update or action. Trying again will not help.
    #[error("there is no {kind} called {name:?}{}", did_you_mean(.suggestion))]
    UnknownName {
        /// Where it was looked for.
        kind: RequestKind,
        /// What was asked for.
        name: String,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// There is one of that name, but it is of another kind. Ask for that.
    #[error("there is no {kind} called {name:?}; `{name}` is {}", one(*.is))]
    WrongKind {
        /// Where it was looked for.
        kind: RequestKind,
        /// What was asked for.
        name: String,
        /// What it is.
        is: RequestKind,
    },
    /// The arguments do not fit. Correct them.
    #[error("the arguments of {name} do not fit{}", at(.path))]
    BadArgs {
        /// The query, update or action.
        name: &'static str,
        /// Where, as in `items[2].price`; empty for the whole.
        path: String,
        /// What is wrong with them.
        #[source]
        source: serde_json::Error,
    },
    /// The key is empty or too long. Choose another.
    #[error("the key has {key_bytes} bytes, must have between 1 and {key_bytes_max}")]
    BadKey {
        /// Its length.
        key_bytes: usize,
        /// The longest allowed.
        key_bytes_max: usize,
    },
    /// The state has as many keys as it may. Remove some, or use more agents.
    #[error("the state is full at {keys_max} keys")]
    StateFull {
        /// The limit.
        keys_max: usize,
    },
    /// The key does not hold what was expected. Decide anew from what it holds.
    #[error("key {key:?} does not hold the expected value")]
    Conflict {
        /// The key.
        key: String,
        /// What it holds; null if it is not there.
        found: Value,
    },
    /// The key holds something that cannot be added to.
    #[error("key {key:?} does not hold a 64-bit integer")]
    NotAnInteger {
        /// The key.
        key: String,
    },
    /// The sum does not fit 64 bits.
    #[error("adding {by} to key {key:?} would overflow")]
    Overflow {
        /// The key.
        key: String,
        /// What was to be added.
        by: i64,
    },
    /// The validator refused the changed state.
    #[error("the change is not valid: {reason}")]
    Invalid {
        /// What would be wrong with it.
        reason: String,
    },
    /// A function registered by the user refused.
    #[error("refused: {reason}")]
    Refused {
        /// The function's reason.
        reason: String,
    },
}

impl ReactiveError {
    /// What a registered function returns when it will not do what was asked.
    pub fn refused(reason: impl Into<String>) -> ReactiveError {
        ReactiveError::Refused { reason: reason.into() }
    }
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or(String::new(), |name| format!(", did you mean `{name}`?"))
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" at `{path}`") }
}

fn one(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Query => "a query",
        RequestKind::Update => "an update",
        RequestKind::Action => "an action",
    }
}
