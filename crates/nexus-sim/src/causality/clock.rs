//! Clocks as they are written: `{"a":1, "b" : 2}`.

use std::borrow::Cow;

use crate::input::shown;

/// One entry: a host, and how many of its events are known.
pub(super) type Entry<'a> = (Cow<'a, str>, u64);

/// Reads the clock at the beginning of `text`; also what follows it.
///
/// # Errors
/// What was expected.
pub(super) fn read(text: &str) -> Result<(Vec<Entry<'_>>, &str), String> {
    let mut rest = take(text, '{').ok_or("expected a clock, as in {\"host\":1}")?;
    let mut entries = Vec::new();
    loop {
        let (host, after) = quoted(rest)?;
        let after = take(after, ':').ok_or("expected a colon after the name of a host")?;
        let (count, after) = number(after)?;
        entries.push((host, count));
        if let Some(after) = take(after, ',') {
            rest = after;
        } else if let Some(after) = take(after, '}') {
            return Ok((entries, after));
        } else {
            return Err("expected a comma or the closing brace of the clock".to_owned());
        }
    }
}

fn take(text: &str, wanted: char) -> Option<&str> {
    text.trim_start().strip_prefix(wanted)
}

fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), String> {
    let wrong = "expected the name of a host in double quotes";
    let text = take(text, '"').ok_or(wrong)?;
    let end = text.find(['"', '\\']).ok_or(wrong)?;
    if text[end..].starts_with('"') {
        return Ok((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    escaped(text).ok_or_else(|| wrong.to_owned())
}

/// A name in which quotes and backslashes stand after a backslash.
fn escaped(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, one)) = chars.next() {
        match one {
            '"' => return Some((Cow::Owned(name), &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, one @ ('"' | '\\' | '/'))) => name.push(one),
                _ => return None,
            },
            _ => name.push(one),
        }
    }
    None
}

fn number(text: &str) -> Result<(u64, &str), String> {
    let text = text.trim_start();
    let end = text.find(|one: char| !one.is_ascii_digit()).unwrap_or(text.len());
    match text[..end].parse() {
        Ok(count) => Ok((count, &text[end..])),
        Err(_) => {
            let found: String = text.chars().take_while(|one| !" ,}".contains(*one)).collect();
            let found = shown(&found);
            Err(format!("expected a whole number from 0 to {}, found \"{found}\"", u64::MAX))
        }
    }
}
