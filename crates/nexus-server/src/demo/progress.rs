//! A progress bar, where someone is looking.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far the runs are, on standard error. Hidden if that is not a terminal
/// or `NO_COLOR` is set; gone without a trace when dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that is full after `run_count` runs.
    pub fn start(run_count: usize) -> Progress {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let seen = stderr().is_terminal() && !no_color;
        let target = if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(
            "{spinner:.cyan} serving [{bar:40.cyan}] {pos} of {len} runs, {eta} to go",
        )
        .expect("the template is well formed")
        .progress_chars("=> ");
        let bar = ProgressBar::with_draw_target(Some(run_count as u64), target).with_style(style);
        bar.tick();
        Progress { bar }
    }

    /// One run is finished.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// Nothing new, but still alive.
    pub fn tick(&self) {
        self.bar.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
