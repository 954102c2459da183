//! From a value to a place in a drawing, and the values worth a mark.

/// Marks on an axis of even steps, at most.
const TICKS_MAX: f64 = 6.0;

/// One axis: the values at its ends and the places they have.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    is_log: bool,
}

impl Axis {
    /// Even steps from zero to `high`, rounded up to a mark.
    pub fn linear(high: f64, from: f64, to: f64) -> Axis {
        let high = if high > 0.0 { high } else { 1.0 };
        let step = step(high);
        Axis { low: 0.0, high: libm::ceil(high / step) * step, from, to, is_log: false }
    }

    /// Even steps from `low` to exactly `high`.
    pub fn exact(low: f64, high: f64, from: f64, to: f64) -> Axis {
        Axis { low, high, from, to, is_log: false }
    }

    /// Even factors from `low` to `high`; at least a factor of ten, so that
    /// small differences look small.
    pub fn log(low: f64, high: f64, from: f64, to: f64) -> Axis {
        // Time in the system is never zero; a nanosecond stands for a pool
        // that does no work at all.
        let low = low.max(1e-9);
        let high = high.max(low * 10.0);
        Axis { low, high, from, to, is_log: true }
    }

    /// The value at the end.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// The place of `value`, at an end if it lies beyond.
    pub fn at(&self, value: f64) -> f64 {
        self.at_beyond(value.min(self.high))
    }

    /// The place of `value`, outside the drawing if it lies above the upper end.
    pub fn at_beyond(&self, value: f64) -> f64 {
        let share = if self.is_log {
            libm::log10(value.max(self.low) / self.low) / libm::log10(self.high / self.low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.max(0.0) * (self.to - self.from)
    }

    /// Values to mark.
    pub fn ticks(&self) -> Vec<f64> {
        if self.is_log { self.log_ticks() } else { self.linear_ticks() }
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let step = step(self.high - self.low);
        let first = libm::ceil(self.low / step) as i64;
        let last = libm::floor(self.high / step + 1e-9) as i64;
        (first..=last).map(|count| count as f64 * step).collect()
    }

    /// One, two and five times each power of ten; only the powers where they are many.
    fn log_ticks(&self) -> Vec<f64> {
        let decades = libm::log10(self.high / self.low);
        let marks: &[f64] = if decades > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let (first, last) = (libm::floor(libm::log10(self.low)), libm::log10(self.high));
        let powers = (first as i32)..=(last as i32);
        let all = powers.flat_map(|power| marks.iter().map(move |mark| mark * ten_to(power)));
        all.filter(|&value| value >= self.low && value <= self.high * 1.0001).collect()
    }
}

fn ten_to(power: i32) -> f64 {
    libm::exp10(f64::from(power))
}

/// One, two or five times a power of ten, such that `span` has few enough steps.
fn step(span: f64) -> f64 {
    let rough = span / TICKS_MAX;
    let power = ten_to(libm::floor(libm::log10(rough)) as i32);
    let steps = [1.0, 2.0, 5.0, 10.0].map(|mark| mark * power);
    steps.into_iter().find(|&step| step >= rough * 0.999_999).unwrap_or(10.0 * power)
}

/// A mark's value without the noise of floats.
pub fn label(value: f64) -> String {
    let digits = format!("{value:.9}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(axis: Axis, expected: &[&str]) {
        assert_eq!(axis.ticks().into_iter().map(label).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn marks_are_round() {
        check(Axis::linear(33.6, 0.0, 1.0), &["0", "10", "20", "30", "40"]);
        check(Axis::linear(0.55, 0.0, 1.0), &["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]);
        check(Axis::linear(0.0, 0.0, 1.0), &["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        check(Axis::exact(0.0, 58.4, 0.0, 1.0), &["0", "10", "20", "30", "40", "50"]);
        check(Axis::log(0.6, 45.0, 0.0, 1.0), &["1", "2", "5", "10", "20"]);
        check(Axis::log(0.0004, 45.0, 0.0, 1.0), &["0.001", "0.01", "0.1", "1", "10"]);
    }

    #[test]
    fn places_are_in_proportion() {
        assert_eq!(Axis::linear(10.0, 100.0, 0.0).at(2.5), 75.0);
        assert_eq!(Axis::log(1.0, 100.0, 0.0, 10.0).at(10.0), 5.0);
        assert_eq!(Axis::log(1.0, 1.0, 0.0, 10.0).at(50.0), 10.0);
    }
}
