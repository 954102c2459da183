//! Running the command as a process of its own.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// As long as a slow machine may take for what takes no time.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The command, with nothing to read and nobody who reads it.
pub fn nexus(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // What is signalled as a terminal would do it is in a group of its own.
    command.process_group(0);
    command
}

/// Looks until `found` finds something.
#[allow(clippy::disallowed_methods, reason = "another process is waited for, with a deadline")]
#[track_caller]
pub fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(one) = found() {
            return one;
        }
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::park_timeout(Duration::from_millis(5));
    }
}
