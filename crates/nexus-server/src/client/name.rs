//! Kind and key of one agent, as people type them.

use std::fmt;
use std::str::FromStr;

/// `KIND/KEY`: the kind ends at the first slash, the key may hold more of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentName {
    /// Its kind, without a slash.
    pub kind: String,
    /// Its key within the kind; not empty.
    pub key: String,
}

/// Text that names no agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("give a kind and a key with a slash between them, such as kv/42")]
pub struct NoAgentName;

impl AgentName {
    /// Puts a kind and a key together.
    pub fn new(kind: &str, key: &str) -> AgentName {
        AgentName { kind: kind.to_owned(), key: key.to_owned() }
    }
}

impl FromStr for AgentName {
    type Err = NoAgentName;

    fn from_str(text: &str) -> Result<AgentName, NoAgentName> {
        let (kind, key) = text.split_once('/').ok_or(NoAgentName)?;
        if kind.is_empty() || key.is_empty() {
            return Err(NoAgentName);
        }
        Ok(AgentName::new(kind, key))
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slash_ends_the_kind() {
        assert_eq!("kv/42".parse(), Ok(AgentName::new("kv", "42")));
        assert_eq!("room/a/b//c".parse(), Ok(AgentName::new("room", "a/b//c")));
        assert_eq!("room/ü x".parse(), Ok(AgentName::new("room", "ü x")));
        assert_eq!("kv//".parse(), Ok(AgentName::new("kv", "/")));
        for bad in ["", "kv", "kv/", "/42", "/"] {
            assert_eq!(bad.parse::<AgentName>(), Err(NoAgentName), "{bad}");
        }
    }
}
