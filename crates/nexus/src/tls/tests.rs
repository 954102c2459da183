//! What TLS promises: that the two ends understand each other, and strangers do
//! not; and that whatever is wrong with a file is said by its name.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::*;
use crate::scratch::{Scratch, set_mode};

const DAY_S: u64 = 24 * 60 * 60;

/// rustls compares certificates with the machine's clock, so these must be of today.
#[allow(clippy::disallowed_methods, reason = "rustls reads the clock, and cannot be given another")]
fn now_unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// A folder with certificates for `names`.
struct Certs {
    scratch: Scratch,
    made: MadeCerts,
}

impl Certs {
    fn new(names: &[&str]) -> Certs {
        Certs::valid(names, 30, now_unix())
    }

    fn valid(names: &[&str], days: u32, from_unix: u64) -> Certs {
        let scratch = Scratch::new();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = make_certs(&scratch.path("certs"), &names, days, from_unix)
            .unwrap_or_else(|error| panic!("{error}"));
        Certs { scratch, made }
    }

    fn settings(&self) -> TlsSettings {
        TlsSettings {
            cert: Some(self.made.server.clone()),
            key: Some(self.made.server_key.clone()),
            client_ca: None,
        }
    }

    fn mutual(&self) -> TlsSettings {
        TlsSettings { client_ca: Some(self.made.ca.clone()), ..self.settings() }
    }

    fn identity(&self) -> Option<(&Path, &Path)> {
        Some((&self.made.client, &self.made.client_key))
    }
}

fn load(settings: &TlsSettings) -> Result<Tls, TlsError> {
    Tls::load(settings, now_unix()).map(|tls| tls.expect("the settings name files"))
}

fn server(settings: &TlsSettings) -> Tls {
    load(settings).unwrap_or_else(|error| panic!("{error}"))
}

fn client(ca: &Path, identity: Option<(&Path, &Path)>) -> Arc<ClientConfig> {
    client_tls(ca, identity, now_unix()).unwrap_or_else(|error| panic!("{error}"))
}

