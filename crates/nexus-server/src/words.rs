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

#[cfg(test)]
mod tests {
    use super::*;

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
