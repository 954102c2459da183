//! What a handful of measurements says, and how sure it is.

/// Mean and spread of values seen one at a time, in constant memory.
///
/// # Source
/// Welford, "Note on a Method for Calculating Corrected Sums of Squares and
/// Products", 1962; merging: Chan, Golub and LeVeque, 1979.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Summary {
    count: u64,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
}

impl Summary {
    /// A summary of nothing.
    pub const fn new() -> Summary {
        Summary { count: 0, mean: 0.0, squares: 0.0 }
    }

    /// Takes in one value.
    pub fn record(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// Takes in every value `other` has.
    pub fn merge(&mut self, other: &Summary) {
        if other.count == 0 {
            return;
        }
        let (here, there) = (self.count as f64, other.count as f64);
        let apart = other.mean - self.mean;
        self.count += other.count;
        self.mean += apart * there / (here + there);
        self.squares += other.squares + apart * apart * here * there / (here + there);
    }

    /// Values taken in.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The mean; zero of nothing.
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// The sample variance (divided by count less one); zero of fewer than two.
    pub fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / (self.count - 1) as f64 }
    }

    /// The square root of the variance, in the unit of the values.
    pub fn deviation(&self) -> f64 {
        libm::sqrt(self.variance())
    }
}

impl FromIterator<f64> for Summary {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Summary {
        let mut summary = Summary::new();
        values.into_iter().for_each(|value| summary.record(value));
        summary
    }
}

/// The mean and half the width of its 95 % confidence interval, which assumes
/// values about normally distributed. One value says nothing about its
/// spread: the half width is then infinite.
///
/// # Panics
/// If there are no values.
///
/// # Source
/// Student (W. S. Gosset), "The Probable Error of a Mean", 1908.
pub fn mean_ci95(values: &[f64]) -> (f64, f64) {
    assert!(!values.is_empty(), "no values have no mean");
    let summary: Summary = values.iter().copied().collect();
    if values.len() == 1 {
        return (summary.mean, f64::INFINITY);
    }
    let error = summary.deviation() / libm::sqrt(values.len() as f64);
    (summary.mean, student_t975(values.len() - 1) * error)
}

/// Student's t for 1 to 30 degrees of freedom, below which 97.5 % lie.
///
/// # Source
/// NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2.
const STUDENT_T975: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// Beyond the table, the normal quantile with two terms of correction: exact to
/// four digits there.
///
/// # Source
/// Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, 26.7.5.
fn student_t975(freedom: usize) -> f64 {
    if let Some(&t) = STUDENT_T975.get(freedom - 1) {
        return t;
    }
    const Z: f64 = 1.959_963_984_540_054;
    let (cube, fifth) = (Z * Z * Z, Z * Z * Z * Z * Z);
    let freedom = freedom as f64;
    let first = (cube + Z) / (4.0 * freedom);
    let second = (5.0 * fifth + 16.0 * cube + 3.0 * Z) / (96.0 * freedom * freedom);
    Z + first + second
}

/// The middle value, or the mean of the two in the middle.
///
/// # Panics
/// If there are no values.
pub fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "no values have no median");
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return sorted[middle];
    }
    sorted[middle - 1] + (sorted[middle] - sorted[middle - 1]) / 2.0
}

/// An interval that holds the median with at least 95 % confidence, whatever
/// the distribution: two of the values themselves. `None` of fewer than six,
/// where even the least and the greatest are not that sure.
///
/// # Source
/// Le Boudec, "Performance Evaluation of Computer and Communication Systems",
/// 2010, theorem 2.1 and appendix A.
pub fn median_ci95(values: &[f64]) -> Option<(f64, f64)> {
    let outside = values_outside(values.len())?;
    let sorted = sorted(values);
    Some((sorted[outside], sorted[sorted.len() - 1 - outside]))
}

/// Values for which the binomial distribution is summed; for more it is as good
/// as normal, and two to the power of minus their count is soon no number.
const SUMMED_MAX: usize = 1_000;

/// How many values to leave out at each end.
fn values_outside(count: usize) -> Option<usize> {
    if count > SUMMED_MAX {
        let count = count as f64;
        return Some((count / 2.0 - 0.98 * libm::sqrt(count)) as usize - 1);
    }
    // The chance that at most `outside` values lie below the median.
    let mut term = libm::ldexp(1.0, -(count as i32));
    let mut chance = term;
    let mut outside = None;
    for below in 1..=count {
        if chance > 0.025 {
            break;
        }
        outside = Some(below - 1);
        term *= (count + 1 - below) as f64 / below as f64;
        chance += term;
    }
    outside
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-3 * expected.abs(), "{found}, not {expected}");
    }

    #[test]
    fn a_summary_agrees_with_the_textbook() {
        let summary: Summary = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter().collect();
        assert_eq!((summary.count(), summary.mean()), (8, 5.0));
        assert_close(summary.variance(), 32.0 / 7.0);
        assert_eq!(Summary::new().variance(), 0.0);
    }

    #[test]
    fn merging_is_recording_all() {
        let values: Vec<f64> = (0..100).map(|step| f64::from(step * step % 37)).collect();
        let all: Summary = values.iter().copied().collect();
        for cut in [0, 1, 50, 100] {
            let mut merged: Summary = values[..cut].iter().copied().collect();
            merged.merge(&values[cut..].iter().copied().collect());
            assert_eq!(merged.count(), all.count());
            assert_close(merged.mean(), all.mean());
            assert_close(merged.variance(), all.variance());
        }
    }

    #[test]
    fn students_t_goes_on_where_its_table_ends() {
        assert_close(student_t975(30), 2.0423);
        assert_close(student_t975(31), 2.0395);
        assert_close(student_t975(60), 2.0003);
        assert_close(student_t975(100_000), 1.9600);
    }

    #[test]
    fn the_mean_has_the_textbook_interval() {
        let (mean, half_width) = mean_ci95(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(mean, 3.0);
        assert_close(half_width, 2.776 * libm::sqrt(0.5));
        assert_eq!(mean_ci95(&[7.0]), (7.0, f64::INFINITY));
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    /// Ranks from Le Boudec's table A.1, counted from one there and from zero here.
    #[test]
    fn the_median_has_the_tabled_interval() {
        for (count, rank) in [(6, 1), (8, 1), (9, 2), (10, 2), (20, 6), (50, 18), (70, 27)] {
            assert_eq!(values_outside(count), Some(rank - 1), "{count} values");
        }
        assert_eq!((values_outside(5), values_outside(0)), (None, None));
        assert_eq!(median_ci95(&[5.0, 1.0, 4.0, 2.0, 6.0, 3.0]), Some((1.0, 6.0)));
        let summed = values_outside(SUMMED_MAX).expect("these are many");
        let approximated = values_outside(SUMMED_MAX + 1).expect("these are many");
        assert!(summed.abs_diff(approximated) <= 1, "{summed} and {approximated}");
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let mut rng = Rng::new(11);
        let (mut means, mut medians) = (0, 0);
        for _ in 0..2_000 {
            let values: Vec<f64> = (0..15).map(|_| rng.unit()).collect();
            let (mean, half_width) = mean_ci95(&values);
            means += u32::from((mean - 0.5).abs() <= half_width);
            let (low, high) = median_ci95(&values).expect("fifteen are enough");
            medians += u32::from(low <= 0.5 && 0.5 <= high);
        }
        // 95 % of 2,000 is 1,900, give or take 29 (three deviations).
        assert!((1_871..=1_940).contains(&means), "{means}");
        assert!(medians >= 1_871, "{medians}");
    }
}