/// Whether a client that looks for `name` and the server can talk. Each says a
/// word, since a server that refuses a client says so after the client's handshake.
fn talk(server: &Tls, client: Arc<ClientConfig>, name: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a thread is there");
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let serve = async {
        let mut stream = server.acceptor.accept(theirs).await?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await?;
        stream.write_all(b"pong").await?;
        stream.shutdown().await?;
        Ok::<_, std::io::Error>(word)
    };
    let ask = async {
        let mut stream = TlsConnector::from(client).connect(name, ours).await?;
        stream.write_all(b"ping").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let inside = stream.get_ref().1;
        let protocol = inside.alpn_protocol().map(String::from_utf8_lossy);
        let version = inside.protocol_version().expect("there was a handshake");
        Ok::<_, std::io::Error>(format!("{answer} {protocol:?} {version:?}"))
    };
    runtime.block_on(async {
        // Side by side, without tasks: one future that drives both.
        let mut serve = std::pin::pin!(serve);
        let mut ask = std::pin::pin!(ask);
        let (mut served, mut asked) = (None, None);
        std::future::poll_fn(|cx| {
            use std::task::Poll;
            if served.is_none()
                && let Poll::Ready(result) = serve.as_mut().poll(cx)
            {
                served = Some(result);
            }
            if asked.is_none()
                && let Poll::Ready(result) = ask.as_mut().poll(cx)
            {
                asked = Some(result);
            }
            let ended =
                asked.is_some() && (served.is_some() || asked.as_ref().is_some_and(Result::is_err));
            if ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        asked.expect("it has ended").map_err(|error| error.to_string())
    })
}

#[test]
fn a_client_that_believes_the_authority_can_talk() {
    let certs = Certs::new(&["node.example.org", "10.1.2.3"]);
    let server = server(&certs.settings());
    assert_eq!(server.warnings, []);
    for name in ["node.example.org", "10.1.2.3", "localhost", "127.0.0.1", "::1"] {
        let said = talk(&server, client(&certs.made.ca, None), name);
        assert_eq!(said.as_deref(), Ok("pong Some(\"http/1.1\") TLSv1_3"), "{name}");
    }
    for name in ["other.example.org", "10.1.2.4"] {
        assert!(talk(&server, client(&certs.made.ca, None), name).is_err(), "{name}");
    }
}

#[test]
fn tls_1_2_is_spoken_too_and_no_other_protocol_inside() {
    let certs = Certs::new(&[]);
    let server = server(&certs.settings());
    let roots = roots(&certs.made.ca, now_unix(), &mut Vec::new()).expect("an authority");
    let client = |version: &'static SupportedProtocolVersion, protocol: &[u8]| {
        let mut client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .expect("ring has suites for it")
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        client.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(client)
    };
    let said = talk(&server, client(&TLS12, b"http/1.1"), "localhost");
    assert_eq!(said.as_deref(), Ok("pong Some(\"http/1.1\") TLSv1_2"));
    assert!(talk(&server, client(&TLS13, b"h2"), "localhost").is_err());
}

#[test]
fn with_an_authority_for_clients_only_its_clients_get_in() {
    let (certs, others) = (Certs::new(&[]), Certs::new(&[]));
    let server = server(&certs.mutual());
    let ca = &certs.made.ca;
    assert!(talk(&server, client(ca, certs.identity()), "localhost").is_ok());
    assert!(talk(&server, client(ca, None), "localhost").is_err());
    assert!(talk(&server, client(ca, others.identity()), "localhost").is_err());
    // A server's certificate is no client's.
    let servers = Some((&*certs.made.server, &*certs.made.server_key));
    assert!(talk(&server, client(ca, servers), "localhost").is_err());
    assert!(talk(&server, client(&others.made.ca, certs.identity()), "localhost").is_err());
}

#[test]
fn what_is_wrong_with_a_file_is_told_by_its_name() {
    let (certs, others) = (Certs::new(&[]), Certs::new(&[]));
    let file = |name: &str, text: &str| Some(certs.scratch.file(name, text));
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("it was made");
    let (cert, key) = (read(&certs.made.server), read(&certs.made.server_key));
    let tail = |text: &str| text.lines().skip(2).collect::<Vec<_>>().join("\n");
    let half_key = format!("-----BEGIN PRIVATE KEY-----\n{}\n", &key[30..60]);
    let bad_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let bad_cert = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let huge = "x".repeat((1 << 20) + 1);
    let base = || certs.mutual();
    let cases = [
        (
            "no cert",
            TlsSettings { cert: Some("/nonexistent/c".into()), ..base() },
            "/nonexistent/c cannot be read",
        ),
        ("a folder", TlsSettings { key: Some("/".into()), ..base() }, "/ cannot be read"),
        (
            "huge",
            TlsSettings { cert: file("huge", &huge), ..base() },
            "has more than 1048576 bytes",
        ),
        (
            "empty cert",
            TlsSettings { cert: file("empty", ""), ..base() },
            "has no certificate in it",
        ),
        (
            "key for cert",
            TlsSettings { cert: Some(certs.made.server_key.clone()), ..base() },
            "has no certificate in it",
        ),
        (
            "cert for key",
            TlsSettings { key: Some(certs.made.server.clone()), ..base() },
            "has no private key in it",
        ),
        (
            "no PEM",
            TlsSettings { cert: file("torn", &format!("{cert}{}", tail(&cert))), ..base() },
            "",
        ),
        (
            "torn key",
            TlsSettings { key: file("half", &half_key), ..base() },
            "is damaged or not PEM",
        ),
        (
            "bad key",
            TlsSettings { key: file("badkey", bad_key), ..base() },
            "cannot be used; ECDSA",
        ),
        ("bad cert", TlsSettings { cert: file("badcert", bad_cert), ..base() }, "cannot be used"),
        (
            "locked key",
            TlsSettings { key: file("locked", locked), ..base() },
            "locked with a passphrase",
        ),
        (
            "other key",
            TlsSettings { key: Some(others.made.server_key.clone()), ..base() },
            "is not that of the first certificate",
        ),
        (
            "no authority",
            TlsSettings { client_ca: file("noca", "text"), ..base() },
            "has no certificate in it",
        ),
        (
            "bad authority",
            TlsSettings { client_ca: file("badca", bad_cert), ..base() },
            "cannot be used",
        ),
        ("no key", TlsSettings { key: None, ..base() }, "[tls] cert is set and key is not"),
    ];
    for (name, settings, told) in cases {
        match load(&settings) {
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(told) && !told.is_empty(), "{name}: {text}");
                assert!(!text.contains(&key[30..60]), "{name}: a piece of the key is shown");
            }
            // What follows a whole certificate outside of its marks is a comment.
            Ok(_) => assert!(told.is_empty(), "{name} was taken"),
        }
    }
    let off = Tls::load(&TlsSettings::default(), 0);
    assert!(matches!(off, Ok(None)));
}

