//! From a request to its answer.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use http::{Method, Request, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use nexus_agent::{Changed, ErrorCode};
use serde_json::{Value, json};

use super::agents::{self, Done};
use super::arriving::Arriving;
use super::asked::Asked;
use super::body::{self, Answer};
use super::connection::ARRIVES_WITHIN;
use super::events::{self, Follow};
use super::guard::{self, Client};
use super::host::Host;
use super::idempotency::{Decision, KEY_BYTES_MAX, Kept, Key, Turn};
use super::meter::Refused;
use super::on_worker::OnWorker;
use super::problem::Problem;
use super::query::Query;
use super::route::{Name, Route, route};
use super::trace::Served;
use super::{levels, list, openapi, page, status};
use crate::Retry;
use crate::metrics::Format;

/// The header that makes a request safe to repeat.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header that carries a trace on.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Answers a request.
pub(super) async fn answer(host: &Arc<Host>, request: Request<Arriving>, from: IpAddr) -> Answer {
    let (parts, incoming) = request.into_parts();
    let request = Request::from_parts(parts, ());
    let caller = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let span = host.tracer.begin(caller);
    let here = span.traceparent();
    let mut about = About::default();
    let answered = answer_or_not(host, &request, incoming, from, &mut about).await;
    let code = answered.as_ref().err().map_or("", |problem| problem.code.as_str());
    if let Some(problem) = answered.as_ref().err().filter(|problem| !problem.counted) {
        host.meter.failed(problem.code);
    }
    let mut answer = answered.unwrap_or_else(|problem| body::problem(&problem));
    let status = answer.status().as_u16();
    host.meter.answered(status);
    log(host, &request, from, status, code);
    let About { route, kind, key, message } = &about;
    span.end(Served { route, kind, key, message, status, code });
    if let Some(here) = here
        && let Ok(value) = HeaderValue::from_bytes(&here.to_bytes())
    {
        answer.headers_mut().insert(TRACEPARENT, value);
    }
    if request.method() == Method::HEAD {
        without_body(&mut answer);
    }
    if request.headers().contains_key(TRANSFER_ENCODING) {
        // A proxy before us that saw another end of this body would take what
        // follows for a request of somebody else's: nothing follows.
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// What a request turned out to be about, for traces.
#[derive(Default)]
struct About {
    route: &'static str,
    kind: String,
    key: String,
    message: String,
}

impl About {
    fn name(&mut self, name: &Name<'_>, message: &str) {
        self.kind = name.kind.to_string();
        self.key = name.key.to_string();
        self.message = message.to_owned();
    }
}

/// One line for each request, for those who asked for that much. Of failures that come by
/// the thousand when a node has too much to do or ends, one a second; of those that come
/// when agents crash, one a second for each kind.
fn log(host: &Host, request: &Request<()>, from: IpAddr, status: u16, code: &str) {
    let (method, path) = (request.method(), request.uri().path());
    let count = match status {
        503 | 504 => host.failed(""),
        500.. => {
            let route = route(method, path).ok();
            host.failed(route.as_ref().and_then(Route::name).map_or("", |name| &name.kind))
        }
        _ => None,
    };
    if let Some(count) = count {
        tracing::warn!(target: "nexus::http", %method, path, %from, status, code, count, "failed");
    } else {
        tracing::debug!(target: "nexus::http", %method, path, %from, status, code, "answered");
    }
}

/// The length stays that of the answer to a GET.
fn without_body(answer: &mut Answer) {
    if let Some(length) = answer.body().size_hint().exact() {
        answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    *answer.body_mut() = Vec::new().into();
}

async fn answer_or_not(
    host: &Arc<Host>,
    request: &Request<()>,
    incoming: Arriving,
    from: IpAddr,
    about: &mut About,
) -> Result<Answer, Problem> {
    guard::admit(host, request, from)?;
    let route = route(request.method(), request.uri().path())?;
    about.route = route.pattern();
    let client = guard::identify(host, request, &route)?;
    if let Some(name) = route.name()
        && super::is_internal(&name.kind)
    {
        return Err(agents::missing(host, name));
    }
    let query = |known: &[&str]| Query::parse(request.uri().query(), known);
    if route.takes_no_query() {
        query(&[])?;
    }
    let body = || read_body(host, incoming);
    match &route {
        Route::Ask(name) => {
            let bytes = body().await?;
            let asked = Asked::read(&bytes)?;
            if host.tracer.is_on() {
                about.name(name, asked.name());
            }
            ask(host, request, &client, name, asked, &bytes).await
        }
        Route::Create(name) => {
            let bytes = body().await?;
            let (status, agent) = agents::create(host, name, &bytes).await?;
            Ok(body::json(status, &agent))
        }
        Route::Look(name) => ok(&agents::look(host, name).await?),
        Route::Stop(name) => {
            let force = query(&["force"])?.flag("force")?;
            let (status, stopped) = agents::stop(host, name, force).await?;
            Ok(body::json(status, &stopped))
        }
        Route::SetLevel(name) => {
            let bytes = body().await?;
            ok(&levels::set_level(host, name, &bytes)?)
        }
        Route::SetLayer(name, layer) => {
            let bytes = body().await?;
            ok(&levels::set_layer(host, name, layer, &bytes)?)
        }
        Route::Rollback(name) => {
            let bytes = body().await?;
            ok(&levels::rollback(host, name, &bytes)?)
        }
        Route::Why(name) => ok(&agents::why(host, name)?),
        Route::List => {
            let query = query(&["kind", "limit", "after", "where", "state"])?;
            let page = list::page(host, &query).await?;
            Ok(body::with_type(StatusCode::OK, "application/json", page))
        }
        Route::Events => {
            let query = query(&["name", "agent", "after", "limit", "follow"])?;
            happened(host, request, &query)
        }
        Route::Status => ok(&status::status(host)),
        Route::Drain => {
            host.drain();
            Ok(body::json(StatusCode::ACCEPTED, &json!({"draining": true})))
        }
        Route::Metrics => {
            let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
            let format = Format::accepted(accept);
            let mut figures = host.meter.figures();
            let spans = host.tracer.counts();
            figures.spans =
                vec![("sent", spans.sent), ("dropped", spans.dropped), ("failed", spans.failed)];
            figures.moved = host.crew.moved();
            let text = format.of(host.figures.metrics(Some(&figures)));
            Ok(body::with_type(StatusCode::OK, format.content_type(), text.into_bytes()))
        }
        Route::Health => ok(&json!({"ok": true})),
        Route::Ready if host.is_draining() => {
            Err(Problem::new(ErrorCode::ShuttingDown, "the node is shutting down"))
        }
        Route::Ready => ok(&json!({"ok": true})),
        Route::OpenApi => {
            Ok(body::with_type(StatusCode::OK, "application/json", openapi::document(host)))
        }
        Route::Page(path) => page::answer(path, request),
    }
}

fn ok(value: &Value) -> Result<Answer, Problem> {
    Ok(body::json(StatusCode::OK, value))
}

fn happened(host: &Arc<Host>, request: &Request<()>, query: &Query) -> Result<Answer, Problem> {
    let wanted = events::Wanted::read(host, query)?;
    if !query.flag("follow")? {
        return ok(&events::page(host, query, &wanted)?);
    }
    let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let last = last.and_then(|text| text.parse::<u64>().ok());
    let now = host.figures.threads.events.last_seq();
    let after = query.number("after", now, 0, u64::MAX)?;
    // A browser that connects again asks with the address of the first time:
    // what it has seen since counts.
    Ok(body::events(Follow::new(host.clone(), wanted, last.unwrap_or(after))))
}

/// The body, if it is neither too large nor too slow.
async fn read_body(host: &Host, incoming: Arriving) -> Result<Bytes, Problem> {
    let most = host.settings.http.body_bytes_max;
    let too_large = || {
        let text = format!("a body has at most {most} bytes; nothing changed");
        Problem::new(ErrorCode::TooLarge, text).detail(json!({"body_bytes_max": most}))
    };
    if incoming.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let limit: Duration = host.settings.http.body_timeout;
    let collected = tokio::time::timeout(limit, Limited::new(incoming, most).collect());
    let mut collected = pin!(collected);
    let mut late = None;
    let collected = std::future::poll_fn(|poller| {
        if let Poll::Ready(collected) = collected.as_mut().poll(poller) {
            return Poll::Ready(Some(collected));
        }
        let late = late.get_or_insert_with(|| {
            let drained = host.drained();
            Box::pin(async move {
                drained.await;
                tokio::time::sleep(ARRIVES_WITHIN).await;
            })
        });
        late.as_mut().poll(poller).map(|()| None)
    });
    let Some(collected) = collected.await else {
        let text = "the node is shutting down, and the body did not arrive; nothing changed";
        return Err(Problem::new(ErrorCode::ShuttingDown, text));
    };
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => {
            Err(Problem::bad_request(format!("the body did not arrive: {error}; nothing changed")))
        }
        Err(_) => {
            host.meter.refused(Refused::Slow);
            let text = format!("the body did not arrive within {limit:?}; nothing changed");
            Err(Problem::bad_request(text).status(StatusCode::REQUEST_TIMEOUT).retry(Retry::Later))
        }
    }
}

/// Asks an agent, once even if it is asked twice under one key.
async fn ask(
    host: &Arc<Host>,
    request: &Request<()>,
    client: &Client,
    name: &Name<'_>,
    asked: Asked,
    bytes: &Bytes,
) -> Result<Answer, Problem> {
    let mut keys = request.headers().get_all(&IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else {
        return ask_once(host, name, asked).await;
    };
    if keys.next().is_some() {
        let text = "a request has one Idempotency-Key header at most; nothing changed";
        return Err(Problem::bad_request(text));
    }
    let key = Key::of([&client.name, &name.kind, &name.key, read_key(key)?]);
    let decision = host.repeats().decide(host.now(), &key, fingerprint(bytes));
    let turn = match decision {
        Decision::Do(turn) => turn,
        Decision::Repeat(kept) => {
            let mut answer = body::with_type(kept.status, "application/json", kept.body.to_vec());
            answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            return Ok(answer);
        }
        Decision::Underway => {
            let text = "the first request under this key is still being done; nothing more changed";
            return Err(Problem::new(ErrorCode::Conflict, text).retry(Retry::Later));
        }
        Decision::Differs => {
            let text = "this key was used for another request; nothing changed; choose another key";
            return Err(Problem::new(ErrorCode::Conflict, text).retry(Retry::No));
        }
        Decision::NotKept => {
            let text = "the request was done, but its answer was too long to keep";
            return Err(Problem::new(ErrorCode::Conflict, text));
        }
    };
    // Goes on if the client leaves: who lost the connection is just who will
    // ask again under the same key, and must not have it done twice.
    let (host, name) = (host.clone(), name.to_owned());
    #[allow(clippy::disallowed_methods, reason = "requests are tokio's, as their connections are")]
    let asking = tokio::spawn(OnWorker::new(async move {
        let answered = ask_once(&host, &name, asked).await;
        keep(&host, turn, &answered);
        answered
    }));
    asking.await.unwrap_or_else(|error| {
        let problem = Problem::new(ErrorCode::Crashed, format!("the node failed: {error}"));
        Err(Problem { changed: Changed::Unknown, ..problem.retry(Retry::Refresh) })
    })
}

/// Keeps an answer for who asks again.
fn keep(host: &Host, turn: Turn, answered: &Result<Answer, Problem>) {
    let (status, body) = match answered {
        Ok(answer) => match answer.body() {
            body::Body::Bytes(bytes) => (answer.status(), bytes.clone().unwrap_or_default()),
            body::Body::Events(_) => unreachable!("an agent does not answer with a stream"),
        },
        // Surely not done: the same key may be used to try again.
        Err(problem) if problem.changed == Changed::No => return host.repeats().forget(turn),
        Err(problem) => (problem.status, Bytes::from(problem.to_json().to_string())),
    };
    host.repeats().finish(turn, Kept { status, body });
}

fn read_key(value: &HeaderValue) -> Result<&str, Problem> {
    let is_visible = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let text = value.to_str().ok().filter(is_visible);
    text.filter(|text| (1..=KEY_BYTES_MAX).contains(&text.len())).ok_or_else(|| {
        let text = format!("Idempotency-Key has 1 to {KEY_BYTES_MAX} visible ASCII characters");
        Problem::bad_request(text)
    })
}

fn fingerprint(bytes: &[u8]) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = nexus_base::FixedState::default().build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// What an agent was asked, or that a node which ends no longer waits for it.
async fn unless_given_up<T>(
    host: &Host,
    asking: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let mut asking = pin!(asking);
    // Most are answered in place, and need not know how a node ends.
    let mut given_up = None;
    std::future::poll_fn(|poller| {
        if let Poll::Ready(answered) = asking.as_mut().poll(poller) {
            return Poll::Ready(answered);
        }
        let given_up = given_up.get_or_insert_with(|| Box::pin(host.given_up()));
        given_up.as_mut().poll(poller).map(|()| {
            let text = "the node shut down before the agent answered; it may have done it";
            let problem = Problem::new(ErrorCode::ShuttingDown, text).retry(Retry::Refresh);
            Err(Problem { changed: Changed::Unknown, ..problem })
        })
    })
    .await
}

async fn ask_once(host: &Host, name: &Name<'_>, asked: Asked) -> Result<Answer, Problem> {
    let begun = host.now();
    let what = asked.name().to_owned();
    let done = unless_given_up(host, agents::ask(host, name, asked)).await;
    let now = host.now();
    if let Some(kind) = host.system().kind_named(&name.kind) {
        host.meter.served(now, kind, &name.key, &what, now.since(begun));
    }
    let Done { value, level, pool } = done?;
    let mut answer = json!({"value": value, "level": level, "node": host.name, "term": null});
    if let Some(pool) = pool {
        answer["pool"] = pool;
    }
    Ok(body::json(StatusCode::OK, &answer))
}
