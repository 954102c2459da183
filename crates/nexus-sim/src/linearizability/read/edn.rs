//! As much of EDN, Clojure's notation of data, as histories use.

use std::fmt;

use crate::input::shown;

/// One piece of data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Word<'a> {
    Nil,
    Int(i64),
    /// Without its colon.
    Keyword(&'a str),
    Text(String),
    /// `[1 2]`.
    Pair(Box<(Word<'a>, Word<'a>)>),
}

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Nil => f.write_str("nil"),
            Word::Int(value) => write!(f, "{value}"),
            Word::Keyword(name) => write!(f, ":{}", shown(name)),
            Word::Text(text) => write!(f, "\"{}\"", shown(text)),
            Word::Pair(pair) => write!(f, "[{} {}]", pair.0, pair.1),
        }
    }
}

/// Takes a text apart.
pub(super) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Words<'a> {
        Words { rest: text }
    }

    /// The next; `None` at the end.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn next(&mut self) -> Result<Option<Word<'a>>, String> {
        self.skip_space();
        if !self.take('[') {
            return self.simple();
        }
        let pair = (self.expect_simple()?, self.expect_simple()?);
        self.skip_space();
        if !self.take(']') {
            return Err("has a list that does not end after two values; expected ]".to_owned());
        }
        Ok(Some(Word::Pair(Box::new(pair))))
    }

    /// The next, which is to be there.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn expect(&mut self, expected: &str) -> Result<Word<'a>, String> {
        self.next()?.ok_or_else(|| format!("ends too early; expected {expected}"))
    }

    fn expect_simple(&mut self) -> Result<Word<'a>, String> {
        self.skip_space();
        self.simple()?.ok_or_else(|| "has a list that does not end; expected ]".to_owned())
    }

    fn simple(&mut self) -> Result<Option<Word<'a>>, String> {
        if self.take('"') {
            return self.text().map(Some);
        }
        let end = self.rest.find(is_between).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "" if rest.is_empty() => Ok(None),
            "" => Err(format!("has {:?} where a value is expected", shown(&rest[..1]))),
            "nil" => Ok(Some(Word::Nil)),
            _ => match (word.strip_prefix(':'), word.parse()) {
                (Some(name), _) => Ok(Some(Word::Keyword(name))),
                (None, Ok(value)) => Ok(Some(Word::Int(value))),
                (None, Err(_)) => Err(format!(
                    "has {}; expected nil, a whole number, a text in quotes or a :keyword",
                    shown(word)
                )),
            },
        }
    }

    /// What is left of a text whose quote was taken.
    fn text(&mut self) -> Result<Word<'a>, String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, one)) = chars.next() {
            match one {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Word::Text(text));
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, one @ ('"' | '\\'))) => text.push(one),
                    _ => return Err("has an escape other than \\n \\t \\r \\\" \\\\".to_owned()),
                },
                _ => text.push(one),
            }
        }
        Err("has a text that does not end; expected \"".to_owned())
    }

    /// Commas are space in EDN.
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(|one: char| one.is_whitespace() || one == ',');
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// Whether it ends a word.
fn is_between(one: char) -> bool {
    one.is_whitespace() || matches!(one, ',' | '[' | ']' | '"' | '{' | '}' | '(' | ')')
}
