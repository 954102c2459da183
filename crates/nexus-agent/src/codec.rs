//! How messages become bytes: postcard, the same on disk and on the wire.

use crate::{Crash, During, Wire};

/// Bytes one message may take encoded. Checked before anything is allocated for it.
pub const MESSAGE_BYTES_MAX: usize = 1 << 24;

/// The message as bytes. A message whose `Serialize` fails or panics has no
/// bytes; that is a mistake in its own implementation and is reported where it
/// is decoded.
pub fn encode<W: Wire>(message: &W) -> Vec<u8> {
    let encoded = Crash::catch(During::Handler, || postcard::to_allocvec(message));
    encoded.ok().and_then(Result::ok).unwrap_or_default()
}

/// The message these bytes stand for.
///
/// # Errors
/// What the codec said, for bytes that are no such message, leave some over,
/// or exceed [`MESSAGE_BYTES_MAX`].
pub fn decode<W: Wire>(bytes: &[u8]) -> Result<W, String> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(format!("{} bytes, at most {MESSAGE_BYTES_MAX} are taken", bytes.len()));
    }
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(format!("{} bytes too many", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}
