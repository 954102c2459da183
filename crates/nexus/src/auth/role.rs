//! What the holder of a token may do.

use std::fmt;
use std::str::FromStr;

/// What the holder of a token may do; each may do what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Look: at agents, events, metrics, the node.
    Viewer,
    /// Also create, ask, set and stop agents.
    Operator,
    /// Also drain the node.
    Admin,
}

/// A word that names no role.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no role; valid are viewer, operator and admin")]
pub struct ParseRoleError;

impl Role {
    /// Every role, least first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// Its name, as in the file of tokens.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(name: &str) -> Result<Role, ParseRoleError> {
        Role::ALL.into_iter().find(|role| role.name() == name).ok_or(ParseRoleError)
    }
}
