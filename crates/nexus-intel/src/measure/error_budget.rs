//! How often a cluster of measurements may be wrong in all.

use std::collections::BTreeSet;

use nexus_base::Level;

/// A bound on the chance that any measurement of a node ever errs, split evenly
/// over the layers of its pools.
///
/// Twenty measurements at 5 % each are wrong about one thing most of the time.
/// Each layer of each pool takes its share once, and keeps it: asked again, it
/// gets the same one, since its measurements already had that chance to err.
///
/// ```
/// use nexus_base::Level;
/// use nexus_intel::measure::ErrorBudget;
///
/// let mut budget = ErrorBudget::new(0.05, 10)?;
/// let alpha = budget.take("orders", Level::Proactive)?;
/// assert!((alpha - 0.05 / 30.0).abs() < 1e-12);
/// assert_eq!(budget.take("orders", Level::Proactive)?, alpha);
/// # Ok::<(), nexus_intel::measure::BudgetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ErrorBudget {
    alpha: f64,
    shares: u32,
    taken: BTreeSet<(String, Level)>,
}

/// Layers that are measured: all but reactive.
const LAYERS: u32 = Level::ALL.len() as u32 - 1;

/// Why there is no share.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum BudgetError {
    /// Not a probability of error.
    #[error("the error budget is {0}; it must lie above 0 and below 1")]
    Alpha(f64),
    /// Nobody to split it over, or more than can be told apart.
    #[error("an error budget is for 1 to 1000000 pools, not {0}")]
    Pools(u32),
    /// All shares are taken. What is measured already stays as it is.
    #[error("all {shares} shares of the error budget are taken; set it up for more pools")]
    Spent {
        /// How many there are.
        shares: u32,
    },
    /// The reactive level is what others are compared with.
    #[error("the reactive level is measured against nothing and takes no share")]
    Reactive,
}

impl ErrorBudget {
    /// A budget of `alpha` for the three layers of each of `pools_max` pools.
    ///
    /// # Errors
    /// [`BudgetError::Alpha`] or [`BudgetError::Pools`].
    pub fn new(alpha: f64, pools_max: u32) -> Result<ErrorBudget, BudgetError> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(BudgetError::Alpha(alpha));
        }
        if !(1..=1_000_000).contains(&pools_max) {
            return Err(BudgetError::Pools(pools_max));
        }
        Ok(ErrorBudget { alpha, shares: LAYERS * pools_max, taken: BTreeSet::new() })
    }

    /// What a layer of a pool may err: its `alpha`.
    ///
    /// # Errors
    /// [`BudgetError::Spent`] if as many others took theirs as there are, or
    /// [`BudgetError::Reactive`]. Nothing is taken then.
    pub fn take(&mut self, pool: &str, layer: Level) -> Result<f64, BudgetError> {
        if layer == Level::Reactive {
            return Err(BudgetError::Reactive);
        }
        let taker = (pool.to_owned(), layer);
        if self.taken.len() as u64 >= u64::from(self.shares) && !self.taken.contains(&taker) {
            return Err(BudgetError::Spent { shares: self.shares });
        }
        self.taken.insert(taker);
        Ok(self.alpha / f64::from(self.shares))
    }
}

/// What the `attempt`-th of many sequences may err, counted from one, of `alpha`
/// for all of them together: a measurement begun anew had its chance before.
/// The shares are alpha/2, alpha/6, alpha/12 and so on, and sum to `alpha`.
pub(super) fn share_of_attempt(alpha: f64, attempt: u32) -> f64 {
    let attempt = f64::from(attempt);
    alpha / (attempt * (attempt + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shares_together_are_the_whole_and_no_more_can_be_had() {
        let mut budget = ErrorBudget::new(0.05, 4).expect("a fair budget");
        let mut sum = 0.0;
        for pool in ["a", "b", "c", "d"] {
            for layer in &Level::ALL[1..] {
                sum += budget.take(pool, *layer).expect("there are twelve");
            }
        }
        assert!((sum - 0.05).abs() < 1e-12, "{sum}");
        assert_eq!(budget.take("e", Level::Adaptive), Err(BudgetError::Spent { shares: 12 }));
        assert!(budget.take("d", Level::Adaptive).is_ok());
        assert_eq!(budget.take("a", Level::Reactive), Err(BudgetError::Reactive));
    }

    #[test]
    fn attempts_sum_to_no_more_than_the_whole() {
        let sum: f64 = (1..=100_000).map(|attempt| share_of_attempt(0.05, attempt)).sum();
        assert!(sum < 0.05 && sum > 0.0499, "{sum}");
    }

    #[test]
    fn what_is_no_budget_is_refused() {
        for alpha in [0.0, 1.0, f64::NAN] {
            assert!(ErrorBudget::new(alpha, 4).is_err(), "{alpha}");
        }
        assert_eq!(ErrorBudget::new(0.05, 0).err(), Some(BudgetError::Pools(0)));
    }
}
