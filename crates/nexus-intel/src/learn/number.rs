//! Numbers as people read them.

/// `value` with about four digits that count, and no more zeros than needed.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = match size {
        size if size >= 1_000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 1.0 => 3,
        _ => 6,
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// `count` with commas between thousands.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_but_not_vague() {
        let check = |value: f64, expected: &str| assert_eq!(short(value), expected);
        check(0.0, "0");
        check(512.5, "512.5");
        check(3.140_01, "3.14");
        check(-2.0, "-2");
        check(14_050.0, "14050");
        check(0.00225, "0.00225");
        check(0.000_002_5, "2.500e-6");
        check(1e18, "1.000e18");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(418), "418");
        assert_eq!(grouped(19_366), "19,366");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }
}
