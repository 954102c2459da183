//! How much is logged, as the command line has it.

use nexus::LogSettings;
use tracing::level_filters::LevelFilter;

use crate::cli::LogLevel;

/// Starts logging everything at `level` and above.
pub fn start(level: LogLevel) {
    let mut settings = LogSettings::default();
    settings.level = level.into();
    settings.start();
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> LevelFilter {
        match level {
            LogLevel::Off => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}
