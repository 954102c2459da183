//! Which certificates are trusted, and which one is shown.
//!
//! All cryptography is that of ring. Everything in a file is checked before the
//! first connection, so that a wrong file is told from a wrong node.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::{NodeArgs, file};
use crate::failure::Exit;

/// Where systems keep the authorities they trust, in one file of PEM; the first
/// that exists is taken. Debian and Alpine, Fedora, openSUSE, then macOS and the BSDs.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why a certificate or a key cannot be used. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Options for TLS without TLS.
    #[error(
        "{option} is given, but the URL of the node begins with http://\nnothing was sent\n\
         write https:// in --url or NEXUS_URL, or leave {option} out"
    )]
    NotSecure {
        /// The option.
        option: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {} for {option}\nnothing was sent", path.display())]
    Unreadable {
        /// Which option names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} for {option} {fault}\nnothing was sent\ngive a file of PEM", path.display())]
    Content {
        /// Which option names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The key is not that of the certificate.
    #[error(
        "the key of --client-key cannot be used with the certificate of --client-cert\n\
         nothing was sent\ngive the two files that were made together"
    )]
    Mismatch(#[source] rustls::Error),
}

impl TlsError {
    /// The exit code that stands for it.
    pub fn exit(&self) -> Exit {
        match self {
            TlsError::Unreadable { .. } => Exit::Environment,
            _ => Exit::Usage,
        }
    }
}

/// The configuration for an encrypted connection (`secure`) or an open one.
///
/// # Errors
/// [`TlsError`] if a file is not what its option says.
pub fn config(args: &NodeArgs, secure: bool) -> Result<TlsConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    if !secure {
        return open(args, provider);
    }
    let client_cert = match (&args.client_cert, &args.client_key) {
        (Some(cert), Some(key)) => Some(client_cert(cert, key, &provider)?),
        _ => None,
    };
    let roots = match &args.ca {
        Some(path) => authorities(path)?,
        None => system_authorities(),
    };
    let config = TlsConfig::builder().root_certs(RootCerts::from(roots)).client_cert(client_cert);
    Ok(config.unversioned_rustls_crypto_provider(provider).build())
}

fn open(args: &NodeArgs, provider: Arc<CryptoProvider>) -> Result<TlsConfig, TlsError> {
    for (option, path) in [("--ca", &args.ca), ("--client-cert", &args.client_cert)] {
        if path.is_some() {
            return Err(TlsError::NotSecure { option });
        }
    }
    // Never used, but without it the library would look for roots and a provider.
    let config = TlsConfig::builder().root_certs(RootCerts::from(Vec::new()));
    Ok(config.unversioned_rustls_crypto_provider(provider).build())
}

/// The certificates of `--ca`, each of which can sign.
fn authorities(path: &Path) -> Result<Vec<Certificate<'static>>, TlsError> {
    const OPTION: &str = "--ca";
    let found = certificates(OPTION, path)?;
    let mut store = RootCertStore::empty();
    for certificate in &found {
        let der = CertificateDer::from_slice(certificate.der());
        let fault = "holds a certificate that cannot be read";
        store.add(der).map_err(|_| content(OPTION, path, fault))?;
    }
    Ok(found)
}

/// None at all if this system keeps none: then no node is trusted, and the
/// error says to give `--ca`.
fn system_authorities() -> Vec<Certificate<'static>> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = SYSTEM_AUTHORITIES.iter().map(PathBuf::from);
    let mut files = named.into_iter().chain(usual);
    files.find_map(|path| certificates("", &path).ok()).unwrap_or_default()
}

fn client_cert(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<ClientCert, TlsError> {
    const OPTION: &str = "--client-key";
    let chain = certificates("--client-cert", cert)?;
    let private = private_key(OPTION, key)?;
    // The library would panic if the two did not belong together.
    let owned = chain.iter().map(|one| CertificateDer::from(one.der().to_vec())).collect();
    let unreadable = |_| content(OPTION, key, "holds a key that cannot be read");
    let der = PrivateKeyDer::try_from(private.der().to_vec()).map_err(unreadable)?;
    CertifiedKey::from_der(owned, der, provider).map_err(TlsError::Mismatch)?;
    Ok(ClientCert::new_with_certs(&chain, private))
}

fn certificates(option: &'static str, path: &Path) -> Result<Vec<Certificate<'static>>, TlsError> {
    let bytes = read(option, path)?;
    let mut found = Vec::new();
    for item in parse_pem(&bytes) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(content(option, path, "is not well formed")),
        }
    }
    if found.is_empty() {
        return Err(content(option, path, "holds no certificate"));
    }
    Ok(found)
}

fn private_key(option: &'static str, path: &Path) -> Result<PrivateKey<'static>, TlsError> {
    let bytes = read(option, path)?;
    for item in parse_pem(&bytes) {
        match item {
            Ok(PemItem::PrivateKey(key)) => return Ok(key),
            Ok(_) => {}
            Err(_) => return Err(content(option, path, "is not well formed")),
        }
    }
    Err(content(option, path, "holds no private key"))
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    file::read(path).map_err(|source| TlsError::Unreadable {
        option,
        path: path.to_owned(),
        source,
    })
}

fn content(option: &'static str, path: &Path, fault: &'static str) -> TlsError {
    TlsError::Content { option, path: path.to_owned(), fault }
}
