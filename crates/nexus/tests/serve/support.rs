//! A served node with three kinds, and a client that says exactly what it is told.

#[path = "../patience/mod.rs"]
mod patience;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nexus::{
    Accepts, Agent, AskError, Context, EventName, Handler, KindSpec, Kv, MailboxSpec, Message,
    RequestError, Running, Server, Settings,
};
use serde_json::{Value, json};
use tokio::sync::watch;

pub use patience::{PATIENCE, eventually, now};

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[allow(clippy::disallowed_methods, reason = "certificates and tokens are of the real time")]
pub fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// Bytes of memory that this process holds.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells it");
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    kib.expect("it is a number") << 10
}

/// A folder of one test, gone with it.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("nexus-serve-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("nobody has a folder of that name");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Things in a cart.
pub struct Cart {
    owner: Option<String>,
    items: Vec<String>,
}

#[derive(Message)]
#[message(name = "put", reply = u32)]
pub struct Put {
    item: String,
    count: u32,
}

#[derive(Message)]
#[message(name = "put_all")]
pub struct PutAll {
    lines: Vec<Line>,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Line {
    item: String,
    count: u32,
}

#[derive(Message)]
#[message(name = "clear")]
pub struct Clear;

#[derive(Message)]
#[message(name = "boom")]
pub struct Boom;

/// Notes so many operations among the events of the node.
#[derive(Message)]
#[message(name = "note")]
pub struct Note {
    count: u32,
}

/// Has the cart ask another one to do the same, and so on: a cycle if it is its own.
#[derive(Message)]
#[message(name = "visit", reply = Result<String, RequestError>)]
pub struct Visit {
    path: Vec<String>,
}

impl Agent for Cart {
    const KIND: &'static str = "cart";

    fn new(_key: &str) -> Cart {
        Cart { owner: None, items: Vec::new() }
    }

    fn with_args(_key: &str, args: &Value) -> Result<Cart, String> {
        let owner = args["owner"].as_str().ok_or("owner is the name of a person")?;
        Ok(Cart { owner: Some(owner.to_owned()), items: Vec::new() })
    }

    fn summary(&self) -> Value {
        assert!(self.items.len() < 1_000, "too many to tell");
        json!({"items": self.items.len(), "owner": self.owner})
    }

    fn accepts(kind: &mut Accepts<Cart>) {
        kind.message::<Put>().message::<Clear>().message::<Boom>();
        kind.message::<Note>().message::<Visit>().message::<PutAll>();
    }
}

impl Handler<Put> for Cart {
    async fn handle(&mut self, put: Put, _cx: &mut Context<Cart>) -> u32 {
        self.items.extend((0..put.count).map(|_| put.item.clone()));
        self.items.len() as u32
    }
}

impl Handler<PutAll> for Cart {
    async fn handle(&mut self, put: PutAll, _cx: &mut Context<Cart>) {
        let items = |line: Line| std::iter::repeat_n(line.item, line.count as usize);
        self.items.extend(put.lines.into_iter().flat_map(items));
    }
}

impl Handler<Clear> for Cart {
    async fn handle(&mut self, _: Clear, _cx: &mut Context<Cart>) {
        self.items.clear();
    }
}

impl Handler<Boom> for Cart {
    async fn handle(&mut self, _: Boom, _cx: &mut Context<Cart>) {
        panic!("the wheel came off");
    }
}

impl Handler<Note> for Cart {
    async fn handle(&mut self, note: Note, cx: &mut Context<Cart>) {
        for number in 0..note.count {
            cx.observe(EventName::OperationCompleted, || format!("{number} {}", "x".repeat(200)));
        }
    }
}

impl Handler<Visit> for Cart {
    async fn handle(
        &mut self,
        visit: Visit,
        cx: &mut Context<Cart>,
    ) -> Result<String, RequestError> {
        let Some((next, rest)) = visit.path.split_first() else { return Ok("arrived".to_owned()) };
        let next = cx.find::<Cart>(next).ok_or(AskError::NotRunning)?;
        next.ask(Visit { path: rest.to_vec() }).await?
    }
}

/// Whether those who wait at the gate may pass, and how many came so far.
#[derive(Default)]
pub struct Gate {
    open: watch::Sender<bool>,
    pub came: AtomicU64,
    pub passed: AtomicU64,
}

impl Gate {
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    #[track_caller]
    pub fn wait_for(&self, count: u64) {
        eventually("somebody stands at the gate", || self.came.load(Ordering::SeqCst) >= count);
    }
}

/// An agent whose handler waits until the test opens the gate.
pub struct Gated(Arc<Gate>);

#[derive(Message)]
#[message(name = "pass", reply = u64)]
pub struct Pass;

impl Agent for Gated {
    const KIND: &'static str = "gated";
    const MAILBOX: MailboxSpec =
        MailboxSpec { len_max: 2, overflow: MailboxSpec::DEFAULT.overflow };

