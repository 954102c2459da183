//! Fences: what tells a holder of a lock from those before.
//!
//! Holding is no proof: who was held up for long may still believe that he holds. So what a
//! lock protects asks for the fence, and refuses a lower one than it has seen.

use std::fmt;

use crate::Wire;

/// What a lock was granted with: higher with each holder of the lock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Wire)]
#[wire(name = "nexus.fence")]
pub struct Fence {
    /// The term in which it was granted.
    pub term: u64,
    /// The place of the grant in the log.
    pub index: u64,
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.index)
    }
}

/// The newest fence that was shown: part of the state of whatever a lock protects.
///
/// ```
/// # extern crate nexus_agent as nexus;
/// use nexus::{Fence, NewestFence};
///
/// let (old, new) = (Fence { term: 1, index: 7 }, Fence { term: 1, index: 9 });
/// let mut newest = NewestFence::default();
/// assert!(newest.admit(old).is_ok());
/// assert!(newest.admit(new).is_ok());
/// assert!(newest.admit(old).is_err(), "somebody else holds the lock since");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Wire)]
#[wire(name = "nexus.newest-fence")]
pub struct NewestFence(Option<Fence>);

impl NewestFence {
    /// Takes notice of a fence that is shown.
    ///
    /// # Errors
    /// [`StaleFence`] if a newer one was shown before: do not do what is asked.
    pub fn admit(&mut self, shown: Fence) -> Result<(), StaleFence> {
        match self.0 {
            Some(newest) if shown < newest => Err(StaleFence { shown, newest }),
            _ => {
                self.0 = Some(shown);
                Ok(())
            }
        }
    }

    /// The newest, if any was shown.
    pub const fn newest(&self) -> Option<Fence> {
        self.0
    }
}

/// Who shows this fence holds the lock no longer. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Wire)]
#[wire(name = "nexus.stale-fence")]
#[error("the fence {shown} is older than {newest}: somebody else has held the lock since")]
pub struct StaleFence {
    /// What was shown.
    pub shown: Fence,
    /// What was shown before.
    pub newest: Fence,
}
