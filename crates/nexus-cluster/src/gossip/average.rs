//! The mean over all nodes, found by pairs that settle on their own mean.

use serde::{Deserialize, Serialize};

use crate::NodeId;

/// One node's part in finding a mean.
///
/// In each round a node offers its value to another, drawn at random; both move to the
/// middle. The variance over the nodes falls to 1/(2√e), about 0.303, of what it was with
/// every round, whatever the size of the cluster.
///
/// Who answers moves first and says by how much, and who asked moves by exactly as much the
/// other way, so the sum stays the same however exchanges overlap. Where an answer is lost
/// it does not: send over a lane that does not lose, or begin anew from time to time.
///
/// # Source
/// Jelasity, Montresor and Babaoglu, "Gossip-Based Aggregation in Large Dynamic Networks",
/// 2005: section 3.3, one exchange begun by each node in each round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Average {
    value: f64,
    round: u64,
    waits_for: Option<NodeId>,
}

/// What two nodes say to each other.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Exchange {
    /// My value.
    Offer {
        /// The number of this exchange, of those that the sender began.
        round: u64,
        /// The value.
        value: f64,
    },
    /// What to take away from yours: I have added it to mine.
    Answer {
        /// The number of the offer.
        round: u64,
        /// How much.
        moved: f64,
    },
}

impl Average {
    /// A node that starts with its own value.
    ///
    /// # Errors
    /// [`AverageError::NotFinite`].
    pub fn new(value: f64) -> Result<Average, AverageError> {
        check(value)?;
        Ok(Average { value, round: 0, waits_for: None })
    }

    /// The mean as this node sees it.
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// Begins an exchange with `peer`. One that was not answered is given up.
    pub fn begin(&mut self, peer: NodeId) -> Exchange {
        self.round += 1;
        self.waits_for = Some(peer);
        Exchange::Offer { round: self.round, value: self.value }
    }

    /// Takes in what another node sent; what to answer, if anything. An answer that is not
    /// waited for changes nothing.
    ///
    /// # Errors
    /// [`AverageError::NotFinite`]; nothing changed.
    pub fn handle_exchange(
        &mut self,
        from: NodeId,
        exchange: Exchange,
    ) -> Result<Option<Exchange>, AverageError> {
        match exchange {
            Exchange::Offer { round, value } => {
                check(value)?;
                let moved = (value - self.value) / 2.0;
                check(moved)?;
                self.value += moved;
                Ok(Some(Exchange::Answer { round, moved }))
            }
            Exchange::Answer { round, moved } => {
                check(self.value - moved)?;
                if self.waits_for == Some(from) && round == self.round {
                    self.waits_for = None;
                    self.value -= moved;
                }
                Ok(None)
            }
        }
    }
}

fn check(value: f64) -> Result<(), AverageError> {
    if value.is_finite() { Ok(()) } else { Err(AverageError::NotFinite) }
}

/// Why a value was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AverageError {
    /// Nothing changed. One such value would soon be everybody's.
    #[error("a mean is of finite numbers")]
    NotFinite,
}
