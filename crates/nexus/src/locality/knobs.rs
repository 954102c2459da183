//! Where the knobs stand that a tuner may turn, for those who go by them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::tuner::Knob;
use crate::threads::BACKLOG;
use crate::worker::SLICE;

/// Read by every worker all the time and written once in minutes, so on cache
/// lines of their own.
#[repr(align(128))]
pub(crate) struct Knobs {
    help_backlog: AtomicUsize,
    slice_ns: AtomicU64,
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs {
            help_backlog: AtomicUsize::new(BACKLOG),
            slice_ns: AtomicU64::new(SLICE.as_nanos() as u64),
        }
    }
}

impl Knobs {
    /// Ready agents in one worker's queue above which another takes half.
    #[inline]
    pub(crate) fn help_backlog(&self) -> usize {
        self.help_backlog.load(Ordering::Relaxed)
    }

    /// Time between two looks at sockets.
    #[inline]
    pub(crate) fn slice(&self) -> Duration {
        Duration::from_nanos(self.slice_ns.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, knob: Knob, value: u64) {
        match knob {
            Knob::HelpBacklog => self.help_backlog.store(value as usize, Ordering::Relaxed),
            Knob::SliceMicros => self.slice_ns.store(value * 1_000, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knobs_stand_where_the_tuner_believes_they_do() {
        let (knobs, tuner) =
            (Knobs::default(), super::super::tuner::Tuner::new(nexus_base::Rng::new(1)));
        let read = |knobs: &Knobs| [knobs.help_backlog() as u64, knobs.slice().as_micros() as u64];
        assert_eq!(
            read(&knobs),
            [Knob::HelpBacklog, Knob::SliceMicros].map(|knob| tuner.value(knob))
        );
        knobs.set(Knob::HelpBacklog, 16);
        knobs.set(Knob::SliceMicros, 400);
        assert_eq!(read(&knobs), [16, 400]);
    }
}
