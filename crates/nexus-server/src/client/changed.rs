//! Whether a failed request may have changed anything at the node.

use std::fmt;

use serde::Deserialize;

/// What is known of the state after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Changed {
    /// The request had no effect.
    No,
    /// It had an effect, perhaps not all that was asked.
    Yes,
    /// The connection broke before the node could say.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Changed::No => "nothing was changed",
            Changed::Yes => "something was changed",
            Changed::Unknown => "it is not known whether anything was changed",
        })
    }
}
