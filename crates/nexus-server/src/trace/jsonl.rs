//! JSON lines: one object a line, times in milliseconds.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::number;
use super::problem::Fault;
use super::reader::{Cell, Row};

/// The three fields, each as it stands in the file: numbers are read from
/// their text, so that nothing passes through a float.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    input_length: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    output_length: Option<&'a RawValue>,
}

/// Whatever is there, `null` too: that is a bad value, not a missing one.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Takes one line apart; fields other than the three are ignored.
///
/// # Errors
/// [`Fault::NotObject`] if the line is not one whole JSON object,
/// [`Fault::FieldTwice`] if it is ambiguous.
pub fn row(text: &str) -> Result<Row<'_>, Fault> {
    // A sequence would be read as the fields in order.
    if !text.trim_start().starts_with('{') {
        return Err(Fault::NotObject { reason: "expected `{` at column 1".to_owned() });
    }
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| fault(&error))?;
    let Fields { timestamp, input_length, output_length } = fields;
    Ok(Row {
        time: Cell::read("timestamp", timestamp.map(RawValue::get), number::millis),
        context: Cell::read("input_length", input_length.map(RawValue::get), number::tokens),
        generated: Cell::read("output_length", output_length.map(RawValue::get), number::tokens),
    })
}

fn fault(error: &serde_json::Error) -> Fault {
    let reason = reason(error);
    let twice = reason.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
    match twice {
        Some(field) => Fault::FieldTwice { field: field.to_owned() },
        None => Fault::NotObject { reason },
    }
}

/// What the JSON reader says, without the "line 1" that it says of every line.
fn reason(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}
