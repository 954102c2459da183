//! What an agent has answered lately, so that what is asked again is not handled again.

use bytes::Bytes;
use nexus_cluster::bounded;
use serde::{Deserialize, Serialize};

use super::name::{Origin, Request};
use super::step::Handled;

/// Origins whose last answer is kept. The one that was handled longest ago goes: should it
/// ask the same again, that would be handled twice.
/// Source: the design of strict agents; a guess.
pub const ANSWERS_MAX: usize = 64;

/// The last answer to each of those who have asked last.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Answers {
    /// The one handled longest ago is the first.
    #[serde(deserialize_with = "bounded::list::<ANSWERS_MAX, _, _>")]
    list: Vec<Handled>,
}

/// Whether an agent has handled a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// It has not, as far as is remembered.
    New,
    /// It has, and this was the answer.
    Answered(Bytes),
    /// It has handled a later one of the same origin, who hence knows the answer.
    Older,
}

impl Answers {
    /// Whether a request was handled.
    pub(crate) fn seen(&self, request: Request) -> Seen {
        match self.last_of(request.from) {
            Some(last) if last.request.number == request.number => {
                Seen::Answered(last.reply.clone())
            }
            Some(last) if last.request.number > request.number => Seen::Older,
            _ => Seen::New,
        }
    }

    pub(super) fn last_of(&self, origin: Origin) -> Option<&Handled> {
        self.list.iter().find(|answer| answer.request.from == origin)
    }

    /// Takes in an answer, in place of the one to what the same origin asked before.
    pub(crate) fn take(&mut self, handled: Handled) {
        self.list.retain(|answer| answer.request.from != handled.request.from);
        self.list.push(handled);
        if self.list.len() > ANSWERS_MAX {
            self.list.remove(0);
        }
    }

    /// What the answers take of memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.list.iter().map(|answer| answer.reply.len() as u64).sum()
    }

    /// Whether answers could have come to this; of a list that was read.
    pub(super) fn is_sound(&self) -> bool {
        let mut origins: Vec<Origin> = self.list.iter().map(|it| it.request.from).collect();
        origins.sort_unstable();
        origins.windows(2).all(|pair| pair[0] < pair[1])
    }
}
