//! Means over replications, with control variates.
//!
//! A replication that happened to draw shorter services waits less. How much
//! less is learned by regression from the *other* replications, and taken out;
//! since a control is zero on average, the mean stays where it is.
//!
//! # Source
//! Lavenberg and Welch, "A Perspective on the Use of Control Variables to
//! Increase the Efficiency of Monte Carlo Simulations", 1981; leaving out the
//! replication itself: Avramidis and Wilson, "A Splitting Scheme for Control
//! Variates", 1993.

use nexus_base::stats::mean_ci95;

use super::queue::Replication;

/// A mean and half of its 95 % interval.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// To either side.
    pub half_width: f64,
}

/// The mean of `value` over `runs`.
pub fn estimate(runs: &[Replication], value: impl Fn(&Replication) -> f64) -> Interval {
    let values: Vec<f64> = runs.iter().map(value).collect();
    let controlled: Vec<f64> = (0..runs.len())
        .map(|left_out| {
            let others = (0..runs.len()).filter(|&run| run != left_out);
            let weights = regress(others.map(|run| (values[run], &runs[run].controls[..])));
            let luck = weights.iter().zip(&runs[left_out].controls);
            values[left_out] - luck.map(|(weight, control)| weight * control).sum::<f64>()
        })
        .collect();
    let (mean, half_width) = mean_ci95(&controlled);
    Interval { mean, half_width }
}

/// The weights with which the controls explain most of the values.
fn regress<'a>(samples: impl Iterator<Item = (f64, &'a [f64])> + Clone) -> Vec<f64> {
    let count = samples.clone().count() as f64;
    let value_mean = samples.clone().map(|(value, _)| value).sum::<f64>() / count;
    let control_count = samples.clone().next().map_or(0, |(_, controls)| controls.len());
    let control_means: Vec<f64> = (0..control_count)
        .map(|at| samples.clone().map(|(_, controls)| controls[at]).sum::<f64>() / count)
        .collect();
    // One row for each control: its products with all of them and with the value.
    let mut rows = vec![vec![0.0; control_count + 1]; control_count];
    for (value, controls) in samples {
        let off: Vec<f64> =
            controls.iter().zip(&control_means).map(|(control, mean)| control - mean).collect();
        for (row, one) in rows.iter_mut().zip(&off) {
            for (sum, other) in row.iter_mut().zip(off.iter().chain([&(value - value_mean)])) {
                *sum += one * other;
            }
        }
    }
    solve(rows)
}

/// Gauss's elimination. No row is exchanged: the products are positive definite.
fn solve(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    for at in 0..rows.len() {
        let pivot = rows[at].clone();
        for row in rows.iter_mut().skip(at + 1) {
            let factor = row[at] / pivot[at];
            row.iter_mut().zip(&pivot).for_each(|(one, above)| *one -= factor * above);
        }
    }
    let mut solution = vec![0.0; rows.len()];
    for at in (0..rows.len()).rev() {
        let known: f64 = (at + 1..rows.len()).map(|other| rows[at][other] * solution[other]).sum();
        solution[at] = (rows[at][rows.len()] - known) / rows[at][at];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::regress;

    #[test]
    fn regression_finds_the_weights() {
        let controls = [[1.0, 0.0], [0.0, 1.0], [2.0, 3.0], [-1.0, 0.5], [0.25, -2.0]];
        let samples = controls.iter().map(|one| (5.0 + 3.0 * one[0] - 2.0 * one[1], &one[..]));
        let weights = regress(samples);
        assert!((weights[0] - 3.0).abs() < 1e-9 && (weights[1] + 2.0).abs() < 1e-9, "{weights:?}");
    }
}
