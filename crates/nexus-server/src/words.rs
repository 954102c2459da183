//! Numbers as people read them.

use std::time::Duration;

/// Seconds for people: three digits, and milliseconds where those are few.
pub fn seconds(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0} s"),
        10.0.. => format!("{value:.1} s"),
        1.0.. => format!("{value:.2} s"),
        0.1.. => format!("{value:.3} s"),
        _ => format!("{:.2} ms", value * 1_000.0),
    }
}

/// A share for people.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A count with a comma at every thousand.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of a thing whose plural ends in s: `1 server`, `1,000 servers`.
pub fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(count))
}

/// The mean year of the calendar, so that the years of a span are those of a calendar.
const YEAR_SECONDS: u64 = 31_556_952;

/// A span for people, in its two largest units.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        86_400..YEAR_SECONDS => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
        _ => {
            let years = counted(seconds / YEAR_SECONDS, "year");
            format!("{years} {} d", seconds % YEAR_SECONDS / 86_400)
        }
    }
}

/// An amount of memory for people.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1_024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1_024.0;
    let mut unit = 0;
    while value >= 1_024.0 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// How often something happens, in a second, for people.
pub fn rate(per_s: f64) -> String {
    match per_s {
        100.0.. => grouped(per_s.round() as u64),
        _ => format!("{per_s:.1}"),
    }
}

/// A span of seconds for people; nothing sensible becomes a dash.
pub fn age(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| NOTHING.to_owned(), span)
}

/// Stands for a figure that there is not.
pub const NOTHING: &str = "\u{2013}";

/// Text from elsewhere, harmless to a terminal: what would move its cursor,
/// colour it or turn the direction of reading is spelled out.
pub fn printable(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for one in text.chars() {
        let turns = matches!(one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if one.is_control() || turns || matches!(one, '\u{2028}' | '\u{2029}') {
            harmless.extend(one.escape_default());
        } else {
            harmless.push(one);
        }
    }
    harmless
}

/// At most the first `chars_max` characters of `text`, with a sign if there were more.
pub fn clipped(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}\u{2026}", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_rates_read_well() {
        assert_eq!(
            [0, 1_023, 1_024, 1_572_864, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "16384.0 PiB"]
        );
        assert_eq!([0.0, 9.96, 99.9, 12_345.6].map(rate), ["0.0", "10.0", "99.9", "12,346"]);
        assert_eq!([3.0, -1.0, f64::NAN].map(age), ["3.0 s", NOTHING, NOTHING]);
    }

    #[test]
    fn text_from_elsewhere_does_nothing_to_a_terminal() {
        assert_eq!(
            printable("kv/\u{1b}[2Jx\r\n\t\u{9b}\u{202e}"),
            "kv/\\u{1b}[2Jx\\r\\n\\t\\u{9b}\\u{202e}"
        );
        assert_eq!(printable("ü – 中"), "ü – 中");
        assert_eq!(
            (clipped("abc", 3), clipped("abcd", 3)),
            ("abc".to_owned(), "abc\u{2026}".to_owned())
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.00025, 0.5, 5.057, 16.49, 123.4].map(seconds),
            ["0.25 ms", "0.500 s", "5.06 s", "16.5 s", "123 s"]
        );
        assert_eq!(
            [5, 3_501, 90_000, 40_542 * 86_400].map(|s| span(Duration::from_secs(s))),
            ["5.0 s", "58 min 21 s", "1 d 1 h", "111 years 0 d"]
        );
        assert_eq!(
            [0, 1, 2_000].map(|count| counted(count, "server")),
            ["0 servers", "1 server", "2,000 servers"]
        );
    }
}
