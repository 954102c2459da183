//! What happens many times a second, and is told once in one.

use std::time::Duration;

use nexus_base::Time;

/// How long nothing more is told.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Counts what happens, and says when to tell.
#[derive(Default)]
pub(super) struct Seldom {
    again: Time,
    untold: u64,
}

impl Seldom {
    /// How often it has happened since it was told, if it is to be told now.
    pub(super) fn tell(&mut self, now: Time) -> Option<u64> {
        self.untold += 1;
        if now < self.again {
            return None;
        }
        self.again = now.after(TOLD_EVERY);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_and_the_others_are_counted_until_a_second_later() {
        let mut seldom = Seldom::default();
        let at = |ms: u64| Time::ZERO.after(Duration::from_millis(ms));
        let told: Vec<_> = [0, 1, 999, 1_000, 1_001, 2_500].map(|ms| seldom.tell(at(ms))).into();
        assert_eq!(told, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
