//! What happens many times a second, and is told once in one.
//!
//! A log that grows by megabytes a second while agents crash fills the disk and hides
//! the first crash, which explains the others. Nothing is lost but the words: each line
//! tells how many it stands for, and what no line stands for yet is told a moment later.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_base::Time;

/// How long nothing more is told.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// How long after that the next one may still tell, in its own words, of those that were
/// left out. A guess: in a flood there is one by then.
const REST_AFTER: Duration = Duration::from_millis(100);

/// Sorts that are told apart, at most; further ones are told as one. A guess: each is a
/// line a second, and people read no more.
const SORTS_MAX: usize = 64;

/// Counts what happens, and says when to tell.
#[derive(Default)]
struct Seldom {
    again: Time,
    untold: u64,
}

impl Seldom {
    /// How often it has happened since it was told, if it is to be told now.
    fn tell(&mut self, now: Time) -> Option<u64> {
        self.untold += 1;
        if now < self.again {
            return None;
        }
        self.again = now.after(TOLD_EVERY);
        Some(std::mem::take(&mut self.untold))
    }

    /// How often it has happened and was not told, nor will be if nothing follows.
    fn rest(&mut self, now: Time) -> Option<u64> {
        let over = self.untold > 0 && now >= self.again.after(REST_AFTER);
        over.then(|| std::mem::take(&mut self.untold))
    }

    fn says_nothing(&self, now: Time) -> bool {
        self.untold == 0 && now >= self.again
    }
}

/// Lines of a node's log that may come in floods: one a second of each sort.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Sorts>);

/// By what they tell, and of whom.
type Sorts = BTreeMap<(&'static str, String), Seldom>;

/// Lines that were left out.
#[derive(PartialEq, Eq, Debug)]
struct LeftOut {
    what: &'static str,
    of: String,
    count: u64,
}

impl Lines {
    /// Takes note of one more line that tells `what` of `of`; of how many to tell, if now
    /// is the time for that.
    pub(crate) fn tell(&self, now: Time, what: &'static str, of: &str) -> Option<u64> {
        let mut sorts = self.lock();
        let mut sort = (what, of.to_owned());
        if sorts.len() >= SORTS_MAX && !sorts.contains_key(&sort) {
            sorts.retain(|_, seldom| !seldom.says_nothing(now));
            if sorts.len() >= SORTS_MAX {
                sort.1 = "others".to_owned();
            }
        }
        sorts.entry(sort).or_default().tell(now)
    }

    /// Logs how many lines were left out, of each sort of which no more came. To be called
    /// a few times a second.
    pub(crate) fn tell_rest(&self, now: Time) {
        log(self.left_out(|seldom| seldom.rest(now)));
    }

    /// The same of all, as nothing more will come.
    pub(crate) fn tell_all(&self) {
        log(self.left_out(|seldom| {
            Some(std::mem::take(&mut seldom.untold)).filter(|count| *count > 0)
        }));
    }

    fn left_out(&self, count: impl Fn(&mut Seldom) -> Option<u64>) -> Vec<LeftOut> {
        let mut sorts = self.lock();
        let sorts = sorts.iter_mut();
        let left_out = sorts.filter_map(|((what, of), seldom)| {
            count(seldom).map(|count| LeftOut { what, of: of.clone(), count })
        });
        left_out.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Sorts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Outside of the lock: whoever takes the log may take long.
fn log(left_out: Vec<LeftOut>) {
    for LeftOut { what, of, count } in left_out {
        tracing::warn!(target: "nexus", what, of, count, "more of the same were left out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO.after(Duration::from_millis(ms))
    }

    #[test]
    fn the_first_is_told_and_the_others_are_counted_until_a_second_later() {
        let mut seldom = Seldom::default();
        let told: Vec<_> = [0, 1, 999, 1_000, 1_001, 2_500].map(|ms| seldom.tell(at(ms))).into();
        assert_eq!(told, [Some(1), None, None, Some(3), None, Some(2)]);
    }

    #[test]
    fn what_was_left_out_is_told_though_nothing_follows() {
        let mut seldom = Seldom::default();
        assert_eq!(seldom.rest(at(0)), None, "nothing has happened");
        let told: Vec<_> = [0, 1, 2].map(|ms| seldom.tell(at(ms))).into();
        assert_eq!(told, [Some(1), None, None]);
        let rests: Vec<_> = [999, 1_050, 1_100, 1_200, 9_000].map(|ms| seldom.rest(at(ms))).into();
        assert_eq!(rests, [None, None, Some(2), None, None]);
    }

    #[test]
    fn the_first_of_each_sort_is_told_and_the_table_does_not_grow() {
        let lines = Lines::default();
        for number in 0..SORTS_MAX {
            assert_eq!(lines.tell(at(0), "failed", &number.to_string()), Some(1));
            assert_eq!(lines.tell(at(0), "failed", &number.to_string()), None);
        }
        assert_eq!(lines.tell(at(1), "failed", "one more"), Some(1));
        assert_eq!(lines.tell(at(1), "failed", "yet one more"), None, "it is one of the others");
        let left_out = lines.left_out(|seldom| seldom.rest(at(2_000)));
        assert_eq!(left_out.iter().map(|left| left.count).sum::<u64>(), SORTS_MAX as u64 + 1);
        // Those of which all is told make room.
        assert_eq!(lines.tell(at(3_000), "failed", "one more"), Some(1));
        assert_eq!(lines.lock().len(), 1);
    }
}
