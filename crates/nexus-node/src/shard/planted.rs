//! Bugs planted on purpose, so that the checkers can be seen to find them.

/// A bug that a shard can be given, to see whether the checkers find it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Planted {
    /// Steps are taken for sealed slots: what they change does not move with them.
    SealIgnored,
    /// Reminders of sealed slots are offered still, and their steps taken: the next owner
    /// of the slots has the same reminder.
    ReminderTwice,
    /// The number of a step is not looked at.
    AnyOrder,
}

#[cfg(any(test, feature = "mutants"))]
impl Planted {
    /// All of them.
    pub const ALL: [Planted; 3] = [Planted::SealIgnored, Planted::ReminderTwice, Planted::AnyOrder];
}
