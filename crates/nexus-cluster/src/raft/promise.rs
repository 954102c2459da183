//! What a member has promised, which outlives its files.
//!
//! Who has left a group gives up its log and its state, and may be asked to come back later.
//! It has voted, and it has said of entries that they are on its disk. Elections rest on both:
//! a majority that a later candidate needs meets the majority that an entry had, and whoever
//! is in both must refuse a candidate that lacks the entry. A member that begins blank would
//! not, and *of its log it cannot know either whether it votes*: while it is fed anew from
//! the beginning, the members that it finds there are those of long ago, itself among them.
//! So two numbers stay on its disk: the vote with its term, and where its log ended.
//!
//! With these it answers candidates and leaders as if it still had its files:
//!
//! * In a term in which it voted it votes for nobody else, nor does it follow or acknowledge
//!   a leader of an earlier one.
//! * Whom it would have refused for a log shorter than its own it refuses still, whatever it
//!   believes the members to be; a log grows in this order only, so once its own is as long
//!   again the number says nothing more.
//! * It does not stand itself before its log is as long again.
//! * Having begun from something stored it votes for nobody for as long as it may have
//!   promised a leader to, as after any restart.
//!
//! What it has said to have on its disk it has no longer. So it may leave only where nobody
//! counts it: once a leader has committed a configuration without it, a majority without it
//! has all that came before. That is up to whoever takes the files away.

use super::effect::Stored;
use super::entry::{Index, Term};
use super::{Mutant, Raft};

impl Raft {
    /// All that is left of this member once its files are given up; to be on disk before they
    /// go, or with their going. Whoever comes back starts from it.
    pub fn promise(&self) -> Stored {
        let left = Some(self.log.last().max(self.left));
        Stored { vote: self.vote, left, ..Stored::default() }
    }

    /// Whether the last entry a member agreed on says who the group consists of, and that.
    pub fn is_settled(&self) -> bool {
        !self.members().is_joint() && self.log.members_index() <= self.commit
    }

    /// Whether a log that ends there has all that this member has had.
    pub(super) fn is_up_to_date(&self, last: (Term, Index)) -> bool {
        last >= self.log.last().max(self.left) || self.is(Mutant::VoteWithoutLogCheck)
    }
}