    fn new(_key: &str) -> Gated {
        Gated(Arc::default())
    }

    fn summary(&self) -> Value {
        json!({"passed": self.0.passed.load(Ordering::SeqCst)})
    }

    fn accepts(kind: &mut Accepts<Gated>) {
        kind.message::<Pass>();
    }
}

impl Handler<Pass> for Gated {
    async fn handle(&mut self, _: Pass, _cx: &mut Context<Gated>) -> u64 {
        let mut open = self.0.open.subscribe();
        self.0.came.fetch_add(1, Ordering::SeqCst);
        let _ = open.wait_for(|open| *open).await;
        self.0.passed.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// A node that is served while a test lasts.
pub struct Served {
    pub running: Option<Running>,
    pub address: SocketAddr,
    pub gate: Arc<Gate>,
}

/// Settings for a test: any port, and short waits where a test has to wait.
pub fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.node.name = "n1".to_owned();
    settings.node.workers = 2;
    settings.node.drain = Duration::from_secs(5);
    settings
}

pub fn server(settings: Settings, gate: &Arc<Gate>) -> Server {
    let gate = gate.clone();
    let gated = KindSpec::<Gated>::from_fn(move |_key| Gated(gate.clone()));
    Server::new().settings(settings).kind::<Kv>().kind::<Cart>().kind_with(gated)
}

/// A served node, set up as `change` says.
pub fn serve_with(change: impl FnOnce(&mut Settings)) -> Served {
    let mut settings = settings();
    change(&mut settings);
    let gate = Arc::new(Gate::default());
    let running = server(settings, &gate).start().expect("the port is free");
    Served { address: running.listens(), running: Some(running), gate }
}

pub fn serve() -> Served {
    serve_with(|_| {})
}

impl Served {
    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.client().ask("GET", path, &[], "")
    }

    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.client().ask(method, path, &[], &body)
    }

    /// Makes an agent.
    #[track_caller]
    pub fn create(&self, agent: &str) {
        let answer = self.ask("PUT", &format!("/v1/agents/{agent}"), &Value::Null);
        assert_eq!(answer.status, 201, "{answer:?}");
    }

    /// Sends a typed message.
    #[track_caller]
    pub fn send(&self, agent: &str, name: &str, args: &Value) -> Answer {
        let body = json!({"type": "message", "name": name, "args": args});
        self.ask("POST", &format!("/v1/agents/{agent}"), &body)
    }

    /// Whether the node still does what it is there for.
    #[track_caller]
    pub fn is_well(&self) {
        assert_eq!(self.get("/healthz").json(), json!({"ok": true}));
        self.ask("PUT", "/v1/agents/cart/health", &Value::Null);
        let answer = self.send("cart/health", "put", &json!({"item": "pill", "count": 0}));
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// A figure of the node's metrics; 0 if there is none.
    #[track_caller]
    pub fn metric(&self, start: &str) -> f64 {
        let text = self.get("/metrics").text();
        let line = text.lines().find(|line| line.starts_with(start));
        let Some(value) = line.and_then(|line| line.rsplit(' ').next()) else { return 0.0 };
        value.parse().expect("it is a number")
    }

    /// Ends the node, and says how long that took.
    pub fn end(mut self) -> (nexus::Shutdown, Duration) {
        let begun = now();
        let shutdown = self.running.take().expect("it runs").shutdown();
        (shutdown, begun.elapsed())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.gate.open();
    }
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What stands under `error`.
    #[track_caller]
    pub fn error(&self) -> Value {
        let mut body = self.json();
        let error = body["error"].take();
        for field in ["code", "message", "changed", "retry", "detail"] {
            assert!(!error[field].is_null(), "no {field} in {error}");
        }
        error
    }

    /// Status, code, `changed` and `retry` of an error.
    #[track_caller]
    pub fn fails(&self, status: u16, code: &str, changed: &str, retry: &str) -> Value {
        let error = self.error();
        let text = |field: &str| error[field].as_str().expect("it is text").to_owned();
        let is = (self.status, text("code"), text("changed"), text("retry"));
        let wanted = (status, code.to_owned(), changed.to_owned(), retry.to_owned());
        assert_eq!(is, wanted, "{self:?}");
        error
    }
}

/// What an answer may come over.
pub trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// A client that says exactly what it is told, and waits no longer than [`PATIENCE`].
pub struct Client {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the port is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    stream.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
    stream.set_nodelay(true).expect("it is a socket");
    stream
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        Client::over(connect(address))
    }

