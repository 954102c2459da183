//! Rows of results: one JSON object a line, its fields in the order given.

use std::io::Write;

use serde_json::Value;

/// Prints a row; its last fields are the bar as text and whether it was met, which
/// is handed back.
pub fn print(case: &str, fields: &[(&str, Value)], bar: &str, pass: bool) -> bool {
    let last = [("load", load()), ("bar", bar.into()), ("pass", pass.into())];
    let first = [("case", Value::from(case))];
    let fields = first.iter().chain(fields).chain(&last);
    let fields: Vec<String> =
        fields.map(|(name, value)| format!("{}:{value}", Value::from(*name))).collect();
    let _ = writeln!(std::io::stdout(), "{{{}}}", fields.join(","));
    pass
}

/// A figure to three places, which is more than any of ours is good for.
pub fn rounded(figure: f64) -> Value {
    ((figure * 1e3).round() / 1e3).into()
}

/// What else the machine is doing: its load average over one minute, the run's own
/// work included.
fn load() -> Value {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).into()
}
