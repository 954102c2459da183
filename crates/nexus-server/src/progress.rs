//! A progress bar, where someone is looking.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far it is, on standard error. Hidden if that is not a terminal or `NO_COLOR` is set;
/// gone without a trace when dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that is full after `count` steps of `doing`.
    pub fn start(count: u64, doing: &'static str) -> Progress {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let seen = stderr().is_terminal() && !no_color && count > 1;
        let target = if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(
            "{spinner:.cyan} {msg} [{bar:40.cyan}] {pos} of {len}, {eta} to go",
        )
        .expect("the template is well formed")
        .progress_chars("=> ");
        let bar = ProgressBar::with_draw_target(Some(count), target).with_style(style);
        bar.set_message(doing);
        bar.tick();
        Progress { bar }
    }

    /// One more is done.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// Nothing new, but still alive.
    pub fn tick(&self) {
        self.bar.tick();
    }

    /// Does `act` while the bar is out of the way.
    pub fn hidden<R>(&self, act: impl FnOnce() -> R) -> R {
        self.bar.suspend(act)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
