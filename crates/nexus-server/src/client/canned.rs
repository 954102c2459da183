//! A node for tests, which gives the answers it was given, one a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::NodeArgs;

/// What any step of a test may take; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a request that are read.
const REQUEST_BYTES_MAX: u64 = 1 << 20;

/// One answer.
pub enum Reply {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, then nothing until the test is over.
    Held(Vec<u8>),
    /// These bytes as soon as anything at all is sent.
    Blunt(Vec<u8>),
}

/// A listener on loopback and the thread behind it.
pub struct Canned {
    url: String,
    requests: Receiver<String>,
    /// Held connections end when this goes.
    _hold: Sender<()>,
}

impl Canned {
    /// Answers as many connections as there are replies.
    pub fn start(replies: Vec<Reply>) -> Canned {
        Canned::listen(replies, "http", |stream, reply, sender, held| {
            serve(stream, reply, sender, held);
        })
    }

    /// The same behind TLS; connections that are not set up get no reply.
    pub fn start_secure(config: ServerConfig, replies: Vec<Reply>) -> Canned {
        let config = Arc::new(config);
        Canned::listen(replies, "https", move |mut stream, reply, sender, held| {
            let mut tls =
                ServerConnection::new(config.clone()).expect("the configuration is sound");
            if tls.complete_io(&mut stream).is_ok() {
                serve(StreamOwned::new(tls, stream), reply, sender, held);
            }
        })
    }

    fn listen(
        replies: Vec<Reply>,
        scheme: &str,
        serve: impl Fn(TcpStream, &Reply, &Sender<String>, &Receiver<()>) + Send + 'static,
    ) -> Canned {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let (sender, requests) = channel();
        let (hold, held) = channel();
        // Not joined: in a failing test it waits for connections that never come.
        thread::spawn(move || {
            for reply in replies {
                let Ok((stream, _)) = listener.accept() else { return };
                stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
                serve(stream, &reply, &sender, &held);
            }
        });
        Canned { url: format!("{scheme}://{address}"), requests, _hold: hold }
    }

    /// Answers once, with status 200 and this JSON.
    pub fn json(body: &str) -> Canned {
        Canned::start(vec![Reply::Bytes(json("200 OK", body))])
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The options that lead to it.
    pub fn args(&self) -> NodeArgs {
        NodeArgs {
            url: self.url.clone(),
            token: None,
            token_file: None,
            ca: None,
            client_cert: None,
            client_key: None,
            timeout: Some(PATIENCE),
        }
    }

    /// The next request it was sent, head and body.
    pub fn request(&self) -> String {
        self.requests.recv_timeout(PATIENCE).expect("a request was sent")
    }
}

fn serve(
    mut stream: impl Read + Write,
    reply: &Reply,
    sender: &Sender<String>,
    held: &Receiver<()>,
) {
    let (Reply::Bytes(bytes) | Reply::Held(bytes) | Reply::Blunt(bytes)) = reply;
    if let Reply::Blunt(_) = reply {
        let _ = stream.read(&mut [0; 1 << 16]).expect("something is sent");
    } else {
        let _ = sender.send(read(&mut stream));
    }
    // A client that refuses a long answer closes before all of it is written.
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
    if let Reply::Held(_) = reply {
        let _ = held.recv();
    }
}

fn read(stream: &mut impl Read) -> String {
    let mut input = BufReader::new(stream.take(REQUEST_BYTES_MAX));
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        input.read_line(&mut line).expect("a request has a head");
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a length is a number");
        }
        text += &line;
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).expect("a body has its length");
    text + &String::from_utf8(body).expect("a body is text")
}

/// An answer with this status and JSON.
pub fn json(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The beginning of a stream of events, with these lines in it.
pub fn events(lines: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{lines}"
    )
    .into_bytes()
}
