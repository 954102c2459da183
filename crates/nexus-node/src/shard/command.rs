//! What a shard's log holds.

use bytes::Bytes;
use nexus_base::AgentId;
use nexus_cluster::NodeId;
use nexus_cluster::registry::{NAME_BYTES_MAX, Registration};
use nexus_cluster::shard::{self, HandoffId, SlotSet};
use serde::{Deserialize, Serialize};

use super::codec;
use super::part::{PART_BYTES_MAX, PARTS_MAX, Part};
use super::step::Step;

/// Bytes of an encoded command: as many as a proposal of a group may have, unless its
/// [`Spec`](nexus_cluster::raft::Spec) says otherwise.
pub const COMMAND_BYTES_MAX: usize = 1 << 20;

/// The first byte of every command, so that a later form is known for what it is.
const FORMAT: u8 = 1;

/// A command of a shard's group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// An agent has made a step.
    Step(Box<Step>),
    /// The receiver has a letter: its sender need not keep it.
    Delivered {
        /// Who sent it.
        #[serde(with = "codec::agent_id")]
        agent: AgentId,
        /// Its number among what that agent sent.
        letter: u64,
    },
    /// A step of a handoff is due.
    Handoff {
        /// Of which.
        handoff: HandoffId,
        /// What is due.
        step: shard::Step,
        /// All slots of the handoff.
        #[serde(with = "codec::slots")]
        slots: SlotSet,
        /// Into how many parts the source has cut what it holds of them; 0 but for
        /// [`Install`](shard::Step::Install).
        parts: u32,
    },
    /// What the source holds of slots that are to be installed, or a part of it.
    Part {
        /// For which handoff.
        handoff: HandoffId,
        /// All slots of the handoff.
        #[serde(with = "codec::slots")]
        slots: SlotSet,
        /// Which part, and what is in it.
        part: Part,
    },
    /// An agent that lives on the node that made it has a name in this shard.
    Register {
        /// The id of the name.
        #[serde(with = "codec::agent_id")]
        agent: AgentId,
        /// Whose it is.
        entry: Registration,
    },
    /// That name is free.
    Unregister {
        /// The id of the name.
        #[serde(with = "codec::agent_id")]
        agent: AgentId,
        /// Whose it was.
        entry: Registration,
    },
    /// A node has ended, or begun a new life: names of its earlier lives are free.
    Forget {
        /// Which.
        node: NodeId,
        /// Its last life that is over; none if it has left for good.
        incarnation: Option<u64>,
    },
}

impl Command {
    /// Its bytes in the log.
    ///
    /// # Errors
    /// [`EncodeError`]; what cannot be read is not written.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        if let Some(what) = self.unsound() {
            return Err(EncodeError::Unsound { what });
        }
        let bytes = postcard::to_extend(self, vec![FORMAT]).expect("every command has a form");
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(EncodeError::TooLarge { bytes: bytes.len() });
        }
        Ok(bytes.into())
    }

    /// The command that has these bytes. Whatever comes in, it does not panic, and takes
    /// no more memory than in proportion to them.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Command, DecodeError> {
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(DecodeError::TooLarge { bytes: bytes.len() });
        }
        let (&format, body) = bytes.split_first().ok_or(DecodeError::Damaged)?;
        if format != FORMAT {
            return Err(DecodeError::Format { format });
        }
        let command: Command = codec::read(body).ok_or(DecodeError::Damaged)?;
        match command.unsound() {
            Some(what) => Err(DecodeError::Unsound { what }),
            None => Ok(command),
        }
    }

    /// The first bound that it does not keep.
    fn unsound(&self) -> Option<&'static str> {
        let check = |kept: bool, what| if kept { None } else { Some(what) };
        match self {
            Command::Step(step) => step.unsound(),
            Command::Handoff { parts, .. } => check(*parts <= PARTS_MAX, "the number of parts"),
            Command::Part { part, .. } => {
                let fits = part.number < PARTS_MAX && part.bytes.len() <= PART_BYTES_MAX;
                check(fits, "the size of a part")
            }
            Command::Register { entry, .. } | Command::Unregister { entry, .. } => {
                check(entry.name.len() <= NAME_BYTES_MAX, "the name")
            }
            Command::Delivered { .. } | Command::Forget { .. } => None,
        }
    }
}

/// Why a command has no bytes. Nothing was proposed; the same command fails again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Keep less in an agent, or say it in several steps.
    #[error("a command has {bytes} bytes, of at most {COMMAND_BYTES_MAX}")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// Make it smaller.
    #[error("{what} of a command is beyond its bound")]
    Unsound {
        /// What of it.
        what: &'static str,
    },
}

/// Why bytes are no command. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Whoever wrote it is broken or malicious.
    #[error("{bytes} bytes are more than a command may have, {COMMAND_BYTES_MAX}")]
    TooLarge {
        /// How many they are.
        bytes: usize,
    },
    /// A later version of Nexus wrote it. Update this node.
    #[error("a command of format {format}; this node reads {FORMAT}")]
    Format {
        /// Which.
        format: u8,
    },
    /// Whoever wrote it is broken or malicious.
    #[error("the bytes are no command")]
    Damaged,
    /// Whoever wrote it is broken or malicious.
    #[error("{what} of a command is beyond its bound")]
    Unsound {
        /// What of it.
        what: &'static str,
    },
}
