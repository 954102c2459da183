//! Files read whole, but never more of them than was allowed.
//!
//! Settings, tokens and certificates are small. Whoever names a disk image, a
//! log or `/dev/zero` by mistake gets an error, not a process without memory.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system says no: it is missing, a folder, or not ours to read.
    #[error("cannot be read: {0}")]
    System(io::Error),
    /// It is larger than such a file ever is.
    #[error(
        "has more than {bytes_max} bytes, which no file of its kind has; is it the right file?"
    )]
    TooLarge {
        /// The limit, in bytes.
        bytes_max: usize,
    },
}

/// What was in a file, and what the system said about the file when it was opened.
pub(crate) struct Contents {
    pub(crate) bytes: Vec<u8>,
    pub(crate) metadata: Metadata,
}

/// Reads a file of at most `bytes_max` bytes.
///
/// # Errors
/// [`ReadError`].
pub(crate) fn read(path: &Path, bytes_max: usize) -> Result<Contents, ReadError> {
    let file = File::open(path).map_err(ReadError::System)?;
    // Of the open file, so that what is known of it is not older than its bytes.
    let metadata = file.metadata().map_err(ReadError::System)?;
    let too_large = ReadError::TooLarge { bytes_max };
    if metadata.len() > bytes_max as u64 {
        return Err(too_large);
    }
    // Devices and pipes tell no length: one byte more than allowed is asked for.
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(ReadError::System)?;
    if bytes.len() > bytes_max {
        return Err(too_large);
    }
    Ok(Contents { bytes, metadata })
}

/// The bits of a file's mode that let others than its owner do something;
/// always 0 where the system has no such bits.
pub(crate) fn mode_of_others(metadata: &Metadata) -> u32 {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o077
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        0
    }
}
