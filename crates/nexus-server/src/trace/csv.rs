//! Comma-separated lines under a header; quotes may surround a field.

use std::borrow::Cow;

use super::number;
use super::problem::{Clipped, Fault};
use super::reader::{Cell, Row};
use super::timestamp;

const TIME: &str = "TIMESTAMP";
const CONTEXT: &str = "ContextTokens";
const GENERATED: &str = "GeneratedTokens";

/// What spreadsheets write where a comma is meant, and its name in a sentence.
const SEPARATORS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];

/// Whether `text` names all three columns with `separator` between them.
pub fn is_header(text: &str, separator: char) -> bool {
    let names = || text.split(separator).map(|name| name.trim().trim_matches('"'));
    [TIME, CONTEXT, GENERATED].iter().all(|column| names().any(|name| name == *column))
}

/// Where the columns are, as the file's first line says.
pub struct Header {
    field_count: usize,
    time_index: usize,
    context_index: usize,
    generated_index: usize,
}

/// What is wrong with a header, column by column.
pub type HeaderFaults = Vec<(Option<&'static str>, Fault)>;

impl Header {
    /// Finds the columns by name; their order is free and others are ignored.
    ///
    /// # Errors
    /// Every column that is not there exactly once; or, if the file is plainly
    /// of another kind, that alone.
    pub fn read(text: &str) -> Result<Header, HeaderFaults> {
        if text.trim_start().starts_with('{') {
            return Err(vec![(None, Fault::JsonAsCsv)]);
        }
        if let Some((_, separator)) = SEPARATORS.iter().find(|(other, _)| is_header(text, *other)) {
            return Err(vec![(None, Fault::Separator { separator })]);
        }
        let names = fields(text).map_err(|fault| vec![(None, fault)])?;
        let mut faults = HeaderFaults::new();
        let mut find = |column: &'static str| {
            let mut places = (0..names.len()).filter(|&index| names[index] == column);
            let place = places.next();
            if place.is_none() {
                let found = Clipped::new(text);
                faults.push((Some(column), Fault::ColumnMissing { found }));
            } else if places.next().is_some() {
                faults.push((Some(column), Fault::ColumnTwice));
            }
            place.unwrap_or_default()
        };
        let header = Header {
            field_count: names.len(),
            time_index: find(TIME),
            context_index: find(CONTEXT),
            generated_index: find(GENERATED),
        };
        if faults.is_empty() { Ok(header) } else { Err(faults) }
    }

    /// Takes one line below the header apart.
    ///
    /// # Errors
    /// [`Fault::QuoteOpen`], or [`Fault::FieldCount`] if the line has more or
    /// fewer fields than the header.
    pub fn row<'a>(&self, text: &'a str) -> Result<Row<'a>, Fault> {
        let fields = fields(text)?;
        if fields.len() != self.field_count {
            return Err(Fault::FieldCount { expected: self.field_count, found: fields.len() });
        }
        // A field with doubled quotes in it is neither a number nor a time, so
        // the whole line is as good a text to show for it as any.
        let field = |index: usize| match fields[index] {
            Cow::Borrowed(field) => Some(field),
            Cow::Owned(_) => Some(text),
        };
        Ok(Row {
            time: Cell::read(TIME, field(self.time_index), |text| Ok(timestamp::parse(text)?)),
            context: Cell::read(CONTEXT, field(self.context_index), number::tokens),
            generated: Cell::read(GENERATED, field(self.generated_index), number::tokens),
        })
    }
}

/// Splits a line at its commas, blanks around fields taken off.
fn fields(text: &str) -> Result<Vec<Cow<'_, str>>, Fault> {
    let mut fields = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (field, after) = match text.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let (field, after) = split_comma(text);
                (Cow::Borrowed(field.trim()), after)
            }
        };
        fields.push(field);
        rest = after;
    }
    Ok(fields)
}

fn split_comma(text: &str) -> (&str, Option<&str>) {
    text.split_once(',').map_or((text, None), |(field, after)| (field, Some(after)))
}

/// Reads the rest of a field whose opening quote is gone; a doubled quote
/// stands for one.
fn quoted_field(text: &str) -> Result<(Cow<'_, str>, Option<&str>), Fault> {
    let mut end = 0;
    loop {
        end += text[end..].find('"').ok_or(Fault::QuoteOpen)?;
        if !text[end + 1..].starts_with('"') {
            break;
        }
        end += 2;
    }
    let field = &text[..end];
    let field = if field.contains('"') {
        Cow::Owned(field.replace("\"\"", "\""))
    } else {
        Cow::Borrowed(field.trim())
    };
    match split_comma(&text[end + 1..]) {
        (between, after) if between.trim().is_empty() => Ok((field, after)),
        _ => Err(Fault::QuoteOpen),
    }
}
