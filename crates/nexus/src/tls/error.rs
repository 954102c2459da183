//! What is wrong with the files of TLS.

use std::path::PathBuf;

use super::validity::EXPIRY_NOTICE_DAYS;
use crate::bounded_file::ReadError;
use crate::settings::ExposureError;

/// Why there is no TLS. Nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Of settings that belong together, one is missing.
    #[error(transparent)]
    Half(#[from] ExposureError),
    /// A file could not be read.
    #[error("{} {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not. Part of the text above, and so no cause that is told again.
        why: ReadError,
    },
    /// A file is damaged, or of another kind.
    #[error(
        "{} is damaged or not PEM, which is text with lines such as -----BEGIN CERTIFICATE-----",
        path.display()
    )]
    NotPem {
        /// The file.
        path: PathBuf,
    },
    /// A file has no certificate in it.
    #[error("{} has no certificate in it; is it the file of the key?", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file has no private key in it.
    #[error("{} has no private key in it; is it the file of the certificate?", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is locked with a passphrase, for which a server cannot ask.
    #[error(
        "the key in {path} is locked with a passphrase; unlock it: \
         openssl pkey -in {path} -out unlocked.key",
        path = path.display()
    )]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is of a kind that cannot be used.
    #[error("the key in {} cannot be used; ECDSA P-256, Ed25519 and RSA can", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// A certificate cannot be used.
    #[error("a certificate in {} cannot be used", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// The key is not that of the certificate.
    #[error(
        "the key in {} is not that of the first certificate in {}; put the server's own \
         certificate first, or name the right files",
        key.display(), cert.display()
    )]
    Mismatch {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

/// What is not as it should be with the files of TLS, though they were taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsWarning {
    /// Clients will refuse it.
    #[error("a certificate in {} expired {days} days ago; clients refuse it", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// Whole days since.
        days: u64,
    },
    /// Clients refuse it so far; perhaps a clock is wrong.
    #[error(
        "a certificate in {} is valid in {days} days only; until then clients refuse it; \
         is the clock right?",
        path.display()
    )]
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// Whole days until then.
        days: u64,
    },
    /// It ends within [`EXPIRY_NOTICE_DAYS`].
    #[error(
        "a certificate in {} expires in {days} days, less than {EXPIRY_NOTICE_DAYS}; \
         make another one",
        path.display()
    )]
    ExpiresSoon {
        /// The file.
        path: PathBuf,
        /// Whole days until then.
        days: u64,
    },
    /// Others than its owner may do something with the file of a private key.
    #[error("the key in {path} is not its owner's alone: chmod 600 {path}", path = path.display())]
    KeyNotPrivate {
        /// The file.
        path: PathBuf,
    },
}
