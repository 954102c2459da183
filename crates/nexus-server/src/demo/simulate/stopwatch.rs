//! Wall-clock time of decisions, measured only if asked for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Measures in a row from which the cost of measuring is taken.
const EMPTY_MEASURES: u32 = 1_000;

/// The longest one in so many are left out: the machine did something else
/// meanwhile, for a thousand times as long as a decision takes.
const OUTLIERS_OF: usize = 100;

/// Keeps how long calls take; read from outside.
#[derive(Clone, Debug)]
pub struct Stopwatch(Option<Arc<Measures>>);

impl Stopwatch {
    /// One that measures, or one that only looks like it.
    pub fn new(measures: bool) -> Stopwatch {
        Stopwatch(measures.then(Arc::default))
    }

    /// Calls `f`.
    #[inline]
    pub fn measure<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.0 {
            Some(measures) => measures.measure(f),
            None => f(),
        }
    }

    /// The mean of the calls in nanoseconds, outliers left out, less what
    /// measuring itself takes; `None` if nothing was measured.
    pub fn mean_ns(&self) -> Option<f64> {
        let mean = self.0.as_ref()?.mean_ns()?;
        let empty = Measures::default();
        (0..EMPTY_MEASURES).for_each(|_| empty.measure(|| std::hint::black_box(())));
        Some((mean - empty.mean_ns()?).max(0.0))
    }
}

#[derive(Debug, Default)]
struct Measures {
    ns: Mutex<Vec<u64>>,
}

impl Measures {
    #[allow(clippy::disallowed_methods, reason = "what is asked for is the wall clock")]
    fn measure<R>(&self, f: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = f();
        let ns = start.elapsed().as_nanos() as u64;
        self.ns.lock().unwrap_or_else(PoisonError::into_inner).push(ns);
        result
    }

    fn mean_ns(&self) -> Option<f64> {
        let mut ns = self.ns.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ns.sort_unstable();
        ns.truncate(ns.len() - ns.len() / OUTLIERS_OF);
        (!ns.is_empty()).then(|| ns.iter().sum::<u64>() as f64 / ns.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::Measures;

    #[test]
    fn one_in_a_hundred_is_left_out() {
        let measures = Measures::default();
        measures
            .ns
            .lock()
            .expect("nobody else has it")
            .extend([vec![7; 99], vec![1_000_000]].concat());
        assert_eq!(measures.mean_ns(), Some(7.0));
        assert_eq!(Measures::default().mean_ns(), None);
    }
}
