//! Certificates and keys out of PEM files.

use std::path::Path;

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{TlsError, TlsWarning};
use crate::bounded_file::{self, Contents};

/// Bytes of a PEM file, at most. A guess: a bundle of all public authorities
/// has a quarter of it.
const PEM_BYTES_MAX: usize = 1 << 20;

/// What a key that is locked with a passphrase begins with.
const ENCRYPTED: [&[u8]; 2] = [b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];

/// A private key, and what to say about its file.
pub(super) struct PrivateKey {
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) warning: Option<TlsWarning>,
}

/// The certificates of a file; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let contents = read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&contents.bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| TlsError::NotPem { path: path.to_owned() })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}

/// The first private key of a file, in any of the three usual forms.
pub(super) fn private_key(path: &Path) -> Result<PrivateKey, TlsError> {
    let contents = read(path)?;
    if ENCRYPTED.iter().any(|mark| contains(&contents.bytes, mark)) {
        return Err(TlsError::EncryptedKey { path: path.to_owned() });
    }
    let key = PrivateKeyDer::from_pem_slice(&contents.bytes).map_err(|error| match error {
        Error::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        // What the error would repeat may be a piece of the key.
        _ => TlsError::NotPem { path: path.to_owned() },
    })?;
    let others = bounded_file::mode_of_others(&contents.metadata);
    let warning = (others != 0).then(|| TlsWarning::KeyNotPrivate { path: path.to_owned() });
    Ok(PrivateKey { key, warning })
}

fn read(path: &Path) -> Result<Contents, TlsError> {
    bounded_file::read(path, PEM_BYTES_MAX)
        .map_err(|why| TlsError::Read { path: path.to_owned(), why })
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}
