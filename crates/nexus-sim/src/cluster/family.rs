//! What can go wrong, by name, and how often it did; and what somebody may wish for meanwhile.

use std::fmt;

use super::spec::Kind;

/// One way for the world to be unkind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    /// A frame takes much longer than usual, and what follows it waits.
    Delay,
    /// A frame does not arrive.
    Loss,
    /// A frame arrives twice.
    Duplicate,
    /// A frame is overtaken.
    Reorder,
    /// Bits of a frame are flipped.
    Corrupt,
    /// Frames of one node no longer reach another, while answers would.
    OneWay,
    /// Nodes are split into two sides that do not reach each other.
    Partition,
    /// A process dies; what it wrote stays, synced or not.
    Kill,
    /// A machine dies; what was not synced is lost.
    Power,
    /// A machine dies in the middle of a write, of which a part stays.
    Torn,
    /// A disk takes no more; the node stops and comes back once there is room.
    Full,
    /// A sync takes long.
    SlowSync,
    /// A node stands still and does not know it.
    Pause,
    /// A clock runs at another rate, within what is stated.
    ClockRate,
    /// A clock counts from elsewhere after a restart.
    ClockOffset,
    /// Somebody wants some slots of a shard to be a shard of their own.
    Split,
    /// Somebody wants two shards to be one.
    Merge,
    /// Somebody wants slots to go from one shard to another.
    Move,
    /// Somebody wants a shard to have another leader.
    Transfer,
    /// Somebody wants a shard to be kept on other nodes.
    Members,
}

impl Family {
    /// All of them, in the order of their counts.
    pub const ALL: [Family; 20] = [
        Family::Delay,
        Family::Loss,
        Family::Duplicate,
        Family::Reorder,
        Family::Corrupt,
        Family::OneWay,
        Family::Partition,
        Family::Kill,
        Family::Power,
        Family::Torn,
        Family::Full,
        Family::SlowSync,
        Family::Pause,
        Family::ClockRate,
        Family::ClockOffset,
        Family::Split,
        Family::Merge,
        Family::Move,
        Family::Transfer,
        Family::Members,
    ];

    /// Its name in rows and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Delay => "delay",
            Family::Loss => "loss",
            Family::Duplicate => "duplicate",
            Family::Reorder => "reorder",
            Family::Corrupt => "corrupt",
            Family::OneWay => "one-way",
            Family::Partition => "partition",
            Family::Kill => "kill",
            Family::Power => "power",
            Family::Torn => "torn",
            Family::Full => "full",
            Family::SlowSync => "slow-sync",
            Family::Pause => "pause",
            Family::ClockRate => "clock-rate",
            Family::ClockOffset => "clock-offset",
            Family::Split => "split",
            Family::Merge => "merge",
            Family::Move => "move",
            Family::Transfer => "transfer",
            Family::Members => "members",
        }
    }

    /// Whether it is no fault: somebody wants something changed. In worlds of groups there
    /// are wishes whatever families strike, see [`Changes`](super::Changes).
    pub const fn is_wish(self) -> bool {
        matches!(
            self,
            Family::Split | Family::Merge | Family::Move | Family::Transfer | Family::Members
        )
    }

    /// The family called `name`.
    pub fn of(name: &str) -> Option<Family> {
        Family::ALL.into_iter().find(|family| family.name() == name)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which families a world may draw from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Families(u32);

impl Families {
    /// All of them.
    pub const ALL: Families = Families((1 << Family::ALL.len()) - 1);
    /// None: a world in which nothing goes wrong.
    pub const NONE: Families = Families(0);

    /// Whether `family` is among them.
    pub const fn has(self, family: Family) -> bool {
        self.0 & (1 << family as u32) != 0
    }

    /// These and `family`.
    #[must_use]
    pub const fn with(self, family: Family) -> Families {
        Families(self.0 | 1 << family as u32)
    }

    /// These without `family`.
    #[must_use]
    pub const fn without(self, family: Family) -> Families {
        Families(self.0 & !(1 << family as u32))
    }

    /// Those of them that strike in a cluster of this kind.
    #[must_use]
    pub fn of(self, kind: Kind) -> Families {
        let strikes = |family: &Family| kind == Kind::Nodes || !family.is_wish();
        self.iter().filter(strikes).fold(Families::NONE, Families::with)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(move |family| self.has(*family))
    }
}

/// How often each family struck.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FaultCounts([u64; Family::ALL.len()]);

impl FaultCounts {
    /// How often `family` did.
    pub const fn of(&self, family: Family) -> u64 {
        self.0[family as usize]
    }

    /// Once more.
    #[inline]
    pub(crate) fn count(&mut self, family: Family) {
        self.0[family as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_family() {
        for (place, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(Family::of(family.name()), Some(family));
            assert_eq!(family as usize, place);
            assert!(!Families::ALL.without(family).has(family));
            assert!(Families::NONE.with(family).has(family));
        }
        assert_eq!(Families::ALL.iter().count(), Family::ALL.len());
    }

    #[test]
    fn families_of_wishes_strike_whole_nodes_alone() {
        assert_eq!(Families::ALL.of(Kind::Nodes), Families::ALL);
        let of_groups = Families::ALL.of(Kind::Groups);
        assert!(Family::ALL.iter().all(|one| of_groups.has(*one) != one.is_wish()));
    }
}
