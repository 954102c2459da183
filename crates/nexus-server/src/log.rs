//! Where logs go: standard error, as plain text.

use std::io::stderr;

use tracing_subscriber::filter::LevelFilter;

use crate::cli::LogLevel;

/// Starts logging everything at `level` and above.
pub fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(stderr).init();
}
