//! Small files that options name: tokens, certificates, keys.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a file beyond which it cannot be what it should be; reading stops
/// there with an error. Four times the list of authorities that Debian installs.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads all of `path`.
///
/// # Errors
/// What the system says, or that the file is too large.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}
