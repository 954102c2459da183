//! Membership: which nodes there are, and which of them answer.
//!
//! Every node probes another one at random in each period, has others try where it got no
//! answer, and suspects one that nobody reaches. For a second a lost packet and a dead
//! machine look alike, so a suspect has time to clear itself before it is called down.
//! News travel on the probes themselves, so the load of a node does not grow with the
//! cluster. The protocol is SWIM with suspicion, by the library foca; ours are the
//! identities, the bounds, the pages by which a newcomer learns of everybody, and what is
//! said of two processes that are one node.
//!
//! Read [`Membership`] first. What is promised and what is not: `docs/cluster.md`.
//!
//! Absent on purpose: clocks, sockets, threads, keys. Nothing here decides who may write:
//! that a member is down is an opinion, and two nodes may hold different ones.
//!
//! # Source
//! Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group
//! Membership Protocol", 2002.

mod about;
mod accuracy;
mod address;
mod book;
mod chance;
mod effect;
mod error;
mod identity;
mod outbox;
mod rivals;
mod spec;
mod swim;
mod sync;
mod timers;
mod verbs;
mod wire;
mod words;

use std::collections::VecDeque;

use foca::{Foca, NoCustomBroadcast};
use nexus_base::{Rng, Time};

use crate::NodeId;
use book::Book;
use chance::Chance;
use identity::Identity;
use outbox::Outbox;
use sync::Sync;
use timers::Timers;
use wire::Codec;

pub use about::{ABOUT_BYTES_MAX, CAPABILITIES_MAX, CAPABILITY_BYTES_MAX, Metadata, MetadataError};
pub use accuracy::{Accuracy, Inaccuracy, Sight};
pub use address::{ADDRESS_BYTES_MAX, Address, AddressError};
pub use effect::{Conflict, Effect, Member, MemberState, Standing};
pub use error::{Counts, DatagramError};
pub use identity::Life;
pub use spec::{MEMBERS_LIMIT, Spec, SpecError};
pub use wire::{DATAGRAM_BYTES_MAX, SEAL_BYTES_MAX};
pub use words::words;

/// The most addresses that [`Membership::join`] keeps.
pub const SEEDS_MAX: usize = 16;
/// Effects waiting above which nothing more is taken in. One input adds some two hundred
/// at most. A guess: whoever polls after each input never comes near.
pub const EFFECTS_LEN_MAX: usize = 4_096;

/// Who this node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// Its number.
    pub node: NodeId,
    /// At least 1, and greater than in any earlier process of this node: a count of starts
    /// kept in the data directory, or the seconds of the wall clock.
    pub start: u64,
    /// Where others reach it.
    pub address: Address,
    /// What it tells of itself.
    pub metadata: Metadata,
}

/// What one node knows of the others, and what it does to know it.
///
/// After each call poll the effects until there are none, and call
/// [`Membership::handle_timeout`] at [`Membership::next_timeout`].
pub struct Membership {
    spec: Spec,
    foca: Foca<Identity, Codec, Chance, NoCustomBroadcast>,
    outbox: Outbox,
    timers: Timers,
    book: Book,
    effects: VecDeque<Effect>,
    counts: Counts,
    standing: Standing,
    seeds: Vec<Address>,
    join_at: Option<Time>,
    sync: Sync,
    /// For which size, in doublings, foca is set up.
    size_class: u32,
    /// Another process of this node, outranked and reported.
    rival: Option<Life>,
    rng: Rng,
}

impl Membership {
    /// A node that knows of nobody yet.
    ///
    /// # Errors
    /// [`SpecError`] if the settings cannot work or `me` cannot be carried.
    pub fn new(spec: Spec, me: &Me, rng: &Rng) -> Result<Membership, SpecError> {
        spec.check()?;
        if me.start == 0 {
            return Err(SpecError::Start);
        }
        let about = about::encode(&me.address, &me.metadata).map_err(|_| SpecError::Metadata)?;
        let birth = (rng.fork("birth").next_u64() >> 32) as u32;
        let life = Life { node: me.node, start: me.start, birth, renewal: 0 };
        let chance = Chance(rng.fork("swim"));
        let identity = Identity { life, about };
        let foca = Foca::new(identity, spec.config(1), chance, Codec::default());
        Ok(Membership {
            foca,
            outbox: Outbox::default(),
            timers: Timers::default(),
            book: Book::default(),
            effects: VecDeque::new(),
            counts: Counts::default(),
            standing: Standing::Alone,
            seeds: Vec::new(),
            join_at: None,
            sync: Sync::default(),
            size_class: spec::doublings(1),
            rival: None,
            rng: rng.fork("sync"),
            spec,
        })
    }

    /// This node's own life, as of now.
    pub fn life(&self) -> Life {
        self.foca.identity().life
    }

    /// What this node tells of itself.
    pub fn metadata(&self) -> Metadata {
        about::metadata(&self.foca.identity().about)
    }

    /// How this node itself takes part.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// All other nodes that are known, in the order of their numbers; those that are down
    /// or have left until they are forgotten.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.book.members()
    }

    /// What is known of one node; nothing of this one itself.
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.book.get(node).map(book::Record::member)
    }

    /// How many others are up or only suspected.
    pub fn active_count(&self) -> usize {
        self.book.active_count()
    }

    /// What has been sent, taken in and refused.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many timers wait: a handful, and one for each suspicion and each member that is
    /// down.
    pub fn timer_count(&self) -> usize {
        self.timers.len()
    }

    fn is_over(&self) -> bool {
        matches!(self.standing, Standing::Left | Standing::Replaced)
    }
}

#[cfg(test)]
mod tests;
