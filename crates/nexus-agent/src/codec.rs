//! How messages become bytes: postcard, the same on disk and on the wire.

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::drop_caught;
use crate::{Crash, During, Wire};

/// Bytes one message may take encoded. Checked before anything is allocated for it.
pub const MESSAGE_BYTES_MAX: usize = 1 << 24;

/// The message as bytes. A message whose `Serialize` fails or panics has no
/// bytes; that is a mistake in its own implementation and is reported where it
/// is decoded.
pub fn encode<W: Wire>(message: &W) -> Vec<u8> {
    try_encode(message).unwrap_or_default()
}

/// The message as bytes, or what its `Serialize` said or panicked with.
pub(crate) fn try_encode<W: Wire>(message: &W) -> Result<Vec<u8>, String> {
    try_write(message)
}

/// As [`try_encode`] for what is no message: a state.
pub(crate) fn try_write<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    caught(|| postcard::to_allocvec(value))
}

/// The message these bytes stand for.
///
/// # Errors
/// What the codec said, for bytes that are no such message, leave some over,
/// or exceed [`MESSAGE_BYTES_MAX`].
pub fn decode<W: Wire>(bytes: &[u8]) -> Result<W, String> {
    read(bytes)
}

/// As [`decode`] for what is no message: a state.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(format!("{} bytes, at most {MESSAGE_BYTES_MAX} are taken", bytes.len()));
    }
    match caught(|| postcard::take_from_bytes(bytes))? {
        (value, []) => Ok(value),
        (value, rest) => {
            drop_caught::<T>(value);
            Err(format!("{} bytes too many", rest.len()))
        }
    }
}

/// Runs the user's `Serialize` or `Deserialize`: what it said or panicked with.
pub(crate) fn caught<T, E: Display>(f: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match Crash::catch(During::Handler, f) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(crash) => Err(crash.to_string()),
    }
}
