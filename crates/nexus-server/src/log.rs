//! Where logs go: standard error, as lines for people or for programs.

use std::io::{Stderr, stderr};

use nexus::{LogFormat, LogSettings};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{DefaultFields, Format};

use crate::cli::LogLevel;

/// Starts logging everything at `level` and above.
pub fn start(level: LogLevel) {
    builder(filter(level)).init();
}

/// Starts logging as the settings of a served node have it, unless the command
/// line says how much.
pub fn start_served(settings: &LogSettings, level: Option<LogLevel>) {
    let level = level.map_or(settings.level, filter);
    let log = builder(level);
    match settings.format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        _ => log.init(),
    }
}

fn builder(
    level: LevelFilter,
) -> SubscriberBuilder<DefaultFields, Format, LevelFilter, fn() -> Stderr> {
    tracing_subscriber::fmt()
        .with_max_level(level)
        // A full disk or a closed pipe is no reason to stop serving. Told of such
        // an error, the subscriber would print it to where it cannot be printed,
        // and panic.
        .log_internal_errors(false)
        .with_writer(stderr)
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
