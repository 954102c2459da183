//! The same port with TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use nexus::{MadeCerts, Role, Tokens, client_tls, make_certs};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::support::{Client, Folder, Served, connect, ms, serve_with, unix_s};

fn certs(folder: &Folder) -> MadeCerts {
    make_certs(&folder.0.join("certs"), &[], 30, unix_s()).expect("the folder is ours")
}

fn encrypted(certs: &MadeCerts, mutual: bool) -> Served {
    serve_with(|settings| {
        settings.tls.cert = Some(certs.server.clone());
        settings.tls.key = Some(certs.server_key.clone());
        settings.tls.client_ca = mutual.then(|| certs.ca.clone());
        settings.http.header_timeout = ms(300);
    })
}

fn client(served: &Served, config: Arc<ClientConfig>) -> Client {
    let address = SocketAddr::from(([127, 0, 0, 1], served.address.port()));
    let name = ServerName::try_from("localhost").expect("it is a name");
    let session = ClientConnection::new(config, name).expect("the settings are sound");
    Client::over(StreamOwned::new(session, connect(address)))
}

fn believing(certs: &MadeCerts, identity: Option<(&Path, &Path)>) -> Arc<ClientConfig> {
    client_tls(&certs.ca, identity, unix_s()).expect("they were just made")
}

#[test]
fn requests_go_over_tls() {
    let folder = Folder::new();
    let certs = certs(&folder);
    let served = encrypted(&certs, false);
    let running = served.running.as_ref().expect("it runs");
    assert!(running.url().starts_with("https://127.0.0.1:"), "{}", running.url());
    let mut client = client(&served, believing(&certs, None));
    for _ in 0..3 {
        assert_eq!(client.ask("GET", "/healthz", &[], "").status, 200);
    }
}

#[test]
fn who_is_asked_for_a_certificate_must_have_one() {
    let folder = Folder::new();
    let certs = certs(&folder);
    let served = encrypted(&certs, true);
    let identity = Some((certs.client.as_path(), certs.client_key.as_path()));
    let mut known = client(&served, believing(&certs, identity));
    assert_eq!(known.ask("GET", "/v1/status", &[], "").status, 200);
    let mut stranger = client(&served, believing(&certs, None));
    stranger.say(crate::support::request("GET", "/v1/status", &[], ""));
    assert_eq!(stranger.end(), b"", "no answer");
    assert_eq!(known.ask("GET", "/v1/status", &[], "").status, 200);
}

#[test]
fn who_does_not_speak_tls_is_sent_away_in_time() {
    let folder = Folder::new();
    let certs = certs(&folder);
    let served = encrypted(&certs, false);
    let mut plain = served.client();
    plain.say(crate::support::request("GET", "/healthz", &[], ""));
    let said = plain.end();
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    // Nothing at all, and half a hello.
    served.client().end();
    let mut slow = served.client();
    slow.say(b"\x16\x03\x01\x02\x00\x01");
    slow.end();
    assert_eq!(client(&served, believing(&certs, None)).ask("GET", "/", &[], "").status, 200);
}

#[test]
fn a_node_that_others_can_reach_starts_with_tls_and_tokens() {
    let folder = Folder::new();
    let certs = certs(&folder);
    let made = Tokens::create(Role::Viewer, "v", None).expect("it can be made");
    let path = folder.0.join("tokens");
    std::fs::write(&path, format!("{}\n", made.line)).expect("the folder is ours");
    let served = serve_with(|settings| {
        settings.http.listen = SocketAddr::from(([0, 0, 0, 0], 0));
        settings.tls.cert = Some(certs.server.clone());
        settings.tls.key = Some(certs.server_key.clone());
        settings.auth.tokens = Some(path);
    });
    let mut client = client(&served, believing(&certs, None));
    assert_eq!(client.ask("GET", "/v1/status", &["Host: 10.1.2.3"], "").status, 401);
    let header = format!("Authorization: Bearer {}", made.secret.expose());
    let by_address = ["Host: 10.1.2.3:7400", header.as_str()];
    assert_eq!(client.ask("GET", "/v1/status", &by_address, "").status, 200);
    let by_name = ["Host: evil.example", header.as_str()];
    assert_eq!(client.ask("GET", "/v1/status", &by_name, "").status, 403);
}
