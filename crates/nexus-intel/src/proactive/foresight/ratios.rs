//! How far outcomes lie from what was expected.

/// Outcomes looked at. A guess: enough that one in twenty is told from none.
const KEPT_MAX: usize = 100;

/// Outcomes between two times that the range is found anew. A guess.
const OUTCOMES_PER_RANGE: usize = 20;

/// The share of outcomes on either side that the range leaves out.
const LEFT_OUT: f64 = 0.05;

/// The last ratios of what requests took to what was expected.
#[derive(Clone, Debug)]
pub(super) struct Ratios {
    kept: Vec<f64>,
    next: usize,
    range: (f64, f64),
}

impl Default for Ratios {
    /// Before the first outcomes anything may come.
    fn default() -> Ratios {
        Ratios { kept: Vec::new(), next: 0, range: Ratios::ANYTHING }
    }
}

impl Ratios {
    /// The range of those of whom nothing is known.
    pub(super) const ANYTHING: (f64, f64) = (0.0, f64::MAX);

    /// Between which nine of ten ratios lie.
    pub(super) fn range(&self) -> (f64, f64) {
        self.range
    }

    pub(super) fn handle_ratio(&mut self, took_s: f64, expected_s: f64) {
        // What was to take nothing, and is no clock's fault if it took some.
        let ratio = if expected_s > 0.0 { took_s / expected_s } else { 1.0 };
        if self.kept.len() < KEPT_MAX {
            self.kept.push(ratio);
        } else {
            self.kept[self.next % KEPT_MAX] = ratio;
        }
        self.next = (self.next + 1) % KEPT_MAX;
        if self.next.is_multiple_of(OUTCOMES_PER_RANGE) {
            self.find_range();
        }
    }

    fn find_range(&mut self) {
        let mut sorted = self.kept.clone();
        sorted.sort_by(f64::total_cmp);
        let left_out = (sorted.len() as f64 * LEFT_OUT) as usize;
        self.range = (sorted[left_out], sorted[sorted.len() - 1 - left_out]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_ratios_lie_within_the_range() {
        let mut ratios = Ratios::default();
        assert_eq!(ratios.range(), (0.0, f64::MAX));
        (0..400).for_each(|number| ratios.handle_ratio(f64::from(number % 100), 50.0));
        let (least, most) = ratios.range();
        assert!((0.08..=0.12).contains(&least) && (1.86..=1.92).contains(&most), "{least} {most}");
    }

    #[test]
    fn what_was_to_take_nothing_makes_no_nonsense() {
        let mut ratios = Ratios::default();
        (0..40).for_each(|_| ratios.handle_ratio(0.0, 0.0));
        assert_eq!(ratios.range(), (1.0, 1.0));
    }
}
