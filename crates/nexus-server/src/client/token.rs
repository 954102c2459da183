//! The secret that says who is asking.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::file;

/// Where a token is looked for if no option names one.
pub const TOKEN_VARIABLE: &str = "NEXUS_TOKEN";

/// Bytes a token may have. A guess: fits into a request's headers many times over.
const TOKEN_BYTES_MAX: usize = 1_024;

/// A token that no text shows: neither [`Debug`] nor any error holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Why there is no token to send. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("cannot read the token in {}\nnothing was sent", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is no token.
    #[error(
        "the token {origin} is not one: tokens are 1 to {TOKEN_BYTES_MAX} letters, digits and \
         signs without spaces\nnothing was sent"
    )]
    Malformed {
        /// Where it comes from, in words.
        origin: String,
    },
}

impl From<String> for Token {
    // Not checked here: an error at this point would be printed with the value.
    fn from(text: String) -> Token {
        Token(text)
    }
}

impl Token {
    /// The token to send: that of the option, or of the file, or of the
    /// environment, in this order.
    ///
    /// # Errors
    /// [`TokenError`] if the first of those is unreadable or no token.
    pub fn find(
        option: Option<&Token>,
        file: Option<&Path>,
        variable: Option<OsString>,
    ) -> Result<Option<Token>, TokenError> {
        if let Some(token) = option {
            return checked(&token.0, || "of --token".to_owned()).map(Some);
        }
        if let Some(path) = file {
            let unreadable = |source| TokenError::Unreadable { path: path.to_owned(), source };
            let bytes = file::read(path).map_err(unreadable)?;
            let text = String::from_utf8_lossy(&bytes);
            return checked(text.trim(), || format!("in {}", path.display())).map(Some);
        }
        match variable {
            Some(text) if !text.is_empty() => {
                checked(&text.to_string_lossy(), || format!("in {TOKEN_VARIABLE}")).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What the header `Authorization` says.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

fn checked(text: &str, origin: impl FnOnce() -> String) -> Result<Token, TokenError> {
    let sound = (1..=TOKEN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if sound { Ok(Token(text.to_owned())) } else { Err(TokenError::Malformed { origin: origin() }) }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_before_the_environment() {
        let option = Token::from("abc".to_owned());
        let found = Token::find(Some(&option), None, Some("xyz".into())).expect("sound");
        assert_eq!(found, Some(option));
        let found = Token::find(None, None, Some("xyz".into())).expect("sound");
        assert_eq!(found.map(|token| token.header()), Some("Bearer xyz".to_owned()));
        assert_eq!(Token::find(None, None, Some("".into())).expect("none"), None);
        assert_eq!(Token::find(None, None, None).expect("none"), None);
    }

    #[test]
    fn a_bad_token_is_refused_and_not_repeated() {
        for bad in ["", "two words", "line\r\nHost: evil", "\u{fc}ber", &"a".repeat(1_025)] {
            let token = Token::from(bad.to_owned());
            let error = Token::find(Some(&token), None, None).expect_err(bad).to_string();
            assert!(error.starts_with("the token of --token is not one"), "{error}");
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
        assert_eq!(format!("{:?}", Token::from("secret".to_owned())), "Token(..)");
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = Token::find(None, Some(Path::new("no/such/token")), Some("xyz".into()));
        let error = error.expect_err("no such file").to_string();
        assert!(error.contains("no/such/token"), "{error}");
    }
}
