//! A client of one node: requests over HTTP, one after another.
//!
//! It blocks, because a command has nothing else to do meanwhile. It follows no
//! redirection and uses no proxy, so that a token goes to the node and to none
//! else; it tries nothing twice, because only the user knows what may be
//! repeated.
//!
//! Absent on purpose: what commands do with answers.

mod agent;
mod answer;
mod args;
mod base;
mod changed;
mod error;
mod event;
mod fault;
mod file;
mod name;
mod path;
mod refusal;
pub mod sse;
mod status;
mod stream;
mod tls;
mod token;
mod why;

#[cfg(test)]
pub mod canned;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ureq::http::{Method, Request, Response, header};
use ureq::{Agent as Http, AsSendBody, Body};

pub use agent::{Agent, AgentPage, Level, RawAgentPage};
pub use answer::{Answer, one_line};
pub use args::NodeArgs;
pub use changed::Changed;
pub use error::ClientError;
pub use event::{Event, EventPage, Lagged, RawEventPage};
pub use name::AgentName;
pub use path::Path;
pub use refusal::Refusal;
pub use status::{Kind, Latency, Reach, Slow, Status};
pub use stream::EventStream;
pub use why::Why;

use base::Base;
use fault::Fault;
use token::{TOKEN_VARIABLE, Token};

/// Bytes of an answer that are read; a longer one is an error. Enough for the
/// largest page: 1,000 agents with 64 KiB of state each.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Bytes of an answer's head that are read. Four times what nodes take themselves.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long one connection is followed at most; the next goes on after the last
/// event. Bounds how long a stream can hang that nobody waits for any more.
const STREAM_SPAN: Duration = Duration::from_secs(3_600);
/// How long a connection may take at most. A guess: three times the slowest that
/// still comes about.
const CONNECT_SPAN_MAX: Duration = Duration::from_secs(10);
/// The share of the wait for an answer that a connection may take: less than all,
/// so that what was never connected is not taken for what was never answered.
const CONNECT_SHARE: f64 = 0.9;
/// What commands call themselves.
const USER_AGENT: &str = concat!("nexus/", env!("CARGO_PKG_VERSION"));

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
const LAST_EVENT_ID: &str = "last-event-id";

/// A way to one node. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    base: Base,
    token: Option<Token>,
    /// Whether it is encrypted without a certificate of ours.
    is_anonymous: bool,
    short: Http,
    endless: Http,
}

impl Client {
    /// Reads what `args` name; connects to nothing yet.
    ///
    /// # Errors
    /// [`ClientError`] if the URL, the token or a certificate cannot be used.
    pub fn new(args: &NodeArgs) -> Result<Client, ClientError> {
        Client::patient(args, None)
    }

