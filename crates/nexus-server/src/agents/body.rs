//! JSON that a user gives as an argument or on standard input.

use std::io::{self, Read};

use serde_json::value::RawValue;

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";
/// Bytes of JSON that are read. Sixteen times what a node takes unless told otherwise.
const BODY_BYTES_MAX: u64 = 16 << 20;

/// Why there is no JSON to send.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is not JSON.
    #[error(
        "the arguments are not JSON\nnothing was sent\n\
         write them as in '{{\"key\":\"a\",\"by\":1}}', in single quotes for the shell"
    )]
    NotJson(#[source] serde_json::Error),
    /// There is too much of it.
    #[error("standard input is longer than {BODY_BYTES_MAX} bytes\nnothing was sent")]
    TooLarge,
    /// It cannot be read.
    #[error("cannot read standard input\nnothing was sent")]
    Input(#[source] io::Error),
}

/// Checks `text`, or what stands on `input` if it is `-`. Numbers stay as they
/// are written, whatever their size.
///
/// # Errors
/// [`BodyError`] if it is not JSON or cannot be read.
pub fn read(text: &str, input: impl Read) -> Result<Box<RawValue>, BodyError> {
    if text != STANDARD_INPUT {
        return serde_json::from_str(text).map_err(BodyError::NotJson);
    }
    let mut bytes = Vec::new();
    input.take(BODY_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(BodyError::Input)?;
    if bytes.len() as u64 > BODY_BYTES_MAX {
        return Err(BodyError::TooLarge);
    }
    serde_json::from_slice(&bytes).map_err(BodyError::NotJson)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_through_as_it_is_written() {
        let check = |text: &str, input: &str, expected: &str| {
            assert_eq!(read(text, input.as_bytes()).expect(text).get(), expected);
        };
        check(
            r#"{"by": 123456789012345678901234567890}"#,
            "",
            r#"{"by": 123456789012345678901234567890}"#,
        );
        check("-", " [1]\n", "[1]");
        check("\"a\"", "", "\"a\"");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let refused = |text: &str, input: &str| read(text, input.as_bytes()).expect_err(text);
        for text in ["", "{", "{a:1}", "{} {}", "put", "'{}'"] {
            assert!(matches!(refused(text, ""), BodyError::NotJson(_)), "{text}");
        }
        assert!(matches!(refused("-", "nothing"), BodyError::NotJson(_)));
        let endless = read("-", io::repeat(b' ')).expect_err("endless");
        assert!(matches!(endless, BodyError::TooLarge));
    }
}
