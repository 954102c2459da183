//! Files of histories, as lines of text; what is wrong with one.

use std::fmt;

/// Bytes of one file. Beyond it the file is refused: whoever reads one for us
/// need read no more than this and one. A guess: a day of a busy test.
pub const FILE_BYTES_MAX: usize = 256 << 20;

/// Bytes of one line, beyond which the file is taken not to have lines. A guess.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Characters shown of a line that is wrong. A guess: most of a line.
const SHOWN_CHARS_MAX: usize = 80;

/// Why a file was refused. Nothing was checked: a verdict on part of a history
/// would look like one on all of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadInput {
    name: String,
    /// From 1; 0 if it is about the file.
    line: u64,
    shown: String,
    wrong: String,
}

impl std::error::Error for BadInput {}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BadInput { name, line, shown, wrong } = self;
        match line {
            0 => write!(f, "{name}: {wrong}\nnothing was checked"),
            _ => write!(f, "{name}:{line}: {wrong}\n  {shown}\nnothing was checked"),
        }
    }
}

/// A file: its name, for errors, and its lines.
pub(crate) struct Input<'a> {
    name: &'a str,
    bytes: &'a [u8],
}

/// One line, and its number from 1.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) number: u64,
    pub(crate) text: &'a str,
}

impl<'a> Input<'a> {
    /// # Errors
    /// If there is too much of it.
    pub(crate) fn new(name: &'a str, bytes: &'a [u8]) -> Result<Input<'a>, BadInput> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let input = Input { name, bytes };
        if bytes.len() > FILE_BYTES_MAX {
            return Err(input.wrong(format!("is larger than {FILE_BYTES_MAX} bytes")));
        }
        Ok(input)
    }

    /// Lines with something on them; one that is no text is an error.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Result<Line<'a>, BadInput>> {
        let lines = self.bytes.split(|byte| *byte == b'\n').zip(1..);
        let lines = lines.map(|(bytes, number)| self.line(number, bytes));
        lines.filter(|line| !matches!(line, Ok(line) if line.text.trim().is_empty()))
    }

    fn line(&self, number: u64, bytes: &'a [u8]) -> Result<Line<'a>, BadInput> {
        if bytes.len() > LINE_BYTES_MAX {
            let line = Line { number, text: "" };
            return Err(self.bad(line, format!("is longer than {LINE_BYTES_MAX} bytes")));
        }
        match str::from_utf8(bytes) {
            Ok(text) => Ok(Line { number, text: text.strip_suffix('\r').unwrap_or(text) }),
            Err(error) => {
                let at = error.valid_up_to();
                let text = str::from_utf8(&bytes[..at]).expect("it is valid up to there");
                let wrong = format!("is not UTF-8 text at byte {} of the line", at + 1);
                Err(self.bad(Line { number, text }, wrong))
            }
        }
    }

    /// Something is wrong with the file.
    pub(crate) fn wrong(&self, wrong: impl Into<String>) -> BadInput {
        BadInput { name: self.name.to_owned(), line: 0, shown: String::new(), wrong: wrong.into() }
    }

    /// Something is wrong with a line.
    pub(crate) fn bad(&self, line: Line<'_>, wrong: impl Into<String>) -> BadInput {
        let shown = shown(line.text);
        BadInput { name: self.name.to_owned(), line: line.number, shown, wrong: wrong.into() }
    }
}

/// Text out of a file, short and harmless to a terminal.
pub(crate) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(SHOWN_CHARS_MAX).collect();
    let rest = if chars.next().is_some() { "\u{2026}" } else { "" };
    format!("{}{rest}", head.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}
