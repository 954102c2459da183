//! One thing that happened in a world, for people.

use std::fmt;
use std::sync::Arc;

use nexus_base::Time;

/// One thing that happened in a world; printed as one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub(crate) at: Time,
    /// `kind/key`, if it happened to an agent.
    pub(crate) agent: Option<Arc<str>>,
    pub(crate) what: What,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// It has its turn.
    Turn,
    /// It starts to handle a message of this content.
    Handles { message: &'static str, content: u64 },
    /// A timer or a deadline.
    Rings,
    /// Something from outside.
    Input,
    /// Anything else, in words.
    Said(Box<str>),
}

impl Record {
    /// When it happened.
    pub fn at(&self) -> Time {
        self.at
    }

    /// To whom, as `kind/key`; `None` if to nobody in particular.
    pub fn agent(&self) -> Option<&str> {
        self.agent.as_deref()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.at)?;
        if let Some(agent) = &self.agent {
            write!(f, "{agent} ")?;
        }
        match &self.what {
            What::Turn => f.write_str("has its turn"),
            What::Handles { message, content } => write!(f, "handles {message} #{content:016x}"),
            What::Rings => f.write_str("an alarm rings"),
            What::Input => f.write_str("input from outside"),
            What::Said(text) => f.write_str(text),
        }
    }
}
