//! Which members own what, as every node computes it alike from the list of members.
//!
//! Each member has many points on a circle of 2⁶⁴ positions; a thing at a position belongs
//! to the member whose point comes next. So a member who joins takes its share from all
//! others, a bit of each, and nothing else moves. Chance leaves some with a quarter more
//! than others; where that is too much, [`Ring::place`] bounds it: who is full passes on to
//! the next, and only what does not fit moves further.
//!
//! What must stay true:
//!
//! 1. The answer follows from the members alone: not from the order they came in, not from
//!    the machine. The hash has fixed keys.
//! 2. Owners of a thing are different members.
//! 3. With a bound, nobody has more than [`capacity`], as long as enough others have room.
//!
//! Absent on purpose: weights, racks and zones; a memory of what was before.
//!
//! # Source
//! Karger et al., "Consistent Hashing and Random Trees", 1997; Mirrokni, Thorup and
//! Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016 (arXiv:1608.01350).

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use nexus_base::Ratio;
use siphasher::sip::SipHasher13;

use crate::NodeId;

mod slot;

pub use slot::{SLOT_COUNT, Slot, UnknownSlot};

/// Points of each member. With 100 the heaviest of 100 members has 1.27 times the mean.
pub const POINTS_PER_MEMBER: u16 = 100;

/// Members a ring takes. Source: four times the largest cluster that is tested.
pub const MEMBERS_MAX: usize = 4_096;

/// How much more than its share a member may have, where loads are bounded.
///
/// Source: Mirrokni et al. recommend 1/4 as a good trade: a join then moves hardly more
/// than without a bound. See `docs/cluster.md`, "Placement".
pub const SLACK: Ratio = Ratio::new(1, 4);

/// The keys of the hash. Any would do; another pair would move nearly everything.
const KEYS: (u64, u64) = (0x6e65_7875_7372_696e, 0x6720_706f_696e_7473);

/// The members of a cluster around a circle.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Ring {
    members: BTreeSet<NodeId>,
    /// In order of position; two points at one position are in order of member.
    points: Vec<(u64, NodeId)>,
}

impl Ring {
    /// A ring of nobody.
    pub const fn new() -> Ring {
        Ring { members: BTreeSet::new(), points: Vec::new() }
    }

    /// A ring of `members`.
    ///
    /// # Errors
    /// [`RingError::Full`] with more than [`MEMBERS_MAX`].
    pub fn of(members: impl IntoIterator<Item = NodeId>) -> Result<Ring, RingError> {
        let mut ring = Ring::new();
        for member in members {
            ring.admit(member)?;
        }
        ring.points = ring.members.iter().flat_map(|&member| points_of(member)).collect();
        ring.points.sort_unstable();
        Ok(ring)
    }

    /// Lets a member in. One that is in already changes nothing.
    ///
    /// # Errors
    /// [`RingError::Full`]; nothing changed.
    pub fn join(&mut self, member: NodeId) -> Result<(), RingError> {
        if self.admit(member)? {
            self.points.extend(points_of(member));
            // Stable, since that sort is fast where nearly all is in order.
            self.points.sort();
        }
        Ok(())
    }

    /// Takes a member out; whether it was in.
    pub fn leave(&mut self, member: NodeId) -> bool {
        let was_in = self.members.remove(&member);
        if was_in {
            self.points.retain(|&(_, owner)| owner != member);
        }
        was_in
    }

    /// Who is in, in order.
    pub fn members(&self) -> impl ExactSizeIterator<Item = NodeId> {
        self.members.iter().copied()
    }

    /// Whether `member` is in.
    pub fn contains(&self, member: NodeId) -> bool {
        self.members.contains(&member)
    }

    /// The first `count` different members from `position` on, fewer if there are not as
    /// many. The first owns, the others hold copies.
    pub fn owners(&self, position: u64, count: usize) -> Vec<NodeId> {
        self.first(position, count, |_| true)
    }

    /// Owners of many things, `count` each, no member having more than [`capacity`].
    ///
    /// Things are placed in the order given, which matters to those that find somebody full:
    /// give them in the same order each time, as by their number. Where fewer than `count`
    /// members have room, the least loaded of the others takes it nevertheless: a copy too
    /// many is better than one too few.
    pub fn place(
        &self,
        positions: impl ExactSizeIterator<Item = u64>,
        count: usize,
        slack: Ratio,
    ) -> Vec<Vec<NodeId>> {
        let count = count.min(self.members.len());
        let capacity = capacity(positions.len() * count, self.members.len(), slack);
        let mut loads: BTreeMap<NodeId, usize> = self.members().map(|member| (member, 0)).collect();
        let place = |position| {
            let mut owners = self.first(position, count, |member| loads[&member] < capacity);
            while owners.len() < count {
                owners.push(least_loaded(&loads, &owners));
            }
            for owner in &owners {
                *loads.get_mut(owner).expect("owners are members") += 1;
            }
            owners
        };
        positions.map(place).collect()
    }

    fn admit(&mut self, member: NodeId) -> Result<bool, RingError> {
        if self.members.len() >= MEMBERS_MAX && !self.members.contains(&member) {
            return Err(RingError::Full { member });
        }
        Ok(self.members.insert(member))
    }

    fn first(&self, position: u64, count: usize, has_room: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
        let count = count.min(self.members.len());
        let mut found = Vec::with_capacity(count);
        let start = self.points.partition_point(|&(point, _)| point < position);
        let (before, after) = self.points.split_at(start);
        for &(_, member) in after.iter().chain(before) {
            if found.len() == count {
                break;
            }
            if has_room(member) && !found.contains(&member) {
                found.push(member);
            }
        }
        found
    }
}

/// How many of `things` each of `members` may have: its share and the slack, rounded up.
pub fn capacity(things: usize, members: usize, slack: Ratio) -> usize {
    let share = things as u128 * (u128::from(slack.den()) + u128::from(slack.num()));
    let parts = (members as u128 * u128::from(slack.den())).max(1);
    share.div_ceil(parts) as usize
}

/// The position of a thing that has a number but no place in the id space.
pub fn position_of(number: u64) -> u64 {
    hash(&[b"t".as_slice(), &number.to_le_bytes()])
}

fn points_of(member: NodeId) -> impl Iterator<Item = (u64, NodeId)> {
    let point =
        move |number: u16| hash(&[b"m".as_slice(), &member.0.to_le_bytes(), &number.to_le_bytes()]);
    (0..POINTS_PER_MEMBER).map(move |number| (point(number), member))
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(KEYS.0, KEYS.1);
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish()
}

fn least_loaded(loads: &BTreeMap<NodeId, usize>, except: &[NodeId]) -> NodeId {
    let others = loads.iter().filter(|(member, _)| !except.contains(member));
    let (&member, _) = others.min_by_key(|&(_, load)| load).expect("there are more members");
    member
}

/// Why a member was not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// Nothing changed. Trying again helps once somebody has left.
    #[error("{member} does not join the ring: it has {MEMBERS_MAX} members, which is the most")]
    Full {
        /// Who wanted in.
        member: NodeId,
    },
}

#[cfg(test)]
mod tests;
