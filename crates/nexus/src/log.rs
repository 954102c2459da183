//! Where logs go: standard error, as lines for people or for programs.
//!
//! Here and not in the command alone: a node of somebody's own crate that warns
//! of an expiring certificate, and is not heard, is no better for having warned.
//! Of the crates this takes, five small ones, none is known to agents.

use std::io::stderr;

use crate::{LogFormat, LogSettings};

impl LogSettings {
    /// Starts to log, for the whole process, unless somebody does already;
    /// whether it did. [`crate::Server::run`] calls this; a program that logs in
    /// its own way installs its subscriber of `tracing` before.
    pub fn start(&self) -> bool {
        let log = tracing_subscriber::fmt()
            .with_max_level(self.level)
            // A full disk or a closed pipe is no reason to stop serving. Told of
            // such an error, the subscriber would print it to where it cannot be
            // printed, and panic.
            .log_internal_errors(false)
            .with_writer(stderr);
        let started = match self.format {
            LogFormat::Json => log.json().flatten_event(true).try_init(),
            LogFormat::Text => log.try_init(),
        };
        started.is_ok()
    }
}