#[test]
fn dates_are_warned_about() {
    let now = now_unix();
    for (name, certs, expected) in [
        ("good", Certs::valid(&[], 30, now), None),
        ("soon", Certs::valid(&[], 10, now), Some("expires in 10 days")),
        ("over", Certs::valid(&[], 10, now - 20 * DAY_S), Some("expired 10 days ago")),
        ("early", Certs::valid(&[], 30, now + 3 * DAY_S), Some("is valid in 2 days only")),
    ] {
        // By the same clock: making certificates takes a while.
        let tls = Tls::load(&certs.mutual(), now).unwrap_or_else(|error| panic!("{error}"));
        let tls = tls.expect("it is set up");
        let warnings: Vec<String> = tls.warnings.iter().map(TlsWarning::to_string).collect();
        // Of the server's certificate, and of the authority's.
        let count = if expected.is_some() { 2 } else { 0 };
        assert_eq!(warnings.len(), count, "{name}: {warnings:?}");
        for warning in warnings {
            assert!(warning.contains(expected.unwrap_or_default()), "{name}: {warning}");
        }
    }
}

#[cfg(unix)]
#[test]
fn keys_are_their_owners_alone_and_warned_about_if_not() {
    use std::os::unix::fs::PermissionsExt;
    let certs = Certs::new(&[]);
    let mode = |path: &Path| path.metadata().expect("it was made").permissions().mode() & 0o777;
    for key in [&certs.made.ca_key, &certs.made.server_key, &certs.made.client_key] {
        assert_eq!(mode(key), 0o600);
    }
    set_mode(&certs.made.server_key, 0o640);
    let warned = server(&certs.settings()).warnings;
    assert_eq!(warned, [TlsWarning::KeyNotPrivate { path: certs.made.server_key.clone() }]);
}

#[test]
fn nothing_is_overwritten_and_nothing_left_half_done() {
    let scratch = Scratch::new();
    let make = || make_certs(&scratch.path("."), &[], 30, now_unix());
    let occupied = scratch.file("client.key", "mine");
    assert!(matches!(make(), Err(CertsError::Exists(path)) if path.ends_with("client.key")));
    assert_eq!(std::fs::read(&occupied).expect("it is there"), b"mine");
    let left = std::fs::read_dir(scratch.path(".")).expect("the folder is there").count();
    assert_eq!(left, 1);
    std::fs::remove_file(&occupied).expect("it is there");
    make().unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(make(), Err(CertsError::Exists(_))));
    let file = scratch.file("file", "");
    let under = make_certs(&file.join("certs"), &[], 30, now_unix());
    assert!(matches!(under, Err(CertsError::Write { .. })));
}

#[test]
fn what_makes_no_certificate_is_told() {
    let scratch = Scratch::new();
    let make = |names: &[String], days: u32, now: u64| {
        make_certs(&scratch.path("certs"), names, days, now).expect_err("that is wrong").to_string()
    };
    for name in ["", "a b", "http://a", "a:1", "-a", "ä.example", "*", "a..b", "a\0"] {
        let told = make(&[name.to_owned()], 30, 0);
        assert!(told.contains("is no host name or IP address"), "{name}: {told}");
    }
    for days in [0, 3_651, u32::MAX] {
        assert!(make(&[], days, 0).contains("1 to 3650 days"));
    }
    assert!(make(&[], 30, u64::MAX).contains("nothing was made"));
    assert!(make(&vec!["a".to_owned(); 101], 30, 0).contains("101 names are more than 100"));
    assert!(!scratch.path("certs").exists(), "nothing was made");
}

#[test]
fn names_with_a_star_stand_for_those_below() {
    let certs = Certs::new(&["*.example.org", "localhost"]);
    let server = server(&certs.settings());
    assert!(talk(&server, client(&certs.made.ca, None), "a.example.org").is_ok());
    assert!(talk(&server, client(&certs.made.ca, None), "example.org").is_err());
}
