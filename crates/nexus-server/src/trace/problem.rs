//! What is wrong with one line of a trace, and what to do about it.

use std::fmt;

use super::lines::{LINE_BYTES_MAX, LINES_MAX};
use super::number::{MILLIS_MAX, TOKENS_MAX};
use super::reader::REQUESTS_MAX;
use super::timestamp::TimestampFault;
use crate::words::counted;

/// Problems of one file that are spelled out; the rest are counted.
/// A guess at what still fits on a screen.
pub const PROBLEMS_SHOWN_MAX: usize = 10;

/// Characters of the offending text that are shown. A guess: half a line.
const TEXT_CHARS_MAX: usize = 40;

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Line number in the file, from 1.
    pub line: u64,
    /// The column it is in, where there is one.
    pub column: Option<&'static str>,
    /// The text as it stands in the file, clipped.
    pub text: Option<Clipped>,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.line)?;
        if let Some(column) = self.column {
            write!(f, "{column} ")?;
        }
        if let Some(text) = &self.text {
            write!(f, "{text} ")?;
        }
        write!(f, "{}", self.fault)
    }
}

/// Text out of the user's file, made short and harmless to a terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clipped(String);

impl Clipped {
    /// Takes the beginning of `text`.
    pub fn new(text: &str) -> Clipped {
        let mut chars = text.chars();
        let head: String = chars.by_ref().take(TEXT_CHARS_MAX).collect();
        let rest = if chars.next().is_some() { "…" } else { "" };
        Clipped(format!("\"{}{rest}\"", head.escape_debug().to_string().replace("\\\"", "\"")))
    }
}

impl fmt::Display for Clipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What can be wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// The file has no line with anything on it.
    #[error("the file is empty; expected at least one request")]
    EmptyFile,
    /// There is a header and nothing else.
    #[error("the file ends after its header; expected at least one request")]
    HeaderOnly,
    /// More requests than are held in memory.
    #[error("is request number {}; expected at most {REQUESTS_MAX}", REQUESTS_MAX + 1)]
    TooManyRequests,
    /// More lines than are read.
    #[error("is one line more than the {LINES_MAX} that are read")]
    TooManyLines,
    /// A line beyond the limit. What follows is not read: it may have no end.
    #[error("is longer than {LINE_BYTES_MAX} bytes; reading stopped there")]
    LineTooLong,
    /// Bytes that are no text.
    #[error("is not UTF-8 text at byte {at} of the line")]
    NotUtf8 {
        /// The first bad byte, from 1.
        at: usize,
    },
    /// An empty line with requests after it.
    #[error("is blank; expected a request")]
    Blank,
    /// The header lacks a column.
    #[error("is missing from the header; found {found}")]
    ColumnMissing {
        /// The header as it stands.
        found: Clipped,
    },
    /// The file is JSON lines, read as CSV.
    #[error("is JSON; expected a CSV header")]
    JsonAsCsv,
    /// The file is CSV, read as JSON lines.
    #[error("is a CSV header; expected a JSON object")]
    CsvAsJson,
    /// A header whose columns would be there if something else were a comma.
    #[error("separates its columns with {separator}; expected commas")]
    Separator {
        /// What stands between the columns.
        separator: &'static str,
    },
    /// The header names a column twice.
    #[error("is named twice in the header")]
    ColumnTwice,
    /// A row that does not match its header.
    #[error("has {}; expected {expected} as in the header", counted(*.found as u64, "field"))]
    FieldCount {
        /// Fields in the header.
        expected: usize,
        /// Fields in this row.
        found: usize,
    },
    /// A quoted CSV field without its closing quote.
    #[error("opens a quoted field and does not close it on the same line")]
    QuoteOpen,
    /// Not a JSON object.
    #[error("is not a JSON object: {reason}")]
    NotObject {
        /// What the JSON reader said.
        reason: String,
    },
    /// A JSON object with one of our fields more than once.
    #[error("names {field} more than once")]
    FieldTwice {
        /// Its name.
        field: String,
    },
    /// A JSON object without this field.
    #[error("is missing")]
    FieldMissing,
    /// Nothing where a number should be.
    #[error("is empty; expected {}", expected(*.number))]
    Empty {
        /// What belongs here.
        number: Number,
    },
    /// Text that is no number of the wanted form.
    #[error("is not a number of this form; expected {}", expected(*.number))]
    NotNumber {
        /// What belongs here.
        number: Number,
    },
    /// Below zero.
    #[error("is negative; expected {}", expected(*.number))]
    Negative {
        /// What belongs here.
        number: Number,
    },
    /// Beyond the limit.
    #[error("is too large; expected {}", expected(*.number))]
    TooLarge {
        /// What belongs here.
        number: Number,
    },
    /// A moment that cannot be read.
    #[error("is not a time: {0}; expected YYYY-MM-DD HH:MM:SS.fffffff")]
    Timestamp(#[from] TimestampFault),
    /// Earlier than the request on the line before.
    #[error("is earlier than {before}, the time of the request before it")]
    OutOfOrder {
        /// The time on the line before.
        before: Clipped,
    },
}

/// The two kinds of number a trace holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Number {
    /// A count of tokens.
    Tokens,
    /// A moment in milliseconds.
    Millis,
}

/// The wanted form, in words.
fn expected(number: Number) -> String {
    match number {
        Number::Tokens => format!("a whole number from 0 to {TOKENS_MAX}"),
        Number::Millis => {
            format!("milliseconds from 0 to {MILLIS_MAX}, with at most 6 decimals")
        }
    }
}

impl Fault {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Fault::EmptyFile | Fault::HeaderOnly => {
                "check that this is the right file and that it was written to the end"
            }
            Fault::TooManyRequests | Fault::TooManyLines => {
                "cut the file into parts and run them one by one"
            }
            Fault::LineTooLong => "check that the file has line ends and holds one request a line",
            Fault::JsonAsCsv => "this looks like JSON lines: add --input-format jsonl",
            Fault::CsvAsJson => "this looks like CSV: add --input-format csv",
            Fault::Separator { .. } => "write commas between the columns, in every line",
            Fault::NotUtf8 { .. } => "save the file as UTF-8 text, unpacked",
            Fault::ColumnMissing { .. } | Fault::ColumnTwice => {
                "begin the file with a line that names TIMESTAMP, ContextTokens and \
                 GeneratedTokens once each, separated by commas (other columns are ignored)"
            }
            Fault::NotObject { .. } | Fault::FieldMissing | Fault::FieldTwice { .. } => {
                "write one object a line, such as \
                 {\"timestamp\": 0, \"input_length\": 374, \"output_length\": 44}"
            }
            Fault::OutOfOrder { .. } => "sort the requests by time",
            _ => "correct or remove these lines; none is skipped for you",
        }
    }
}
