//! The clock of one node, which is never quite right.

use nexus_base::Time;

/// A million: rates are in millionths.
const MILLION: i128 = 1_000_000;

/// What a node's clock shows, as a straight line over real time.
///
/// The line may be bent at any moment, but it is never broken while the node runs: a
/// clock that counts since the start does not jump.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    real: u64,
    local: u64,
    ppm: i64,
}

impl Clock {
    /// A clock that shows `local` at `real` and runs `ppm` millionths too fast.
    pub(crate) fn new(real: Time, local: Time, ppm: i64) -> Clock {
        Clock { real: real.as_nanos(), local: local.as_nanos(), ppm }
    }

    /// What it shows at `real`, which is not before it was last bent.
    #[inline]
    pub(crate) fn local(&self, real: Time) -> Time {
        let gone = i128::from(real.as_nanos().saturating_sub(self.real));
        let shown = gone + (gone * i128::from(self.ppm)).div_euclid(MILLION);
        Time::from_nanos(self.local.saturating_add(shown as u64))
    }

    /// The first moment at which it shows `local` or more.
    #[inline]
    pub(crate) fn real(&self, local: Time) -> Time {
        if local == Time::MAX {
            return Time::MAX;
        }
        let shown = i128::from(local.as_nanos().saturating_sub(self.local));
        let speed = MILLION + i128::from(self.ppm);
        // Rounded up, so that a timer set for it never comes too early.
        let gone = (shown * MILLION + speed - 1) / speed;
        Time::from_nanos(self.real.saturating_add(u64::try_from(gone).unwrap_or(u64::MAX)))
    }

    /// By how many millionths it runs fast.
    pub(crate) fn ppm(&self) -> i64 {
        self.ppm
    }

    /// Has it run at another rate from `real` on.
    pub(crate) fn bend(&mut self, real: Time, ppm: i64) {
        *self = Clock::new(real, self.local(real), ppm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_set_for_a_local_time_is_never_early_and_hardly_late() {
        for ppm in [-10_000, -137, 0, 1, 999, 10_000] {
            let clock = Clock::new(Time::from_nanos(17), Time::from_nanos(5_000), ppm);
            for local in [5_000, 5_001, 999_999, 123_456_789_012] {
                let real = clock.real(Time::from_nanos(local));
                let shown = clock.local(real).as_nanos();
                assert!(shown >= local && shown <= local + 2, "{ppm} {local} {shown}");
            }
        }
    }

    #[test]
    fn bending_does_not_break() {
        let mut clock = Clock::new(Time::ZERO, Time::ZERO, 500);
        let at = Time::from_nanos(1_000_000_000);
        let before = clock.local(at);
        clock.bend(at, -500);
        assert_eq!(clock.local(at), before);
    }
}