    pub fn over(stream: impl Stream + 'static) -> Client {
        Client { stream: Box::new(stream), read: Vec::new() }
    }

    /// Says `bytes`; false if the node would not hear them.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    #[track_caller]
    pub fn ask(&mut self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        assert!(self.say(request(method, path, headers, body)), "the node hears");
        self.answer_to(method)
    }

    /// The next answer.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    #[track_caller]
    pub fn answer_to(&mut self, method: &str) -> Answer {
        match self.answer_or_end(method) {
            Some(answer) => answer,
            None => panic!("the connection ended without an answer"),
        }
    }

    /// The next answer, or `None` if the connection ends instead.
    #[track_caller]
    pub fn answer_or_end(&mut self, method: &str) -> Option<Answer> {
        let (status, headers) = self.head()?;
        let mut answer = Answer { status, headers, body: Vec::new() };
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return Some(answer);
        }
        let chunked = answer.header("transfer-encoding") == Some("chunked");
        if chunked {
            while let Some(chunk) = self.chunk() {
                answer.body.extend(chunk);
            }
        } else {
            let length = answer.header("content-length").and_then(|text| text.parse().ok());
            let length: usize = length.expect("an answer has a length");
            while self.read.len() < length {
                assert!(self.more(), "the answer is cut short");
            }
            answer.body = self.read.drain(..length).collect();
        }
        Some(answer)
    }

    /// The head of the next answer.
    #[track_caller]
    pub fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let end = loop {
            let found = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = found {
                break end;
            }
            if !self.more() {
                assert!(self.read.is_empty(), "cut short: {:?}", self.read);
                return None;
            }
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = String::from_utf8(head).expect("heads are text");
        let mut lines = head.trim_end().split("\r\n");
        let first = lines.next().expect("there is a first line");
        let status = first.strip_prefix("HTTP/1.").expect("it is HTTP")[2..5].parse();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("headers have a value");
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Some((status.expect("it is a number"), headers.collect()))
    }

    /// The next chunk of an answer that comes in chunks; `None` at the end.
    #[track_caller]
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.line();
        let length = usize::from_str_radix(line.trim(), 16).expect("a chunk has a length");
        while self.read.len() < length + 2 {
            assert!(self.more(), "the chunk is cut short");
        }
        let mut chunk: Vec<u8> = self.read.drain(..length + 2).collect();
        chunk.truncate(length);
        (length > 0).then_some(chunk)
    }

    fn line(&mut self) -> String {
        let end = loop {
            if let Some(end) = self.read.windows(2).position(|bytes| bytes == b"\r\n") {
                break end;
            }
            assert!(self.more(), "the line is cut short");
        };
        let line: Vec<u8> = self.read.drain(..end + 2).collect();
        String::from_utf8(line).expect("it is text")
    }

    /// Reads until the text of the stream so far contains `wanted`.
    #[track_caller]
    pub fn until(&mut self, wanted: &str) -> String {
        let mut text = String::new();
        while !text.contains(wanted) {
            let chunk = self.chunk();
            let chunk = chunk.unwrap_or_else(|| panic!("no {wanted:?} in {text:?}"));
            text += &String::from_utf8(chunk).expect("events are text");
        }
        text
    }

    /// Waits until the node ends the connection; what it said before.
    #[track_caller]
    pub fn end(mut self) -> Vec<u8> {
        while self.more() {}
        self.read
    }

    /// Reads what is there; false at the end, by whichever side.
    #[track_caller]
    fn more(&mut self) -> bool {
        let mut bytes = [0; 16_384];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.read.extend(&bytes[..count]);
                count > 0
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("no answer within {PATIENCE:?}")
            }
            Err(_) => false,
        }
    }
}

/// Ends what a stream sends, and goes on reading.
pub fn finish(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).expect("it is open");
}

/// A request as clients write it.
pub fn request(method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|header| header.to_ascii_lowercase().starts_with("host:")) {
        text += "Host: localhost\r\n";
    }
    for header in headers {
        text += &format!("{header}\r\n");
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT") {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text + "\r\n" + body
}
