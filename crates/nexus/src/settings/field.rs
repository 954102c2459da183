//! How a value becomes the type of its field, and back.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::rule::Value;

/// A type that a setting can have.
pub(super) trait Field: Sized {
    /// `None` if the value is not one of this type.
    fn from_value(value: Value) -> Option<Self>;
    fn to_value(&self) -> Value;
}

/// What a line of the log looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object, for machines.
    Json,
}

/// How connections that are not encrypted come to their workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Spread {
    /// Together, on as few workers as carry them.
    Auto,
    /// Each to the next worker, where it stays.
    Even,
}

impl Field for String {
    fn from_value(value: Value) -> Option<String> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }

    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Field for Option<PathBuf> {
    fn from_value(value: Value) -> Option<Option<PathBuf>> {
        let text = String::from_value(value)?;
        Some((!text.is_empty()).then(|| PathBuf::from(text)))
    }

    fn to_value(&self) -> Value {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        Value::Text(self.as_ref().map(text).unwrap_or_default())
    }
}

impl Field for SocketAddr {
    fn from_value(value: Value) -> Option<SocketAddr> {
        String::from_value(value)?.parse().ok()
    }

    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl Field for bool {
    fn from_value(value: Value) -> Option<bool> {
        if let Value::Switch(on) = value { Some(on) } else { None }
    }

    fn to_value(&self) -> Value {
        Value::Switch(*self)
    }
}

impl Field for usize {
    fn from_value(value: Value) -> Option<usize> {
        if let Value::Whole(number) = value { number.try_into().ok() } else { None }
    }

    fn to_value(&self) -> Value {
        Value::Whole(*self as u64)
    }
}

impl Field for u32 {
    fn from_value(value: Value) -> Option<u32> {
        if let Value::Whole(number) = value { number.try_into().ok() } else { None }
    }

    fn to_value(&self) -> Value {
        Value::Whole(u64::from(*self))
    }
}

impl Field for f64 {
    fn from_value(value: Value) -> Option<f64> {
        if let Value::Fraction(number) = value { Some(number) } else { None }
    }

    fn to_value(&self) -> Value {
        Value::Fraction(*self)
    }
}

impl Field for Duration {
    fn from_value(value: Value) -> Option<Duration> {
        Duration::try_from_secs_f64(f64::from_value(value)?).ok()
    }

    fn to_value(&self) -> Value {
        match self.subsec_nanos() {
            0 => Value::Whole(self.as_secs()),
            _ => Value::Fraction(self.as_secs_f64()),
        }
    }
}

impl Field for Vec<String> {
    fn from_value(value: Value) -> Option<Vec<String>> {
        if let Value::List(entries) = value { Some(entries) } else { None }
    }

    fn to_value(&self) -> Value {
        Value::List(self.clone())
    }
}

impl Field for LevelFilter {
    fn from_value(value: Value) -> Option<LevelFilter> {
        String::from_value(value)?.parse().ok()
    }

    fn to_value(&self) -> Value {
        Value::Text(self.to_string().to_lowercase())
    }
}

impl Field for LogFormat {
    fn from_value(value: Value) -> Option<LogFormat> {
        match String::from_value(value)?.as_str() {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        let name = match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        Value::Text(name.to_owned())
    }
}

impl Field for Spread {
    fn from_value(value: Value) -> Option<Spread> {
        match String::from_value(value)?.as_str() {
            "auto" => Some(Spread::Auto),
            "even" => Some(Spread::Even),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        let name = match self {
            Spread::Auto => "auto",
            Spread::Even => "even",
        };
        Value::Text(name.to_owned())
    }
}
