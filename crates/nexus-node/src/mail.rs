//! What nodes say to each other about agents, locks and shards.

use std::time::Duration;

use bytes::Bytes;
use nexus_cluster::raft::Term;
use nexus_cluster::registry::Residence;
use nexus_cluster::shard::{HandoffId, ShardId, SlotSet, Step};
use nexus_cluster::wire::Content;
use nexus_cluster::{GroupId, NodeId};
use serde::{Deserialize, Serialize};

use crate::locks::{self, LockAsked, LockOutcome};
use crate::shard::{AgentName, Part, Request};

/// Between nodes whose agents ask each other, or about locks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Mail {
    /// Somebody asks an agent.
    Ask(Asked),
    /// What came of it.
    Answer {
        /// The number it was asked with.
        call: u64,
        /// The outcome.
        outcome: Outcome,
    },
    /// Somebody asks about a lock, of whoever leads the control group.
    Lock(LockAsked),
    /// What came of it.
    LockAnswer {
        /// The number it was asked with.
        call: u64,
        /// Which try of it this is.
        attempt: u32,
        /// The outcome.
        outcome: LockOutcome,
    },
}

/// Somebody asks an agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Comes back with the outcome.
    pub call: u64,
    /// Whom.
    pub to: AgentName,
    /// What.
    pub what: What,
    /// How long the asker waits.
    pub within: Duration,
    /// So that a local agent of the receiver is asked; none if the receiver is to find out
    /// who is.
    pub direct: Option<Direct>,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum What {
    /// An agent, to handle a message.
    Message {
        /// The type of the message.
        message: String,
        /// The message.
        bytes: Bytes,
        /// What it is handled once as, by an agent that knows requests.
        request: Request,
    },
    /// Who keeps the names, to give one to a local agent of the asker, or to take it back.
    Naming {
        /// Whether it has it from now on.
        held: bool,
        /// In which life of the asker.
        life: u64,
    },
}

/// With what is sent to the node of a local agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Direct {
    /// In which life of the receiver the agent lives.
    pub to: u64,
    /// In which life the asker asks.
    pub from: u64,
}

/// What came of an ask, as far as one node can tell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It is done, and durable as its kind promises.
    Done {
        /// The reply.
        reply: Bytes,
        /// In which term.
        term: Term,
    },
    /// Not here; perhaps there.
    Moved(Option<Residence>),
    /// Here, but not now: ask again after a pause, with the same request.
    Again {
        /// Whether it may have been done all the same.
        unsure: bool,
    },
    /// Never, and nothing changed. The reason is for people.
    Refused {
        /// Why.
        reason: String,
    },
    /// A local agent of another node has that name.
    At {
        /// Of which node.
        node: NodeId,
        /// In which life of it.
        life: u64,
    },
    /// No local agent of that name is here, and nothing was done.
    NotHere,
    /// The handler of a local agent came to no answer, and may have run in part.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Whether it is done.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Outcome::Done { .. })
    }
}

/// What those learn who wait for an activation that is discarded.
pub(crate) const UNSURE: Outcome = Outcome::Again { unsure: true };

/// Between nodes that keep shards and those that keep the map of them. All of it is said
/// again until it has had its effect, and may come late and twice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum News {
    /// Is there a newer map than of this version?
    MapAsked {
        /// The version that is known.
        version: u64,
    },
    /// There is.
    Map {
        /// The map's bytes.
        bytes: Bytes,
    },
    /// The sender leads a shard.
    Led {
        /// Which.
        shard: ShardId,
        /// Since which term.
        term: Term,
        /// Who votes in it.
        voters: Vec<NodeId>,
    },
    /// A shard that the receiver leads has a step of a handoff to do.
    Due {
        /// Which shard.
        shard: ShardId,
        /// Of which handoff.
        handoff: HandoffId,
        /// Which step.
        step: Step,
        /// With which slots.
        slots: SlotSet,
        /// Who has what is to be installed.
        from: ShardId,
    },
    /// A step of a handoff is done, durably.
    Done {
        /// Of which.
        handoff: HandoffId,
        /// Which.
        step: Step,
    },
    /// What does the sealed shard hold of these slots?
    PartAsked {
        /// Which shard.
        shard: ShardId,
        /// Which shard asks.
        to: ShardId,
        /// For which handoff.
        handoff: HandoffId,
        /// Of which slots.
        slots: SlotSet,
        /// Which part.
        number: u32,
    },
    /// This.
    Part {
        /// For which shard.
        to: ShardId,
        /// For which handoff.
        handoff: HandoffId,
        /// Of which slots.
        slots: SlotSet,
        /// How many parts there are.
        count: u32,
        /// One of them; none if there are none.
        part: Option<Part>,
    },
    /// Does the sender still count in this group, which the receiver may lead?
    KeptAsked {
        /// Which.
        group: GroupId,
        /// Comes back with the answer.
        number: u64,
    },
    /// It does not, and that is committed.
    NotKept {
        /// In which.
        group: GroupId,
        /// Of the question.
        number: u64,
        /// In which term the sender leads it.
        term: Term,
    },
    /// Another node should lead a shard that the receiver leads.
    Yield {
        /// Which.
        shard: ShardId,
        /// Who.
        to: NodeId,
    },
}

impl Mail {
    pub(crate) fn content(&self) -> Content {
        Content::Mail(bytes(self))
    }

    /// None if the bytes are no mail.
    pub(crate) fn read(bytes: &[u8]) -> Option<Mail> {
        let mail: Mail = whole(bytes)?;
        let sound = match &mail {
            Mail::Ask(asked) => asked.to.is_sound(),
            Mail::Lock(asked) => locks::refusal(&asked.what).is_none(),
            Mail::Answer { .. } | Mail::LockAnswer { .. } => true,
        };
        sound.then_some(mail)
    }
}

impl News {
    pub(crate) fn content(&self) -> Content {
        Content::Directory(bytes(self))
    }

    /// None if the bytes are no news.
    pub(crate) fn read(bytes: &[u8]) -> Option<News> {
        whole(bytes)
    }
}

/// What a frame says, in words for people who look at a run.
pub fn words(content: &Content) -> String {
    let unread = || "what cannot be read".to_owned();
    match content {
        Content::Raft(message) => format!("{message:?}"),
        Content::Mail(bytes) => Mail::read(bytes).map_or_else(unread, |mail| format!("{mail:?}")),
        Content::Directory(bytes) => {
            News::read(bytes).map_or_else(unread, |news| format!("{news:?}"))
        }
        other => format!("{other:?}"),
    }
}

fn bytes<T: Serialize>(value: &T) -> Bytes {
    postcard::to_allocvec(value).expect("all of it has a form").into()
}

/// Reads a value that takes up all of `bytes`. Lists and strings in it are read piece by
/// piece, so what is allocated is in proportion to what is there.
fn whole<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}
