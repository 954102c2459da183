//! Where a node is reached.

use std::fmt;
use std::sync::Arc;

/// The longest address, in bytes. A host name may have 253, but one that long would leave a
/// datagram room for little else; an IPv6 address with its port has 47.
pub const ADDRESS_BYTES_MAX: usize = 64;

/// Where a node is reached: `host:port` as text, which only the edge looks into.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Arc<str>);

impl Address {
    /// An address made of printable ASCII without blanks.
    ///
    /// # Errors
    /// [`AddressError`] if it is empty, too long, or has other characters.
    pub fn new(text: &str) -> Result<Address, AddressError> {
        if text.is_empty() || text.len() > ADDRESS_BYTES_MAX {
            return Err(AddressError::Length { bytes: text.len() });
        }
        match text.bytes().find(|byte| !byte.is_ascii_graphic()) {
            Some(byte) => Err(AddressError::Character { byte }),
            None => Ok(Address(text.into())),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Empty, or too long.
    #[error("an address has 1 to {ADDRESS_BYTES_MAX} bytes, not {bytes}")]
    Length {
        /// Its length.
        bytes: usize,
    },
    /// A blank, a control character, or not ASCII.
    #[error("an address has printable ASCII characters only, not the byte {byte:#04x}")]
    Character {
        /// The first that is wrong.
        byte: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fits_and_prints_is_an_address() {
        assert_eq!(Address::new("[::1]:4100").expect("an address").as_str(), "[::1]:4100");
        assert_eq!(Address::new(""), Err(AddressError::Length { bytes: 0 }));
        assert_eq!(Address::new(&"a".repeat(65)), Err(AddressError::Length { bytes: 65 }));
        assert_eq!(Address::new("a b"), Err(AddressError::Character { byte: b' ' }));
    }
}
