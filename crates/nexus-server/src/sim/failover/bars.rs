//! How often which time: one line each, as long as it is frequent.

use std::time::Duration;

use super::millis;
use crate::words::grouped;

/// How many lines at most; what lies beyond is on the last.
const LINES_MAX: usize = 16;
/// How long the longest bar is.
const WIDTH: u64 = 40;
/// What a line stands for, in milliseconds, the least that keeps to [`LINES_MAX`].
const STEPS: [u64; 7] = [10, 20, 50, 100, 200, 500, 1_000];

/// The bars of `times`, each line ended.
pub fn text(times: &[Duration]) -> String {
    let bounds = times.iter().min().zip(times.iter().max());
    let Some((least, most)) = bounds.map(|(least, most)| (millis(*least), millis(*most))) else {
        return String::new();
    };
    let lines = |step: u64| (most as u64 / step) - (least as u64 / step) + 1;
    let fits = |step: &u64| lines(*step) <= LINES_MAX as u64;
    let step = STEPS.into_iter().find(fits).unwrap_or(STEPS[STEPS.len() - 1]);
    let first = least as u64 / step;
    let mut counts = vec![0; (lines(step) as usize).min(LINES_MAX)];
    let last = counts.len() - 1;
    for time in times {
        let line = (millis(*time) as u64 / step - first) as usize;
        counts[line.min(last)] += 1;
    }
    let highest = counts.iter().copied().max().unwrap_or(1).max(1);
    let lines = (first..).zip(&counts);
    lines.map(|(at, count)| line(at * step, step, *count, highest)).collect()
}

fn line(from: u64, step: u64, count: u64, highest: u64) -> String {
    // One that there is shows, however rare.
    let bar = "█".repeat((count * WIDTH).div_ceil(highest) as usize);
    let text = format!("{from:>6} to {:>5} ms {:>7} {bar}", from + step, grouped(count));
    text.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(times: &[u64], expected: &[&str]) {
        let times: Vec<_> = times.iter().copied().map(Duration::from_millis).collect();
        assert_eq!(text(&times).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_time_is_on_its_line() {
        check(&[], &[]);
        let two = format!("   300 to   310 ms       2 {}", "█".repeat(40));
        let one = format!("   320 to   330 ms       1 {}", "█".repeat(20));
        check(&[305, 300, 329], &[&two, "   310 to   320 ms       0", &one]);
    }

    #[test]
    fn however_far_apart_times_are_there_are_few_lines() {
        let far = [Duration::from_millis(1), Duration::from_secs(900)];
        assert_eq!(text(&far).lines().count(), LINES_MAX);
    }
}
