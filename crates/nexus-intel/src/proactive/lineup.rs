//! Who is idle and who is how fast, side by side.
//!
//! What is asked for each request, whom to send it to, is answered from a few
//! words of memory here; the seats themselves are far apart, and only those of
//! servers that could be the answer are looked at.

/// Idleness and speed by seat. A seat where nobody sits is not idle and has no speed.
#[derive(Clone, Debug, Default)]
pub(super) struct Lineup {
    /// One bit for each seat.
    idle: Vec<u64>,
    idle_count: usize,
    /// As they are believed; zero where nobody sits.
    speeds: Vec<f64>,
}

impl Lineup {
    /// Somebody idle sits here from now on.
    pub(super) fn join(&mut self, seat: usize) {
        if seat >= self.speeds.len() {
            self.speeds.resize(seat + 1, 0.0);
            self.idle.resize(self.speeds.len().div_ceil(64), 0);
        }
        self.speeds[seat] = 1.0;
        self.set_idle(seat, true);
    }

    /// Nobody sits here any more.
    pub(super) fn leave(&mut self, seat: usize) {
        self.set_idle(seat, false);
        self.speeds[seat] = 0.0;
    }

    pub(super) fn is_idle(&self, seat: usize) -> bool {
        self.idle[seat / 64] >> (seat % 64) & 1 == 1
    }

    pub(super) fn set_idle(&mut self, seat: usize, is_idle: bool) {
        if self.is_idle(seat) == is_idle {
            return;
        }
        self.idle[seat / 64] ^= 1 << (seat % 64);
        self.idle_count = if is_idle { self.idle_count + 1 } else { self.idle_count - 1 };
    }

    pub(super) fn idle_count(&self) -> usize {
        self.idle_count
    }

    /// The speed of each seat, zero where nobody sits.
    pub(super) fn speeds(&self) -> &[f64] {
        &self.speeds
    }

    /// Believes another speed of whoever sits here, if anybody does.
    pub(super) fn set_speed(&mut self, seat: usize, speed: f64) {
        if self.speeds[seat] > 0.0 {
            self.speeds[seat] = speed;
        }
    }

    /// The fastest of the idle, the first of those that are as fast.
    pub(super) fn fastest_idle(&self) -> Option<usize> {
        let mut fastest = None::<usize>;
        for (word, bits) in self.idle.iter().enumerate() {
            let mut left = *bits;
            while left != 0 {
                let seat = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                if fastest.is_none_or(|fastest| self.speeds[seat] > self.speeds[fastest]) {
                    fastest = Some(seat);
                }
            }
        }
        fastest
    }

    /// What all of them do together in a second.
    pub(super) fn capacity(&self) -> f64 {
        self.speeds.iter().sum()
    }

    /// Bytes on the heap.
    pub(super) fn size_bytes(&self) -> usize {
        (self.idle.capacity() + self.speeds.capacity()) * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_of_the_idle_is_found_wherever_it_sits() {
        let mut lineup = Lineup::default();
        (0..130).for_each(|seat| lineup.join(seat));
        assert_eq!((lineup.fastest_idle(), lineup.idle_count()), (Some(0), 130));
        for (seat, speed) in [(3, 1.5), (129, 1.5), (64, 9.0)] {
            lineup.set_speed(seat, speed);
        }
        assert_eq!(lineup.fastest_idle(), Some(64));
        lineup.leave(64);
        lineup.set_speed(64, 9.0);
        assert_eq!(lineup.fastest_idle(), Some(3), "the first of two");
        assert_eq!(lineup.capacity(), 130.0, "nobody adds nothing");
        (0..129).for_each(|seat| lineup.set_idle(seat, false));
        assert_eq!((lineup.fastest_idle(), lineup.idle_count()), (Some(129), 1));
        lineup.set_idle(129, false);
        assert_eq!((lineup.fastest_idle(), lineup.idle_count()), (None, 0));
    }
}
