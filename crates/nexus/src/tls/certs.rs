//! Certificates for those who have none: an authority of one's own, a server's
//! and a client's certificate from it.
//!
//! For machines that trust each other because their owner says so. Browsers and
//! strangers need a public authority's certificate, which is set up the same way.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use ring::digest::{SHA256, digest};
use time::{Duration, OffsetDateTime};

/// Days that certificates are made for, at most: ten years, beyond which the
/// machine is another one.
pub const CERT_DAYS_MAX: u32 = 3_650;

/// Names in a server's certificate, at most. A guess: machines have a few.
pub const CERT_NAMES_MAX: usize = 100;

/// Names by which each server knows itself, so that its own machine can always reach it.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How long before now certificates become valid, for clocks that are behind.
const CLOCK_SKEW: Duration = Duration::hours(1);

/// For the owner alone; and for all to read.
const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// The files that were made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MadeCerts {
    /// The authority: what clients believe, and what a server that asks clients
    /// for certificates believes (`client_ca`).
    pub ca: PathBuf,
    /// Its key, needed only to make more certificates: keep it elsewhere.
    pub ca_key: PathBuf,
    /// The server's certificate (`cert`).
    pub server: PathBuf,
    /// Its key (`key`).
    pub server_key: PathBuf,
    /// A client's certificate.
    pub client: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
}

/// Why no certificates were made. No file of this attempt is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertsError {
    /// A file is there already.
    #[error("{} is there already and was not touched; name another folder", .0.display())]
    Exists(PathBuf),
    /// That is no name of a server.
    #[error("{0:?} is no host name or IP address; nothing was made")]
    Name(String),
    /// There are too many names.
    #[error("{0} names are more than {CERT_NAMES_MAX}; nothing was made")]
    Names(usize),
    /// That is no time to be valid for.
    #[error("certificates are valid for 1 to {CERT_DAYS_MAX} days, not {0}; nothing was made")]
    Days(u32),
    /// A file or the folder could not be written.
    #[error("{} could not be written; nothing was made", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A certificate could not be signed.
    #[error("a certificate could not be made; nothing was written")]
    Make(#[from] rcgen::Error),
}

/// A certificate and its key, as PEM.
struct Pair {
    cert: String,
    key: String,
}

/// Makes an authority, and certificates from it for a server and a client, in
/// the folder `dir`: `ca.pem`, `server.pem`, `client.pem`, and their keys in
/// `ca.key`, `server.key`, `client.key`, which only their owner can read.
///
/// The server is known by `names`, host names or IP addresses, and as itself on
/// its own machine. All are valid for `days` from `now_unix`, in Unix seconds.
///
/// # Errors
/// [`CertsError`]. A file that is there already is never overwritten.
pub fn make_certs(
    dir: &Path,
    names: &[String],
    days: u32,
    now_unix: u64,
) -> Result<MadeCerts, CertsError> {
    let validity = Validity::new(days, now_unix)?;
    let names = server_names(names)?;
    let made = MadeCerts {
        ca: dir.join("ca.pem"),
        ca_key: dir.join("ca.key"),
        server: dir.join("server.pem"),
        server_key: dir.join("server.key"),
        client: dir.join("client.pem"),
        client_key: dir.join("client.key"),
    };
    let files = [
        (&made.ca, &made.ca_key),
        (&made.server, &made.server_key),
        (&made.client, &made.client_key),
    ];
    // Before any work; the writing makes sure of it again.
    for path in files.iter().flat_map(|(cert, key)| [cert, key]) {
        if path.symlink_metadata().is_ok() {
            return Err(CertsError::Exists(path.to_path_buf()));
        }
    }
    let pairs = make_pairs(names, validity)?;
    make_folder(dir)?;
    let mut written = Written::default();
    for ((cert, key), pair) in files.into_iter().zip(&pairs) {
        written.write(cert, &pair.cert, PUBLIC)?;
        written.write(key, &pair.key, PRIVATE)?;
    }
    written.keep();
    Ok(made)
}

/// From when until when.
#[derive(Clone, Copy)]
struct Validity {
    from: OffsetDateTime,
    until: OffsetDateTime,
}

