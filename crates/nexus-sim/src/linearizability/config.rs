//! How far an order has come: who is in it, and what is held then.

/// Which answered operations are in the order so far: all before the first that
/// is not, and a few after it. Kept small, as millions are remembered.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct Placed {
    /// Index of the first that is not.
    first: u32,
    /// Indices of those after it that are, in order.
    beyond: Vec<u32>,
}

impl Placed {
    /// Adds one that is not there.
    pub(super) fn place(&mut self, index: usize) {
        let index = index as u32;
        if index != self.first {
            let at = self.beyond.partition_point(|&one| one < index);
            return self.beyond.insert(at, index);
        }
        let run = (self.first + 1..).zip(&self.beyond).take_while(|(next, one)| next == *one);
        let run = run.count();
        self.beyond.drain(..run);
        self.first += 1 + run as u32;
    }

    /// Indices below `count` that are not there, in order.
    pub(super) fn missing(&self, count: usize) -> impl Iterator<Item = usize> {
        let mut beyond = self.beyond.iter().copied().peekable();
        let missing = (self.first..count as u32).filter(move |index| {
            let is_there = beyond.peek() == Some(index);
            if is_there {
                beyond.next();
            }
            !is_there
        });
        missing.map(|index| index as usize)
    }

    /// The same after those for which `is_gone` are taken out of the list, all
    /// of which are there.
    pub(super) fn without(&self, is_gone: &[bool]) -> Placed {
        let mut kept = Placed::default();
        let mut index = 0;
        let missing: Vec<usize> = self.missing(is_gone.len()).collect();
        for (old, &gone) in is_gone.iter().enumerate() {
            if gone {
                continue;
            }
            if missing.binary_search(&old).is_err() {
                kept.place(index);
            }
            index += 1;
        }
        kept
    }
}

/// How many of each class of unknown operations are in the order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Used(Vec<u32>);

impl Used {
    pub(super) fn count(&self, class: usize) -> usize {
        self.0.get(class).map_or(0, |&count| count as usize)
    }

    /// The same with one more of `class`.
    pub(super) fn with(&self, class: usize) -> Used {
        let mut counts = self.0.clone();
        counts.resize(counts.len().max(class + 1), 0);
        counts[class] += 1;
        Used(counts)
    }

    /// Whether it leaves at least as much to use as `other`.
    pub(super) fn is_within(&self, other: &Used) -> bool {
        self.0.iter().enumerate().all(|(class, &count)| count as usize <= other.count(class))
    }
}

/// How far an order has come.
#[derive(Clone, Debug)]
pub(super) struct Config<S> {
    pub(super) placed: Placed,
    pub(super) used: Used,
    pub(super) state: S,
}

impl<S> Config<S> {
    /// Before anything.
    pub(super) fn at(state: S) -> Config<S> {
        Config { placed: Placed::default(), used: Used::default(), state }
    }

    /// Bytes it takes, with a state of so many, roughly.
    pub(super) fn bytes(&self, state_bytes: usize) -> usize {
        // Twice: it is remembered, and waits to be tried.
        2 * (size_of::<Config<S>>() + state_bytes)
            + 8 * (self.placed.beyond.len() + self.used.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_placed_is_not_missing() {
        let mut placed = Placed::default();
        let mut check = |index, missing: &[usize]| {
            placed.place(index);
            assert_eq!(placed.missing(6).collect::<Vec<_>>(), missing);
        };
        check(2, &[0, 1, 3, 4, 5]);
        check(4, &[0, 1, 3, 5]);
        check(1, &[0, 3, 5]);
        check(0, &[3, 5]);
        let kept = placed.without(&[true, true, false, false, false, false]);
        assert_eq!(kept.missing(4).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn less_used_is_within_more() {
        let one = Used::default().with(1);
        assert!(Used::default().is_within(&one) && one.is_within(&one));
        assert!(!one.is_within(&Used::default()) && !one.is_within(&Used::default().with(0)));
        assert_eq!((one.count(0), one.count(1), one.count(7)), (0, 1, 0));
    }
}
