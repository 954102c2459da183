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
    /// Anything else, as it stands: no operation has it, but what is skipped may.
    Other(&'a str),
}

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Nil => f.write_str("nil"),
            Word::Int(value) => write!(f, "{value}"),
            Word::Keyword(name) => write!(f, ":{}", shown(name)),
            Word::Text(text) => write!(f, "\"{}\"", shown(text)),
            Word::Pair(pair) => write!(f, "[{} {}]", pair.0, pair.1),
            Word::Other(text) => f.write_str(&shown(text)),
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
        self.rest = self.rest.trim_start_matches(is_space);
        let start = self.rest;
        // What a tag such as `#inst` stands before belongs to it.
        while self.rest.starts_with('#') {
            let end = self.rest[1..].find(is_between).map_or(self.rest.len(), |end| end + 1);
            self.rest = self.rest[end..].trim_start_matches(is_space);
        }
        let is_tagged = start.len() != self.rest.len();
        let word = match self.rest.chars().next() {
            None if is_tagged => Some(Word::Other(start)),
            None => None,
            Some('"') => Some(Word::Text(self.text()?)),
            Some('[' | '{' | '(') => Some(self.group()?),
            Some(one @ (']' | '}' | ')')) => {
                return Err(format!("has {one} where a value is expected"));
            }
            Some(_) => Some(self.simple()),
        };
        if is_tagged {
            return Ok(Some(Word::Other(&start[..start.len() - self.rest.len()])));
        }
        Ok(word)
    }

    /// The next, which is to be there.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn expect(&mut self, expected: &str) -> Result<Word<'a>, String> {
        self.next()?.ok_or_else(|| format!("ends too early; expected {expected}"))
    }

    /// The next if it is no group, so that nothing nests.
    fn flat(&mut self) -> Option<Word<'a>> {
        let rest = self.rest.trim_start_matches(is_space);
        if rest.starts_with(['[', '{', '(', '#']) {
            return None;
        }
        self.next().ok()?
    }

    fn simple(&mut self) -> Word<'a> {
        let end = self.rest.find(is_between).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match (word, word.strip_prefix(':'), word.parse()) {
            ("nil", ..) => Word::Nil,
            (_, Some(name), _) => Word::Keyword(name),
            (_, None, Ok(value)) => Word::Int(value),
            (_, None, Err(_)) => Word::Other(word),
        }
    }

    /// Whatever is between brackets, to their end; a pair if it is one.
    fn group(&mut self) -> Result<Word<'a>, String> {
        let start = self.rest;
        // Counted, not called: brackets may be nested as deep as a line is long.
        let mut depth = 0_usize;
        loop {
            match self.rest.chars().next() {
                None => return Err("has brackets that are not closed".to_owned()),
                Some('"') => {
                    self.text()?;
                    continue;
                }
                Some('[' | '{' | '(') => depth += 1,
                Some(']' | '}' | ')') => depth -= 1,
                Some(_) => {}
            }
            let one = self.rest.chars().next().map_or(0, char::len_utf8);
            self.rest = &self.rest[one..];
            if depth == 0 {
                break;
            }
        }
        let group = &start[..start.len() - self.rest.len()];
        Ok(pair(group).unwrap_or(Word::Other(group)))
    }

    /// A text in quotes.
    fn text(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, one)) = chars.next() {
            match one {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
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
}

/// A group that is two simple values in square brackets.
fn pair(group: &str) -> Option<Word<'_>> {
    let inside = group.strip_prefix('[')?.strip_suffix(']')?;
    let mut words = Words::new(inside);
    let pair = (words.flat()?, words.flat()?);
    words.rest.trim_start_matches(is_space).is_empty().then(|| Word::Pair(Box::new(pair)))
}

/// Commas are space in EDN.
fn is_space(one: char) -> bool {
    one.is_whitespace() || one == ','
}

/// Whether it ends a word.
fn is_between(one: char) -> bool {
    is_space(one) || matches!(one, '[' | ']' | '"' | '{' | '}' | '(' | ')')
}
