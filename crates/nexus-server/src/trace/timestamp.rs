//! Civil time, as in `2023-11-16 18:15:46.6805900`, read exactly to the nanosecond.
//!
//! Absent on purpose: time zones by name, leap seconds (no trace we know has
//! one), writing times out.

use super::number::{digits, fraction};

/// The first year that can be read: moments count from its beginning.
pub const YEAR_MIN: u64 = 1970;
/// The last; 64 bits of nanoseconds end in 2554.
pub const YEAR_MAX: u64 = 2500;

const DAY_SECONDS: u64 = 86_400;

/// Why a text is not a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TimestampFault {
    /// Not of the form at all.
    #[error("it has another form")]
    Shape,
    /// A year outside the limits.
    #[error("its year is not from {YEAR_MIN} to {YEAR_MAX}")]
    Year,
    /// Such as 30 February.
    #[error("there is no such day")]
    Day,
    /// Such as 25:00.
    #[error("there is no such time of day")]
    Clock,
    /// More than nine decimals, or none after the point.
    #[error("its seconds need one to nine decimals after the point")]
    Decimals,
    /// Something after the seconds that is no offset from UTC.
    #[error("it ends in something other than Z or an offset such as +02:00")]
    Offset,
}

/// Reads a moment as nanoseconds since the beginning of 1970, UTC.
///
/// Date and clock are separated by a blank or `T`. Without an offset the text
/// is taken as UTC.
///
/// # Errors
/// A [`TimestampFault`] that says which part cannot be read.
pub fn parse(text: &str) -> Result<u64, TimestampFault> {
    let (date, rest) = text.split_at_checked(10).ok_or(TimestampFault::Shape)?;
    let rest = rest.strip_prefix([' ', 'T', 't']).ok_or(TimestampFault::Shape)?;
    let (clock, rest) = rest.split_at_checked(8).ok_or(TimestampFault::Shape)?;
    let seconds = day(date)? * DAY_SECONDS + second_of_day(clock)?;
    let (nanos, offset) = match rest.strip_prefix('.') {
        Some(rest) => decimals(rest)?,
        None => (0, rest),
    };
    let seconds = seconds.checked_add_signed(-offset_seconds(offset)?);
    Ok(seconds.ok_or(TimestampFault::Year)? * 1_000_000_000 + nanos)
}

/// Reads `2023-11-16` as days since the beginning of 1970.
fn day(date: &str) -> Result<u64, TimestampFault> {
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    if !(YEAR_MIN..=YEAR_MAX).contains(&year) {
        return Err(TimestampFault::Year);
    }
    if !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return Err(TimestampFault::Day);
    }
    let whole_years: u64 = (YEAR_MIN..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let whole_months: u64 = (1..month).map(|month| month_days(year, month)).sum();
    Ok(whole_years + whole_months + day - 1)
}

fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Reads `18:15:46` as seconds since midnight.
fn second_of_day(clock: &str) -> Result<u64, TimestampFault> {
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 {
        return Err(TimestampFault::Clock);
    }
    Ok((hour * 60 + minute) * 60 + second)
}

/// Reads what follows the point as nanoseconds, and what follows them.
fn decimals(text: &str) -> Result<(u64, &str), TimestampFault> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (decimals, rest) = text.split_at(end);
    let nanos = fraction(decimals, 9).ok_or(TimestampFault::Decimals)?;
    Ok((nanos, rest))
}

/// Reads nothing, `Z`, `+02:00` or `+0200` as seconds ahead of UTC.
fn offset_seconds(text: &str) -> Result<i64, TimestampFault> {
    if matches!(text, "" | "Z" | "z") {
        return Ok(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let text = text.strip_prefix(['+', '-']).ok_or(TimestampFault::Offset)?;
    let (hours, minutes) = text.split_at_checked(2).ok_or(TimestampFault::Offset)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    match (digits(hours), digits(minutes)) {
        (Some(hours @ 0..=23), Some(minutes @ 0..=59)) if minutes_are_two(text) => {
            Ok(sign * (hours * 60 + minutes) as i64 * 60)
        }
        _ => Err(TimestampFault::Offset),
    }
}

fn minutes_are_two(offset: &str) -> bool {
    offset.len() == if offset.contains(':') { 5 } else { 4 }
}

/// Splits `text` at `separator` into three numbers of the given lengths.
fn numbers(text: &str, separator: char, lengths: [usize; 3]) -> Result<[u64; 3], TimestampFault> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| part.len() == length);
        *number = part.and_then(digits).ok_or(TimestampFault::Shape)?;
    }
    if parts.next().is_some() { Err(TimestampFault::Shape) } else { Ok(numbers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<u64, TimestampFault>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    /// Seconds from `date -u -d TEXT +%s` (GNU coreutils).
    #[test]
    fn moments_are_exact() {
        check("1970-01-01 00:00:00", Ok(0));
        check("2023-11-16 18:15:46.6805900", Ok(1_700_158_546_680_590_000));
        check("2000-02-29 23:59:59.999999999", Ok(951_868_799_999_999_999));
        check("2024-02-29T12:00:00Z", Ok(1_709_208_000_000_000_000));
        check("2024-05-10 00:00:00.009930+00:00", Ok(1_715_299_200_009_930_000));
        check("2024-05-10 02:00:00+02:00", Ok(1_715_299_200_000_000_000));
        check("2024-05-09 19:30:00-0430", Ok(1_715_299_200_000_000_000));
        check("2100-03-01 00:00:00", Ok(4_107_542_400_000_000_000));
        check("2500-12-31 23:59:59", Ok(16_756_761_599_000_000_000));
    }

    #[test]
    fn every_part_is_checked() {
        check("", Err(TimestampFault::Shape));
        check("16.11.2023 18:15:46", Err(TimestampFault::Shape));
        check("2023-11-16", Err(TimestampFault::Shape));
        check("2023-11-16_18:15:46", Err(TimestampFault::Shape));
        check("2023-1-16 18:15:46.5", Err(TimestampFault::Shape));
        check("20é3-11-16 18:15:46", Err(TimestampFault::Shape));
        check("1969-12-31 23:59:59", Err(TimestampFault::Year));
        check("1970-01-01 00:00:00+01:00", Err(TimestampFault::Year));
        check("2501-01-01 00:00:00", Err(TimestampFault::Year));
        check("2023-02-29 00:00:00", Err(TimestampFault::Day));
        check("2100-02-29 00:00:00", Err(TimestampFault::Day));
        check("2023-00-10 00:00:00", Err(TimestampFault::Day));
        check("2023-13-10 00:00:00", Err(TimestampFault::Day));
        check("2023-04-31 00:00:00", Err(TimestampFault::Day));
        check("2023-11-16 24:00:00", Err(TimestampFault::Clock));
        check("2023-11-16 18:60:00", Err(TimestampFault::Clock));
        check("2016-12-31 23:59:60", Err(TimestampFault::Clock));
        check("2023-11-16 18:15:46.", Err(TimestampFault::Decimals));
        check("2023-11-16 18:15:46.1234567890", Err(TimestampFault::Decimals));
        check("2023-11-16 18:15:46 CET", Err(TimestampFault::Offset));
        check("2023-11-16 18:15:46+2", Err(TimestampFault::Offset));
        check("2023-11-16 18:15:46+25:00", Err(TimestampFault::Offset));
        check("2023-11-16 18:15:46+020", Err(TimestampFault::Offset));
    }
}
