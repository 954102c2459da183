//! Connections that are passed on after nearly every request, over real sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::*;
use crate::serve::host::Host;
use crate::settings::Spread;
use crate::{Kv, Running, Server, Settings};

/// How long anything may take that takes no time. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

fn serve() -> Running {
    let mut settings = Settings::default();
    settings.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.node.workers = 2;
    // The tests give the orders.
    settings.http.spread = Spread::Even;
    let running = Server::new().settings(settings).kind::<Kv>().start();
    running.expect("the port is free")
}

/// Has both workers pass all they have on to each other while it lasts.
struct Mover(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Mover {
    fn start(host: Arc<Host>) -> Mover {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::SeqCst) {
                for from in 0..2 {
                    host.crew.order(from, Order::Pass { to: 1 - from, count: 1_000 });
                }
                std::thread::park_timeout(Duration::from_micros(100));
            }
        });
        Mover(over, Some(thread))
    }
}

impl Drop for Mover {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        let _ = self.1.take().expect("it ends once").join();
    }
}

struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the port is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        stream.set_nodelay(true).expect("it is a socket");
        let reader = BufReader::new(stream.try_clone().expect("it is a socket"));
        Client { stream, reader }
    }

    fn say(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).is_ok()
    }

    /// Status and body of the next answer; `None` if the connection ends instead.
    fn answer(&mut self) -> Option<(u16, String)> {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            match self.reader.read_line(&mut line) {
                Ok(0) => {
                    assert_eq!(status, 0, "the answer is cut short");
                    return None;
                }
                Ok(_) => {}
                Err(error) => {
                    let reset = std::io::ErrorKind::ConnectionReset;
                    assert_eq!((error.kind(), status), (reset, 0), "{error}");
                    return None;
                }
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().expect("it is a number");
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().expect("it is a number");
            } else if line.is_empty() {
                let mut body = vec![0; length];
                self.reader.read_exact(&mut body).expect("the answer is whole");
                return Some((status, String::from_utf8(body).expect("it is JSON")));
            }
        }
    }

    fn value(&mut self) -> Option<u64> {
        let (status, body) = self.answer()?;
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).expect("it is JSON");
        Some(body["value"].as_u64().expect("it is the default"))
    }
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// A request whose answer has `number` as its value.
fn get(number: u64) -> String {
    let args = format!(r#"{{"key":"x","default":{number}}}"#);
    post("/v1/agents/kv/1", &format!(r#"{{"type":"query","name":"get","args":{args}}}"#))
}

fn create(address: SocketAddr) {
    let mut client = Client::connect(address);
    let text = "PUT /v1/agents/kv/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert!(client.say(text));
    assert_eq!(client.answer().expect("it answers").0, 201);
}

#[track_caller]
fn eventually(what: &str, reached: impl Fn() -> bool) {
    for _ in 0..PATIENCE.as_millis() {
        if reached() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("waited in vain until {what}");
}

/// A few requests in each of the ways there are of sending them.
fn ask_in_all_ways(client: &mut Client, next: &mut u64) {
    let mut number = || {
        *next += 1;
        *next
    };
    // One.
    let one = number();
    assert!(client.say(&get(one)));
    assert_eq!(client.value(), Some(one));
    // Several at once, and more than hyper reads in one turn.
    for count in [3, 40] {
        let numbers: Vec<u64> = (0..count).map(|_| number()).collect();
        assert!(client.say(&numbers.iter().map(|number| get(*number)).collect::<String>()));
        numbers.iter().for_each(|number| assert_eq!(client.value(), Some(*number)));
    }
    // One and a part of the next.
    let (first, second) = (number(), number());
    let both = get(first) + &get(second);
    let (early, late) = both.split_at(get(first).len() + 30);
    assert!(client.say(early));
    assert_eq!(client.value(), Some(first));
    assert!(client.say(late));
    assert_eq!(client.value(), Some(second));
    // One whose body nobody reads, and which looks like a request.
    assert!(client.say(&post("/nowhere", &get(0))));
    assert_eq!(client.answer().expect("it answers").0, 404);
    // One without a body.
    assert!(client.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_eq!(client.answer().expect("it answers").1, r#"{"ok":true}"#);
}

#[test]
fn connections_on_the_move_answer_every_request_once_and_in_order() {
    const CLIENTS: u64 = 8;
    let running = serve();
    let (address, host) = (running.listens(), running.host.clone());
    create(address);
    eventually("nobody is left", || host.meter.connections() == 0);
    let mover = Mover::start(host.clone());
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(address)).collect();
    std::thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(move || {
                let mut next = 0;
                (0..40).for_each(|_| ask_in_all_ways(client, &mut next));
            });
        }
    });
    drop(mover);
    assert!(host.crew.moved() > 100, "{} moves", host.crew.moved());
    assert_eq!(host.meter.connections(), CLIENTS, "each is counted once");
    let counted = || (host.crew.connections(0) + host.crew.connections(1)) as u64;
    assert_eq!(counted(), CLIENTS);
    drop(clients);
    eventually("all are gone", || host.meter.connections() == 0 && counted() == 0);
    let shutdown = running.shutdown();
    assert!(shutdown.drained, "{shutdown:?}");
}

#[test]
fn what_is_left_of_a_body_is_never_taken_for_a_request() {
    let running = serve();
    let _mover = Mover::start(running.host.clone());
    for _ in 0..100 {
        let mut client = Client::connect(running.listens());
        let head = "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n";
        assert!(client.say(head));
        assert_eq!(client.answer().expect("it answers").0, 404);
        client.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(client.answer(), None, "it was a part of the body");
    }
}

#[test]
fn a_node_ends_with_connections_on_the_move() {
    for _ in 0..5 {
        let running = serve();
        let (address, host) = (running.listens(), running.host.clone());
        create(address);
        let _mover = Mover::start(host.clone());
        let (sent, answered) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            // All are connected before the node may end.
            let clients: Vec<Client> = (0..4).map(|_| Client::connect(address)).collect();
            for mut client in clients {
                let (sent, answered) = (&sent, &answered);
                scope.spawn(move || {
                    for number in 0.. {
                        if !client.say(&get(number)) {
                            break;
                        }
                        sent.fetch_add(1, Ordering::SeqCst);
                        // Answered, or not begun: the connection was idle.
                        let Some((status, body)) = client.answer() else { break };
                        answered.fetch_add(1, Ordering::SeqCst);
                        let value = format!("\"value\":{number}");
                        assert!(status == 503 || body.contains(&value), "{body}");
                    }
                });
            }
            eventually("there were moves", || host.crew.moved() > 50);
            let shutdown = running.shutdown();
            assert!(shutdown.drained, "{shutdown:?}");
        });
        assert_eq!(host.meter.connections(), 0);
        assert_eq!(host.crew.connections(0) + host.crew.connections(1), 0);
        let asked: u64 = host.meter.figures().statuses.values().sum();
        // One made the agent.
        assert_eq!(asked, answered.load(Ordering::SeqCst) + 1, "of {sent:?}");
    }
}

#[test]
fn an_order_is_for_so_many_and_no_more() {
    let running = serve();
    let crew = &running.host.crew;
    crew.order(0, Order::Pass { to: 1, count: 2 });
    assert_eq!(crew.follow_order(1), None, "it was the other one");
    assert_eq!([crew.follow_order(0), crew.follow_order(0)], [Some(1); 2]);
    assert_eq!(crew.follow_order(0), None);
    crew.order(0, Order::Pass { to: 1, count: 2 });
    crew.order(0, Order::AsBefore);
    assert_eq!(crew.follow_order(0), Some(1));
    crew.order(0, Order::Stay);
    assert_eq!(crew.follow_order(0), None);
}

#[test]
fn new_connections_go_in_turn_to_those_that_take_them() {
    let running = serve();
    let crew = &running.host.crew;
    assert_eq!([crew.next(0), crew.next(1)], [1, 0]);
    crew.take(1, false);
    assert_eq!([crew.next(0), crew.next(1)], [0, 0]);
    crew.take(0, false);
    assert_eq!([crew.next(0), crew.next(1)], [0, 1]);
}
