//! Probabilities and shares as exact fractions, so that a roll of the dice
//! never depends on a float's last bit.

/// A fraction between zero and one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ratio {
    num: u64,
    den: u64,
}

impl Ratio {
    /// Never.
    pub const ZERO: Ratio = Ratio { num: 0, den: 1 };
    /// Always.
    pub const ONE: Ratio = Ratio { num: 1, den: 1 };

    /// `num` in `den`.
    ///
    /// # Panics
    /// If `den` is zero or `num` exceeds it.
    pub const fn new(num: u64, den: u64) -> Ratio {
        assert!(den > 0 && num <= den, "a ratio lies between zero and one");
        Ratio { num, den }
    }

    /// The numerator.
    pub const fn num(self) -> u64 {
        self.num
    }

    /// The denominator.
    pub const fn den(self) -> u64 {
        self.den
    }
}
