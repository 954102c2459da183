//! Encrypted connections: what a server shows, and what a client believes.
//!
//! rustls with ring, TLS 1.2 and 1.3, HTTP/1.1 alone. One implementation in safe
//! Rust, and one library of cryptography that builds without CMake; nothing is
//! negotiated below what rustls holds to be safe, so there is nothing to set.
//!
//! Certificates are read once, at the start. What is wrong with them is said
//! then, by file and with a remedy, not by each connection that fails. An
//! expired certificate is a warning: clients will refuse it, but a node that
//! does not start because of a date helps nobody find out.
//!
//! Absent on purpose: revocation lists, ACME, names chosen by the client (SNI
//! with several certificates), tickets that resume a session on another node.

mod certs;
mod error;
mod pem;
#[cfg(test)]
mod tests;
mod validity;

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use tokio_rustls::TlsAcceptor;

pub use certs::{CERT_DAYS_MAX, CERT_NAMES_MAX, CertsError, MadeCerts, make_certs};
pub use error::{TlsError, TlsWarning};
pub use validity::EXPIRY_NOTICE_DAYS;

use crate::settings::TlsSettings;

/// Newest first.
const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// The one protocol inside, in the words of RFC 7301.
const HTTP_1_1: &[u8] = b"http/1.1";

/// What a server needs to speak TLS.
#[non_exhaustive]
pub struct Tls {
    /// Makes encrypted connections out of accepted ones.
    pub acceptor: TlsAcceptor,
    /// What is not as it should be, though it works so far. For the log.
    pub warnings: Vec<TlsWarning>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

impl Tls {
    /// What `settings` say of TLS; `None` if they leave it off. `now_unix`, in
    /// Unix seconds, decides which certificates are warned about.
    ///
    /// # Errors
    /// [`TlsError`] names the file, what is wrong with it, and what to do.
    pub fn load(settings: &TlsSettings, now_unix: u64) -> Result<Option<Tls>, TlsError> {
        settings.half()?;
        let (Some(cert), Some(key)) = (&settings.cert, &settings.key) else { return Ok(None) };
        let provider = Arc::new(default_provider());
        let mut warnings = Vec::new();
        let identity = identity(cert, key, &provider, now_unix, &mut warnings)?;
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(VERSIONS)
            .expect("ring has suites for both versions");
        let config = match &settings.client_ca {
            None => config.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(roots(path, now_unix, &mut warnings)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .build()
                    .expect("there is an authority, and no revocation list");
                config.with_client_cert_verifier(verifier)
            }
        };
        let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Some(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), warnings }))
    }
}

/// What a client needs to speak TLS with a node whose certificate comes from the
/// authority in the file `ca`. With `identity`, a certificate and its key, it
/// can say who it is where the node asks.
///
/// # Errors
/// [`TlsError`] names the file, what is wrong with it, and what to do.
pub fn client_tls(
    ca: &Path,
    identity: Option<(&Path, &Path)>,
    now_unix: u64,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(default_provider());
    // A client is told by the connection that fails; there is nobody to warn before.
    let mut warnings = Vec::new();
    let roots = roots(ca, now_unix, &mut warnings)?;
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(VERSIONS)
        .expect("ring has suites for both versions")
        .with_root_certificates(roots);
    let mut config = match identity {
        None => config.with_no_client_auth(),
        Some((cert, key)) => {
            let identity = self::identity(cert, key, &provider, now_unix, &mut warnings)?;
            config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
    };
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(Arc::new(config))
}

/// A certificate and the key that belongs to it.
fn identity(
    cert: &Path,
    key: &Path,
    provider: &CryptoProvider,
    now_unix: u64,
    warnings: &mut Vec<TlsWarning>,
) -> Result<CertifiedKey, TlsError> {
    let chain = pem::certificates(cert)?;
    for certificate in &chain {
        warnings.extend(validity::warning(cert, certificate, now_unix));
    }
    let private = pem::private_key(key)?;
    warnings.extend(private.warning);
    let signing = provider
        .key_provider
        .load_private_key(private.key)
        .map_err(|source| TlsError::Key { path: key.to_owned(), source })?;
    let identity = CertifiedKey::new(chain, signing);
    match identity.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(identity),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { cert: cert.to_owned(), key: key.to_owned() })
        }
        Err(source) => Err(TlsError::Certificate { path: cert.to_owned(), source }),
    }
}

/// The authorities in a file.
fn roots(
    path: &Path,
    now_unix: u64,
    warnings: &mut Vec<TlsWarning>,
) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(path)? {
        warnings.extend(validity::warning(path, &certificate, now_unix));
        roots
            .add(certificate)
            .map_err(|source| TlsError::Certificate { path: path.to_owned(), source })?;
    }
    Ok(roots)
}
