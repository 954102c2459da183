//! Wall-clock time of decisions, measured only if asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Measures in a row from which the cost of measuring is taken.
const EMPTY_MEASURES: u32 = 1_000;

/// Adds up how long calls take; read from outside.
#[derive(Clone, Debug)]
pub struct Stopwatch(Option<Arc<Sums>>);

#[derive(Debug, Default)]
struct Sums {
    calls: AtomicU64,
    ns: AtomicU64,
}

impl Stopwatch {
    /// One that measures, or one that only looks like it.
    pub fn new(measures: bool) -> Stopwatch {
        Stopwatch(measures.then(Arc::default))
    }

    /// Calls `f`.
    #[inline]
    pub fn measure<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.0 {
            Some(sums) => sums.measure(f),
            None => f(),
        }
    }

    /// The mean of the calls in nanoseconds, less what measuring itself takes;
    /// `None` if nothing was measured.
    pub fn mean_ns(&self) -> Option<f64> {
        let mean = self.0.as_ref()?.mean_ns()?;
        let empty = Sums::default();
        (0..EMPTY_MEASURES).for_each(|_| empty.measure(|| std::hint::black_box(())));
        Some((mean - empty.mean_ns()?).max(0.0))
    }
}

impl Sums {
    #[allow(clippy::disallowed_methods, reason = "what is asked for is the wall clock")]
    fn measure<R>(&self, f: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = f();
        self.ns.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        result
    }

    fn mean_ns(&self) -> Option<f64> {
        let calls = self.calls.load(Ordering::Relaxed);
        (calls > 0).then(|| self.ns.load(Ordering::Relaxed) as f64 / calls as f64)
    }
}
