//! One line of a file of tokens.
//!
//! What is wrong is said without repeating what was there: somebody who puts a
//! token where its hash belongs must not find it in the log.

use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Hash, Role};

/// Bytes of a token's name. A guess: a word or two.
pub(super) const NAME_BYTES_MAX: usize = 64;

const DAY_S: i64 = 24 * 60 * 60;

/// What a line says of a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) role: Role,
    pub(super) name: Arc<str>,
    /// From when on it is no longer good, in Unix seconds.
    pub(super) expires_unix: Option<u64>,
}

/// Reads a line; `None` if there is only a comment, or nothing.
pub(super) fn parse(line: &[u8]) -> Result<Option<(Hash, Entry)>, &'static str> {
    let line = str::from_utf8(line).map_err(|_| "this is not UTF-8 text")?;
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    let Some(role) = words.next() else { return Ok(None) };
    let role = role
        .parse()
        .map_err(|_| "the first word is no role; valid are viewer, operator and admin")?;
    let hash = words.next().and_then(parse_hash).ok_or(
        "the second word is not the SHA-256 of a token in 64 hex digits; \
         the token itself does not belong here",
    )?;
    let name = words
        .next()
        .filter(|name| is_name(name))
        .ok_or("the third word is not a name of up to 64 letters, digits, '.', '-', '_' and '@'")?;
    let expires_unix = match words.next() {
        None => None,
        Some(word) => Some(word.strip_prefix("expires=").and_then(parse_expiry).ok_or(
            "the fourth word is not expires= with a date, as expires=2027-01-31 or \
             expires=2027-01-31T12:00:00Z",
        )?),
    };
    match words.next() {
        None => Ok(Some((hash, Entry { role, name: name.into(), expires_unix }))),
        Some(_) => Err("there are more than four words"),
    }
}

/// Whether a token may have that name.
pub(super) fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte))
}

/// From when on a token is no longer good, in Unix seconds. A date alone means
/// that it is good on that day.
pub(super) fn parse_expiry(text: &str) -> Option<u64> {
    let moment = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    let seconds = match text.len() {
        10 => moment(&format!("{text}T00:00:00Z"))?.unix_timestamp() + DAY_S,
        _ => moment(text)?.unix_timestamp(),
    };
    // What ended before 1970 has ended.
    Some(seconds.try_into().unwrap_or(0))
}

fn parse_hash(hex: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let pairs = hex.as_bytes().chunks(2);
    if hex.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(hash)
}
