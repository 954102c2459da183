//! What a setting takes: reading a value, judging it, and saying what would do.

use toml::de::{DeInteger, DeValue};

/// Bytes of one text. The longest path that Linux takes.
pub(super) const TEXT_BYTES_MAX: usize = 4_096;

/// Entries of one list. A guess: names of a server are few.
pub(super) const LIST_MAX: usize = 64;

/// Characters of a wrong value that an error repeats. A guess: enough to
/// recognise it, and the error stays on a line.
const FOUND_CHARS_MAX: usize = 60;

/// A value as read, before it is known what field it goes into.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Whole(u64),
    Fraction(f64),
    Switch(bool),
    List(Vec<String>),
}

/// What a setting takes.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    Text(Form),
    Whole { min: u64, max: u64 },
    Fraction { min: f64, max: f64 },
    Seconds { min: f64, max: f64 },
    Switch,
    Choice(&'static [&'static str]),
    List(Form),
}

/// Which texts will do.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// In words, as what follows "valid is".
    says: &'static str,
    fits: fn(&str) -> bool,
}

/// The forms of texts that there are.
pub(super) mod form {
    use super::{Form, TEXT_BYTES_MAX};

    /// Bytes of a host name: RFC 1035, section 2.3.4.
    const HOST_BYTES_MAX: usize = 253;

    pub(in super::super) const NAME: Form = Form {
        says: "up to 253 letters, digits, '.', '-' and '_'; or nothing",
        fits: |text| text.is_empty() || is_host(text),
    };
    pub(in super::super) const HOST: Form = Form {
        says: "a list of up to 64 host names or addresses, without scheme and port",
        fits: |text| is_host(text) || text.parse::<std::net::IpAddr>().is_ok(),
    };
    pub(in super::super) const ADDRESS: Form = Form {
        says: "an IP address and a port, as 127.0.0.1:7400 or [::1]:7400",
        fits: |text| text.parse::<std::net::SocketAddr>().is_ok(),
    };
    pub(in super::super) const PATH: Form = Form {
        says: "a path of up to 4096 bytes, or nothing",
        fits: |text| text.len() <= TEXT_BYTES_MAX && !text.contains('\0'),
    };
    pub(in super::super) const SERVICE: Form = Form {
        says: "1 to 253 characters that can be seen",
        fits: |text| (1..=HOST_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control),
    };
    pub(in super::super) const COLLECTOR: Form = Form {
        says: "http:// with host and port, as http://127.0.0.1:4318; or nothing",
        fits: |text| text.is_empty() || text.strip_prefix("http://").is_some_and(is_authority),
    };

    fn is_host(text: &str) -> bool {
        (1..=HOST_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    }

    /// `HOST:PORT`, perhaps with one last slash. No user and no password: the
    /// address appears in logs.
    fn is_authority(text: &str) -> bool {
        let text = text.strip_suffix('/').unwrap_or(text);
        if let Ok(address) = text.parse::<std::net::SocketAddr>() {
            return address.port() > 0;
        }
        text.rsplit_once(':').is_some_and(|(host, port)| {
            is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    }
}

impl Rule {
    /// A value of the file, if it is of the right type.
    pub(super) fn read_toml(self, value: &DeValue<'_>) -> Option<Value> {
        Some(match (self, value) {
            (Rule::Text(_) | Rule::Choice(_), DeValue::String(text)) => {
                Value::Text(text.clone().into_owned())
            }
            (Rule::Whole { .. }, DeValue::Integer(number)) => Value::Whole(whole(number)?),
            (Rule::Fraction { .. } | Rule::Seconds { .. }, DeValue::Integer(number)) => {
                Value::Fraction(whole(number)? as f64)
            }
            (Rule::Fraction { .. } | Rule::Seconds { .. }, DeValue::Float(number)) => {
                Value::Fraction(number.as_str().parse().ok()?)
            }
            (Rule::Switch, DeValue::Boolean(on)) => Value::Switch(*on),
            (Rule::List(_), DeValue::Array(entries)) => {
                let text = |entry: &DeValue<'_>| entry.as_str().map(str::to_owned);
                Value::List(
                    entries.iter().map(|entry| text(entry.get_ref())).collect::<Option<_>>()?,
                )
            }
            _ => return None,
        })
    }

    /// A value of a variable, if it can be read as the right type.
    pub(super) fn read_text(self, text: &str) -> Option<Value> {
        Some(match self {
            Rule::Text(_) | Rule::Choice(_) => Value::Text(text.to_owned()),
            Rule::Whole { .. } => Value::Whole(text.trim().parse().ok()?),
            Rule::Fraction { .. } | Rule::Seconds { .. } => {
                Value::Fraction(text.trim().parse().ok()?)
            }
            Rule::Switch => Value::Switch(text.trim().parse().ok()?),
            Rule::List(_) => {
                let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
                Value::List(entries.map(str::to_owned).collect())
            }
        })
    }

    /// Whether a value of the right type will do.
    pub(super) fn admits(self, value: &Value) -> bool {
        match (self, value) {
            (Rule::Text(form), Value::Text(text)) => (form.fits)(text),
            (Rule::Whole { min, max }, Value::Whole(number)) => (min..=max).contains(number),
            (Rule::Fraction { min, max } | Rule::Seconds { min, max }, Value::Fraction(number)) => {
                (min..=max).contains(number)
            }
            (Rule::Switch, Value::Switch(_)) => true,
            (Rule::Choice(choices), Value::Text(text)) => choices.contains(&text.as_str()),
            (Rule::List(form), Value::List(entries)) => {
                entries.len() <= LIST_MAX && entries.iter().all(|entry| (form.fits)(entry))
            }
            _ => false,
        }
    }

    /// What will do, in words that follow "valid is".
    pub(super) fn valid(self) -> String {
        match self {
            Rule::Text(form) | Rule::List(form) => form.says.to_owned(),
            Rule::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Rule::Fraction { min, max } => format!("a number from {min} to {max}"),
            Rule::Seconds { min, max } => format!("a number of seconds from {min} to {max}"),
            Rule::Switch => "true or false".to_owned(),
            Rule::Choice(choices) => choices.join(", "),
        }
    }
}

fn whole(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A wrong value of a file, as an error repeats it.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quote(text),
        DeValue::Integer(number) => shorten(&number.to_string()),
        DeValue::Float(number) => shorten(&number.to_string()),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .take(LIST_MAX)
                .map(|entry| describe_entry(entry.get_ref()))
                .collect();
            shorten(&format!("[{}]", entries.join(", ")))
        }
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Without going deeper: a list may hold lists as deep as the parser allows.
fn describe_entry(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Array(_) => "a list".to_owned(),
        other => describe(other),
    }
}

/// Text in quotation marks, on one line and not too long.
pub(super) fn quote(text: &str) -> String {
    let mut start: String = text.chars().take(FOUND_CHARS_MAX).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("{start:?}")
}

fn shorten(text: &str) -> String {
    let mut start: String = text.chars().take(FOUND_CHARS_MAX).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}