impl Validity {
    fn new(days: u32, now_unix: u64) -> Result<Validity, CertsError> {
        if !(1..=CERT_DAYS_MAX).contains(&days) {
            return Err(CertsError::Days(days));
        }
        let now = i64::try_from(now_unix)
            .ok()
            .and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok())
            .ok_or(CertsError::Days(days))?;
        let (from, until) =
            (now.checked_sub(CLOCK_SKEW), now.checked_add(Duration::days(days.into())));
        from.zip(until).map(|(from, until)| Validity { from, until }).ok_or(CertsError::Days(days))
    }
}

/// The names given, then those each server has anyway.
fn server_names(names: &[String]) -> Result<Vec<SanType>, CertsError> {
    if names.len() > CERT_NAMES_MAX {
        return Err(CertsError::Names(names.len()));
    }
    let all = names.iter().map(String::as_str).chain(OWN_NAMES);
    let mut server_names = Vec::new();
    for name in all {
        let read = read_name(name).ok_or_else(|| CertsError::Name(name.to_owned()))?;
        if !server_names.contains(&read) {
            server_names.push(read);
        }
    }
    Ok(server_names)
}

fn read_name(name: &str) -> Option<SanType> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Some(SanType::IpAddress(address));
    }
    // The rules of those who will verify it.
    let plain = name.strip_prefix("*.").unwrap_or(name);
    rustls::pki_types::DnsName::try_from(plain).ok()?;
    Some(SanType::DnsName(name.to_owned().try_into().ok()?))
}

/// The authority's, the server's, the client's.
fn make_pairs(names: Vec<SanType>, validity: Validity) -> Result<[Pair; 3], rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = params(&format!("Nexus authority {}", fingerprint(&ca_key)), validity);
    // It signs these and nothing that signs in turn.
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_cert = ca.self_signed(&ca_key)?.pem();
    let ca_pair = Pair { cert: ca_cert, key: ca_key.serialize_pem() };
    let issuer = Issuer::new(ca, ca_key);

    let mut server = params("Nexus server", validity);
    server.subject_alt_names = names;
    let server = sign(server, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?;
    let client = params("Nexus client", validity);
    let client = sign(client, ExtendedKeyUsagePurpose::ClientAuth, &issuer)?;
    Ok([ca_pair, server, client])
}

fn params(name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (validity.from, validity.until);
    params
}

fn sign(
    mut params: CertificateParams,
    purpose: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<Pair, rcgen::Error> {
    let key = KeyPair::generate()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    // Strict clients, such as Python's, ask for it.
    params.use_authority_key_identifier_extension = true;
    let cert = params.signed_by(&key, issuer)?.pem();
    Ok(Pair { cert, key: key.serialize_pem() })
}

/// Tells this authority from another of the same name: whoever mixes up their
/// files then hears of an unknown issuer, not of a bad signature.
fn fingerprint(key: &KeyPair) -> String {
    let digest = digest(&SHA256, key.public_key_raw());
    digest.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn make_folder(dir: &Path) -> Result<(), CertsError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| CertsError::Write { path: dir.to_owned(), source })
}

/// Files of this attempt, taken away again unless all of them are written.
#[derive(Default)]
struct Written {
    paths: Vec<PathBuf>,
}

impl Written {
    fn write(&mut self, path: &Path, text: &str, mode: u32) -> Result<(), CertsError> {
        let failed = |source| CertsError::Write { path: path.to_owned(), source };
        let mut file = create_new(path, mode).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => CertsError::Exists(path.to_owned()),
            _ => failed(source),
        })?;
        self.paths.push(path.to_owned());
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    }

    fn keep(mut self) {
        self.paths.clear();
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        for path in &self.paths {
            // What cannot be taken away stays: there is an error to report already.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn create_new(path: &Path, mode: u32) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn an_attempt_that_fails_takes_its_files_away_and_no_others() {
        let scratch = Scratch::new();
        let (first, second) = (scratch.path("first"), scratch.path("second"));
        let mut written = Written::default();
        written.write(&first, "ours", PRIVATE).expect("the folder can be written");
        // Somebody was quicker than the writing, and slower than the first look.
        scratch.file("second", "theirs");
        let outcome = written.write(&second, "ours", PRIVATE);
        assert!(matches!(outcome, Err(CertsError::Exists(path)) if path == second));
        drop(written);
        assert!(!first.exists());
        assert_eq!(std::fs::read(&second).expect("it is theirs"), b"theirs");
    }
}
