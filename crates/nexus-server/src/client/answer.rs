//! What a node answered to one request.

use serde::de::DeserializeOwned;

use super::{Changed, ClientError};

/// An answer that is no error, with its body as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) replayed: bool,
    /// What an answer that makes no sense leaves open.
    pub(super) changed: Changed,
    pub(super) text: String,
}

impl Answer {
    /// Whether something was made that had not been there.
    pub fn is_created(&self) -> bool {
        self.status == 201
    }

    /// Whether this is the answer to an earlier request with the same
    /// idempotency key.
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// The body as one line of JSON, character by character as it came.
    ///
    /// # Errors
    /// [`ClientError::Foreign`] if it is not JSON.
    pub fn line(&self) -> Result<String, ClientError> {
        let raw: Box<serde_json::value::RawValue> = self.read()?;
        Ok(one_line(raw.get()))
    }

    /// The body as a value.
    ///
    /// # Errors
    /// [`ClientError::Foreign`] if it is not JSON of this form.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_str(&self.text).map_err(|error| ClientError::Foreign {
            url: self.url.clone(),
            what: format!("its answer with status {} cannot be read: {error}", self.status),
            changed: self.changed,
        })
    }
}

/// JSON on one line. Between its parts a line end means no more than a space,
/// and inside text there is none.
pub fn one_line(json: &str) -> String {
    let mut line = json.trim().replace(['\n', '\r'], " ");
    line.push('\n');
    line
}