    /// The same for requests that have a deadline of their own.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn patient(args: &NodeArgs, deadline: Option<Duration>) -> Result<Client, ClientError> {
        let base = Base::parse(&args.url)?;
        let variable = std::env::var_os(TOKEN_VARIABLE);
        let token = Token::find(args.token.as_ref(), args.token_file.as_deref(), variable)?;
        if token.is_some() && !base.is_secure() && !base.is_loopback() {
            tracing::warn!("the token is sent without encryption: use https:// in --url");
        }
        let tls = tls::config(args, base.is_secure())?;
        let wait = args.wait(deadline);
        let connect = wait.mul_f64(CONNECT_SHARE).min(CONNECT_SPAN_MAX);
        let config = || {
            Http::config_builder()
                .timeout_resolve(Some(connect))
                .timeout_connect(Some(connect))
                .tls_config(tls.clone())
                .http_status_as_error(false)
                .max_redirects(0)
                .proxy(None)
                .user_agent(USER_AGENT)
                .max_response_header_size(HEAD_BYTES_MAX)
        };
        let short = config().timeout_global(Some(wait)).build();
        let endless = config()
            .timeout_send_request(Some(wait))
            .timeout_recv_response(Some(wait))
            .timeout_recv_body(Some(STREAM_SPAN))
            .build();
        let is_anonymous = base.is_secure() && args.client_cert.is_none();
        Ok(Client { base, token, is_anonymous, short: short.into(), endless: endless.into() })
    }

    /// The node's URL.
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// Asks for something without changing anything.
    ///
    /// # Errors
    /// [`ClientError`], with nothing changed.
    pub fn get(&self, path: &Path) -> Result<Answer, ClientError> {
        let request = self.request(Method::GET, path);
        self.run(request, (), false)
    }

    /// Puts `body`, JSON or empty, at `path`.
    ///
    /// # Errors
    /// [`ClientError`], which says whether anything may have changed.
    pub fn put(&self, path: &Path, body: String) -> Result<Answer, ClientError> {
        let request = self.request(Method::PUT, path);
        self.run(with_content(request), body, true)
    }

    /// Posts `body`, JSON or empty, to `path`. With an idempotency key the node
    /// does it once, however often it is asked.
    ///
    /// # Errors
    /// [`ClientError`], which says whether anything may have changed.
    pub fn post(
        &self,
        path: &Path,
        body: String,
        idempotency_key: Option<&str>,
    ) -> Result<Answer, ClientError> {
        let mut request = with_content(self.request(Method::POST, path));
        if let Some(key) = idempotency_key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        self.run(request, body, true)
    }

    /// Deletes what is at `path`.
    ///
    /// # Errors
    /// [`ClientError`], which says whether anything may have changed.
    pub fn delete(&self, path: &Path) -> Result<Answer, ClientError> {
        let request = self.request(Method::DELETE, path);
        self.run(request, (), true)
    }

    /// Begins to follow the events at `path` that come after the one numbered
    /// `after`.
    ///
    /// # Errors
    /// [`ClientError`] if the stream does not begin.
    pub fn follow(&self, path: &Path, after: Option<u64>) -> Result<EventStream, ClientError> {
        const EVENTS: &str = "text/event-stream";
        let mut request = self.request(Method::GET, path).header(header::ACCEPT, EVENTS);
        if let Some(after) = after {
            request = request.header(LAST_EVENT_ID, after);
        }
        let response = self.send(&self.endless, request, (), false)?;
        if response.status() != 200 || response.body().mime_type() != Some(EVENTS) {
            let status = response.status();
            self.read(response, false)?;
            let what = format!("it answers with status {status} and no stream of events");
            return Err(self.foreign(what, Changed::No));
        }
        Ok(EventStream::new(response.into_body().into_reader()))
    }

    fn request(&self, method: Method, path: &Path) -> ureq::http::request::Builder {
        let request = Request::builder().method(method).uri(self.base.join(path));
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, token.header()),
            None => request,
        }
    }

    fn run(
        &self,
        request: ureq::http::request::Builder,
        body: impl AsSendBody,
        writes: bool,
    ) -> Result<Answer, ClientError> {
        let response = self.send(&self.short, request, body, writes)?;
        self.read(response, writes)
    }

    fn send(
        &self,
        http: &Http,
        request: ureq::http::request::Builder,
        body: impl AsSendBody,
        writes: bool,
    ) -> Result<Response<Body>, ClientError> {
        let request = request.body(body).map_err(ureq::Error::from);
        request.and_then(|request| http.run(request)).map_err(|error| self.lost(&error, writes))
    }

    /// Reads the body; what is no success becomes an error.
    fn read(&self, mut response: Response<Body>, writes: bool) -> Result<Answer, ClientError> {
        let status = response.status();
        let number = |name| response.headers().get(name)?.to_str().ok()?.parse().ok();
        let retry_after_s: Option<u64> = number(header::RETRY_AFTER);
        let replayed = response.headers().get(IDEMPOTENCY_REPLAYED).is_some_and(|it| it == "true");
        let unclear = if writes { Changed::Unknown } else { Changed::No };
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let bytes = body.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => {
                ClientError::TooLarge { url: self.url().to_owned(), changed: unclear }
            }
            error => self.lost(&error, writes),
        })?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| self.foreign("its answer is no text".to_owned(), unclear))?;
        if status.is_success() {
            let url = self.url().to_owned();
            return Ok(Answer { url, status: status.as_u16(), replayed, changed: unclear, text });
        }
        match Refusal::read(status.as_u16(), &text, retry_after_s) {
            Some(refusal) => Err(ClientError::Refused(Box::new(refusal))),
            None => Err(self.foreign(format!("it answers with status {status}"), unclear)),
        }
    }

    fn lost(&self, error: &ureq::Error, writes: bool) -> ClientError {
        let fault = Fault::new(error);
        let fault = if self.is_anonymous { fault.without_certificate() } else { fault };
        let changed = fault.changed(writes);
        ClientError::Unreachable { url: self.url().to_owned(), changed, fault }
    }

    fn foreign(&self, what: String, changed: Changed) -> ClientError {
        ClientError::Foreign { url: self.url().to_owned(), what, changed }
    }
}

fn with_content(request: ureq::http::request::Builder) -> ureq::http::request::Builder {
    request.header(header::CONTENT_TYPE, "application/json")
}
