//! Numbers as a trace writes them, read exactly and without floats.

use super::problem::{Fault, Number};

/// Tokens one request may have on either side.
/// A guess: ten times the largest context window on offer in 2026.
pub const TOKENS_MAX: u32 = 10_000_000;

/// The latest moment, in milliseconds: the year 2286 when counted from 1970,
/// which leaves room in 64 bits of nanoseconds.
pub const MILLIS_MAX: u64 = 10_000_000_000_000;

/// Nanoseconds in a millisecond, and so the most decimals that mean something.
const MILLI_DECIMALS: usize = 6;

/// Reads a count of tokens.
///
/// # Errors
/// A [`Fault`] that names what was expected.
pub fn tokens(text: &str) -> Result<u32, Fault> {
    let number = Number::Tokens;
    check_sign(text, number)?;
    let count = digits(text).ok_or(Fault::NotNumber { number })?;
    match u32::try_from(count) {
        Ok(count) if count <= TOKENS_MAX => Ok(count),
        _ => Err(Fault::TooLarge { number }),
    }
}

/// Reads a moment in milliseconds, possibly with decimals, as nanoseconds.
///
/// # Errors
/// A [`Fault`] that names what was expected.
pub fn millis(text: &str) -> Result<u64, Fault> {
    let number = Number::Millis;
    check_sign(text, number)?;
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let whole = digits(whole).ok_or(Fault::NotNumber { number })?;
    let nanos = fraction(decimals, MILLI_DECIMALS).ok_or(Fault::NotNumber { number })?;
    if whole > MILLIS_MAX {
        return Err(Fault::TooLarge { number });
    }
    Ok(whole * 1_000_000 + nanos)
}

/// Reads decimals as a count of their `places`-th unit: `"68"` of 7 places is 6,800,000.
pub fn fraction(text: &str, places: usize) -> Option<u64> {
    if text.len() > places {
        return None;
    }
    let unit = 10u64.pow((places - text.len()) as u32);
    digits(text).map(|count| count * unit)
}

/// Plain digits as a number; [`u64::MAX`] for anything larger than that.
pub fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

fn check_sign(text: &str, number: Number) -> Result<(), Fault> {
    match text.strip_prefix('-') {
        _ if text.is_empty() => Err(Fault::Empty { number }),
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            Err(Fault::Negative { number })
        }
        _ => Ok(()),
    }
}
