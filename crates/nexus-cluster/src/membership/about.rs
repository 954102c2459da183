//! What a node tells of itself with its identity: address, version, capabilities.
//!
//! It travels within the identity, so whoever knows a member knows this too, and no second
//! protocol has to bring it to those that came late. The price is bytes in every update,
//! hence the bounds, and that a change needs a renewed identity. Kept in its encoded form:
//! a thousand members are then a thousand small allocations and no more.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::address::{ADDRESS_BYTES_MAX, Address, AddressError};

/// The most capabilities a node may name.
pub const CAPABILITIES_MAX: usize = 8;
/// The longest name or value of a capability, in bytes.
pub const CAPABILITY_BYTES_MAX: usize = 32;
/// The most bytes for address, version and capabilities together, so that a datagram
/// always has room for its head and several updates.
pub const ABOUT_BYTES_MAX: usize = 192;

/// Set while a node is leaving; nobody renews such an identity.
const LEAVING: u8 = 1;

/// What a node can do, for those that place work.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Metadata {
    /// The version of the program, as its release encodes it.
    pub version: u32,
    /// Names and values, such as `zone` and `b`; at most [`CAPABILITIES_MAX`].
    pub capabilities: BTreeMap<String, String>,
}

/// Why metadata cannot be carried.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Too many capabilities. Nothing changed; name fewer.
    #[error("a node names at most {CAPABILITIES_MAX} capabilities, not {count}")]
    TooMany {
        /// How many there were.
        count: usize,
    },
    /// A name or value is too long, or a name is empty. Nothing changed; shorten it.
    #[error("name and value of a capability have at most {CAPABILITY_BYTES_MAX} bytes: {name:?}")]
    Length {
        /// The capability.
        name: String,
    },
    /// All together is too long. Nothing changed; name fewer.
    #[error("address and metadata have {bytes} bytes, above {ABOUT_BYTES_MAX}")]
    TooLong {
        /// The bytes they would take.
        bytes: usize,
    },
    /// The address itself is wrong.
    #[error("no address")]
    Address(#[from] AddressError),
}

/// Encodes what a node tells of itself.
pub(super) fn encode(address: &Address, metadata: &Metadata) -> Result<Arc<[u8]>, MetadataError> {
    let capabilities = &metadata.capabilities;
    if capabilities.len() > CAPABILITIES_MAX {
        return Err(MetadataError::TooMany { count: capabilities.len() });
    }
    let mut bytes = vec![0];
    bytes.extend(metadata.version.to_le_bytes());
    push_text(&mut bytes, address.as_str());
    bytes.push(capabilities.len() as u8);
    for (name, value) in capabilities {
        if name.is_empty() || name.len().max(value.len()) > CAPABILITY_BYTES_MAX {
            return Err(MetadataError::Length { name: name.clone() });
        }
        push_text(&mut bytes, name);
        push_text(&mut bytes, value);
    }
    if bytes.len() > ABOUT_BYTES_MAX {
        return Err(MetadataError::TooLong { bytes: bytes.len() });
    }
    Ok(bytes.into())
}

/// The same with the mark of one who leaves.
pub(super) fn leaving(about: &[u8]) -> Arc<[u8]> {
    let mut bytes = about.to_vec();
    bytes[0] |= LEAVING;
    bytes.into()
}

/// Whether the mark is set.
pub(super) fn is_leaving(about: &[u8]) -> bool {
    about[0] & LEAVING != 0
}

/// The address in checked bytes.
pub(super) fn address(about: &[u8]) -> Address {
    let (text, _) = take_text(&about[5..]).expect("it was checked when it came in");
    Address::new(text).expect("it was checked when it came in")
}

/// The rest of what is in checked bytes.
pub(super) fn metadata(about: &[u8]) -> Metadata {
    let version = u32::from_le_bytes([about[1], about[2], about[3], about[4]]);
    let mut capabilities = BTreeMap::new();
    walk(about, |name, value| {
        capabilities.insert(name.to_owned(), value.to_owned());
    })
    .expect("it was checked when it came in");
    Metadata { version, capabilities }
}

/// Whether bytes from outside are what [`encode`] makes; after that nothing else fails.
pub(super) fn is_valid(about: &[u8]) -> bool {
    about.len() <= ABOUT_BYTES_MAX && about.first().is_some_and(|flags| flags & !LEAVING == 0) && {
        let mut before = "";
        let mut in_order = true;
        let ended = walk(about, |name, _| in_order &= std::mem::replace(&mut before, name) < name);
        ended.is_some() && in_order
    }
}

/// Shows each capability; none if the bytes are not as they should be.
fn walk<'a>(about: &'a [u8], mut each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    let (address, rest) = take_text(about.get(5..)?)?;
    let is_address = (1..=ADDRESS_BYTES_MAX).contains(&address.len())
        && address.bytes().all(|byte| byte.is_ascii_graphic());
    let (&count, mut rest) = rest.split_first()?;
    if !is_address || usize::from(count) > CAPABILITIES_MAX {
        return None;
    }
    for _ in 0..count {
        let (name, after_name) = take_text(rest)?;
        let (value, after_value) = take_text(after_name)?;
        if name.len().max(value.len()) > CAPABILITY_BYTES_MAX {
            return None;
        }
        each(name, value);
        rest = after_value;
    }
    rest.is_empty().then_some(())
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(text.len() as u8);
    bytes.extend(text.as_bytes());
}

fn take_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(len))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Address, Metadata) {
        let capabilities = [("zone", "b"), ("gpu", "2")];
        let capabilities = capabilities.map(|(name, value)| (name.into(), value.into()));
        (
            Address::new("10.0.0.7:4100").expect("an address"),
            Metadata { version: 70_000, capabilities: capabilities.into() },
        )
    }

    #[test]
    fn what_goes_in_comes_out() {
        let (place, tale) = sample();
        let about = encode(&place, &tale).expect("short enough");
        assert!(is_valid(&about) && !is_leaving(&about));
        assert_eq!((address(&about), metadata(&about)), (place, tale));
        assert!(is_leaving(&leaving(&about)) && is_valid(&leaving(&about)));
    }

    #[test]
    fn no_cut_of_it_is_valid() {
        let (place, tale) = sample();
        let about = encode(&place, &tale).expect("short enough");
        for len in 0..about.len() {
            assert!(!is_valid(&about[..len]), "{len} bytes");
        }
    }

    #[test]
    fn too_much_is_refused() {
        let (place, mut tale) = sample();
        tale.capabilities.insert("long".into(), "x".repeat(33));
        assert!(matches!(encode(&place, &tale), Err(MetadataError::Length { .. })));
        tale.capabilities = (0..9).map(|index| (format!("c{index}"), String::new())).collect();
        assert_eq!(encode(&place, &tale), Err(MetadataError::TooMany { count: 9 }));
        tale.capabilities = (0..8).map(|index| (format!("c{index}"), "x".repeat(30))).collect();
        assert!(matches!(encode(&place, &tale), Err(MetadataError::TooLong { .. })));
    }
}
