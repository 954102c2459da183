//! Where logs go: standard error, as lines for people or for programs.

use std::io::stderr;

use nexus::{LogFormat, LogSettings};
use tracing_subscriber::filter::LevelFilter;

use crate::cli::LogLevel;

/// Starts logging everything at `level` and above.
pub fn start(level: LogLevel) {
    tracing_subscriber::fmt().with_max_level(filter(level)).with_writer(stderr).init();
}

/// Starts logging as the settings of a served node have it, unless the command
/// line says how much.
pub fn start_served(settings: &LogSettings, level: Option<LogLevel>) {
    let level = level.map_or(settings.level, filter);
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(stderr);
    match settings.format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        _ => log.init(),
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
