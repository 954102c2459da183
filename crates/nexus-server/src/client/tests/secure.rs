//! TLS, with certificates made for the test.

use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::*;

/// An authority, and a folder with its files that goes with it.
struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate and its key.
struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Authority {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("nexus-client-test-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("ring makes keys");
        let certificate = params.self_signed(&key).expect("it can sign");
        fs::write(folder.join("ca.pem"), certificate.pem()).expect("it is ours");
        let der = certificate.der().clone();
        Authority { folder, issuer: Issuer::new(params, key), certificate: der }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn identity(&self, host: &str) -> Identity {
        let params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("ring makes keys");
        Identity { certificate: params.signed_by(&key, &self.issuer).expect("it can sign"), key }
    }

    /// Files with a certificate and a key for the client.
    fn client_files(&self, name: &str) -> (PathBuf, PathBuf) {
        let identity = self.identity("client");
        let (cert, key) = (format!("{name}.pem"), format!("{name}.key"));
        let (cert, key) = (self.file(&cert), self.file(&key));
        fs::write(&cert, identity.certificate.pem()).expect("it is ours");
        fs::write(&key, identity.key.serialize_pem()).expect("it is ours");
        (cert, key)
    }

    /// What a node for `host` is set up with; it wants certificates of its
    /// clients if `mutual`.
    fn node(&self, host: &str, mutual: bool) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("ring knows them");
        let builder = if mutual {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone()).expect("it is an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().expect("it has a root"))
        } else {
            builder.with_no_client_auth()
        };
        let Identity { certificate, key } = self.identity(host);
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key");
        builder.with_single_cert(vec![certificate.der().clone()], key).expect("they fit")
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // What stays behind in the folder for temporary files does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Puts something at a node that is set up so, trusting `ca`.
fn put(
    config: ServerConfig,
    ca: &FilePath,
    client: Option<(PathBuf, PathBuf)>,
) -> Result<Answer, ClientError> {
    let canned = Canned::start_secure(config, vec![Reply::Bytes(json("200 OK", "{}"))]);
    let mut args = canned.args();
    args.ca = Some(ca.to_owned());
    (args.client_cert, args.client_key) = client.unzip();
    Client::new(&args)?.put(&status(), "{}".to_owned())
}

#[test]
fn a_node_is_trusted_if_its_authority_is() {
    let authority = Authority::new();
    let answer = put(authority.node("127.0.0.1", false), &authority.file("ca.pem"), None);
    assert_eq!(answer.expect("trusted").line().expect("JSON"), "{}\n");
}

#[test]
fn another_authority_or_another_host_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let parts = ["TLS: invalid peer certificate", "nothing was changed", "--ca"];
    let error = put(authority.node("127.0.0.1", false), &other.file("ca.pem"), None);
    check_error(error.expect_err("another authority"), Exit::Environment, &parts);
    let error = put(authority.node("node.example", false), &authority.file("ca.pem"), None);
    check_error(error.expect_err("another host"), Exit::Environment, &parts);
}

#[test]
fn a_node_may_want_to_know_who_asks() {
    let authority = Authority::new();
    let ca = authority.file("ca.pem");
    let files = authority.client_files("client");
    let answer = put(authority.node("127.0.0.1", true), &ca, Some(files));
    assert!(answer.is_ok(), "{answer:?}");
    let error = put(authority.node("127.0.0.1", true), &ca, None).expect_err("nobody");
    // Whether its alert or the end of the connection comes first is left to chance.
    check_error(error, Exit::Environment, &["--client-cert"]);
}

#[test]
fn a_key_of_another_certificate_is_told_before_anything_is_sent() {
    let authority = Authority::new();
    let ca = authority.file("ca.pem");
    let (cert, _) = authority.client_files("one");
    let (_, key) = authority.client_files("two");
    let config = authority.node("127.0.0.1", true);
    let error = put(config, &ca, Some((cert.clone(), key))).expect_err("they do not fit");
    check_error(error, Exit::Usage, &["cannot be used with the certificate", "nothing was sent"]);
    let config = authority.node("127.0.0.1", true);
    let error = put(config, &ca, Some((cert.clone(), cert))).expect_err("no key");
    check_error(error, Exit::Usage, &["for --client-key holds no private key"]);
}
