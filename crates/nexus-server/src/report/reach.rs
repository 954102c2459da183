//! How far the axes of seconds go.
//!
//! In an overloaded pool one strategy may take a hundred times as long as
//! another; an axis that reaches it would press all others flat. So axes end
//! where most have ended, and what goes beyond is seen to leave.

use crate::demo::{Figures, Study};

/// Bars longer than this many times the median p99 are cut off.
const BAR_FACTOR: f64 = 2.5;
/// The same for curves, which have a logarithmic axis.
const CURVE_FACTOR: f64 = 10.0;

/// The longest bar: charts side by side are compared, so it is one for all pools.
pub fn bars(study: &Study) -> f64 {
    let longest = figures(study).map(|one| one.p99_s.max(one.mean_s)).fold(0.0, f64::max);
    longest.min(median_p99(study) * BAR_FACTOR)
}

/// The lowest and the highest point of the latency curves, over all pools.
pub fn curves(study: &Study) -> (f64, f64) {
    // The very first point, the one quickest request, is not drawn.
    let first = |one: &Figures| one.curve_s.get(1).or(one.curve_s.first()).copied();
    let lowest = figures(study).filter_map(first).fold(f64::INFINITY, f64::min);
    let last = |one: &Figures| one.curve_s.last().copied();
    let highest = figures(study).filter_map(last).fold(0.0, f64::max);
    (lowest, highest.min(median_p99(study) * CURVE_FACTOR))
}

fn figures(study: &Study) -> impl Iterator<Item = &Figures> {
    study.panels.iter().flat_map(|panel| &panel.results).map(|(_, figures)| figures)
}

fn median_p99(study: &Study) -> f64 {
    let mut all: Vec<f64> = figures(study).map(|one| one.p99_s).collect();
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
}
