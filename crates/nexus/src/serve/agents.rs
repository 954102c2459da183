//! What can be done with one agent.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use nexus_agent::{AnyMessage, AnyReply, AskError, Changed, ErrorCode, Listing, SpawnError};
use nexus_base::Level;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::asked::{Asked, Through};
use super::events;
use super::host::Host;
use super::pools;
use super::problem::Problem;
use super::route::Name;
use super::shape;
use crate::pool::POOLS;
use crate::reactive::{deadline_of, level_of};
use crate::{Answer, KindLayers, LevelUsed, Request, RequestError, Retry};

/// How long an agent may take to say what its state is.
const SUMMARY_WITHIN: Duration = Duration::from_millis(200);

/// How long whoever stops an agent waits for its end before being told that it
/// is yet to come. A guess at what most handlers need and nobody minds.
const END_WITHIN: Duration = Duration::from_millis(250);

/// Events of an agent that `why` shows.
const WHY_EVENTS: usize = 20;

/// An agent as lists and looks show it.
pub(super) fn to_json(host: &Host, listing: &Listing, state: Option<Value>) -> Value {
    let mut agent = json!({
        "kind": listing.kind,
        "key": listing.key,
        "id": listing.id.to_string(),
        "phase": listing.phase,
        "mailbox": listing.mailbox_len,
        "epoch": listing.epoch,
        "level": level_of(host.system(), listing.kind, listing.level),
        "metrics": {
            "handled": listing.handled,
            "errors": listing.errors,
            "age_s": listing.age.as_secs(),
            "rate_per_s": listing.rate_per_s(),
        },
        "metadata": listing.metadata,
        "state": state,
        "node": host.name,
        "term": null,
    });
    if listing.kind == POOLS {
        pools::amend(host, listing, &mut agent);
    }
    agent
}

/// A look at one agent.
pub(super) async fn look(host: &Host, name: &Name<'_>) -> Result<Value, Problem> {
    let listing = find(host, name)?;
    let state = state(host, &listing).await;
    // Afresh: it may have been at work until now.
    let listing = host.system().listing(&name.kind, &name.key).unwrap_or(listing);
    Ok(to_json(host, &listing, state))
}

/// What the agent says of itself, unless it is at work all the while.
pub(super) async fn state(host: &Host, listing: &Listing) -> Option<Value> {
    if listing.kind == POOLS {
        return pools::state(host, &listing.key);
    }
    match host.system().inspect(listing.kind, &listing.key, SUMMARY_WITHIN).await {
        Ok(state) => Some(state).filter(|state| !state.is_null()),
        Err(AskError::Crashed(crash)) => Some(json!({"error": crash.to_string()})),
        Err(_) => None,
    }
}

/// The agent as lists show it.
pub(super) fn find(host: &Host, name: &Name<'_>) -> Result<Listing, Problem> {
    let listing = host.system().listing(&name.kind, &name.key);
    listing.ok_or_else(|| missing(host, name))
}

/// There is no such agent.
pub(super) fn missing(host: &Host, name: &Name<'_>) -> Problem {
    if let Err(problem) = known_kind(host, &name.kind) {
        return problem;
    }
    let create = if name.kind == POOLS { "" } else { "; create it with PUT" };
    let message = format!("no agent {}/{} runs here{create}", name.kind, name.key);
    Problem::new(ErrorCode::UnknownAgent, message)
}

/// Whether there is a kind that clients call so; if not, which there are.
pub(super) fn known_kind(host: &Host, kind: &str) -> Result<(), Problem> {
    let kinds = super::kinds(host);
    if kinds.contains(&kind) {
        return Ok(());
    }
    let known = kinds.join(", ");
    let message = format!("there is no kind {kind:?} on this node; known are {known}");
    Err(Problem::new(ErrorCode::UnknownKind, message).detail(json!({"kinds": kinds})))
}

/// The body of a request that makes an agent.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Create {
    #[serde(default)]
    args: Option<Value>,
}

/// Makes an agent, unless it is there.
pub(super) async fn create(
    host: &Host,
    name: &Name<'_>,
    body: &Bytes,
) -> Result<(StatusCode, Value), Problem> {
    let Create { args } =
        if body.is_empty() { Create::default() } else { super::asked::read(body)? };
    pools::refuse(name)?;
    known_kind(host, &name.kind)?;
    let status = match host.system().spawn_by_name(&name.kind, &name.key, args) {
        Ok(()) => StatusCode::CREATED,
        Err(SpawnError::AlreadyRunning { .. }) => StatusCode::OK,
        Err(error) => return Err(error.into()),
    };
    let listing = find(host, name)?;
    if listing.phase == "stopping" {
        let message = format!(
            "{}/{} is stopping: it has yet to finish a message; nothing changed; \
             try again later, or stop it by force",
            name.kind, name.key
        );
        return Err(Problem::new(ErrorCode::Conflict, message).retry(Retry::Later));
    }
    Ok((status, to_json(host, &listing, None)))
}

/// Stops an agent when the message it is handling is done, or by force at once.
pub(super) async fn stop(
    host: &Host,
    name: &Name<'_>,
    force: bool,
) -> Result<(StatusCode, Value), Problem> {
    pools::refuse(name)?;
    let system = host.system();
    let (gone, end) = oneshot::channel();
    let watched = system.on_down_by_name(&name.kind, &name.key, move |_| {
        // Nobody may be waiting any more.
        let _ = gone.send(());
    });
    let found = match force {
        true => system.kill_by_name(&name.kind, &name.key),
        false => system.stop_by_name(&name.kind, &name.key),
    };
    if !found && !watched {
        return Err(missing(host, name));
    }
    let ended = tokio::time::timeout(END_WITHIN, end).await;
    Ok(match watched && matches!(ended, Ok(Ok(()))) {
        true => (StatusCode::OK, json!({"stopped": true})),
        false => (StatusCode::ACCEPTED, json!({"stopped": false, "stopping": true})),
    })
}

/// Why an agent is as it is.
pub(super) fn why(host: &Host, name: &Name<'_>) -> Result<Value, Problem> {
    let listing = find(host, name)?;
    let doing = host.system().doing(&name.kind, &name.key);
    let (handler, waiting_on) =
        doing.map_or((None, Vec::new()), |doing| (doing.handler, doing.waiting_on));
    let full = format!("{}/{}", name.kind, name.key);
    let mut why = json!({
        "kind": listing.kind,
        "key": listing.key,
        "phase": listing.phase,
        "mailbox": listing.mailbox_len,
        "level": level_of(host.system(), listing.kind, listing.level),
        "handler": handler,
        "waiting_on": waiting_on,
        "epoch": listing.epoch,
        "events": events::latest_of(host, &full, WHY_EVENTS),
    });
    if let Some(layers) = KindLayers::of(host.system(), listing.kind) {
        why["layers"] = json!(layers.status());
    }
    if let Some(pool) = pools::named(host, name) {
        why["level"] = json!(pool.level());
        why["pool"] = json!(pool.why());
    }
    Ok(why)
}

/// A request to an agent that was done.
pub(super) struct Done {
    pub(super) value: Value,
    pub(super) level: LevelUsed,
    /// Who served, where it was asked of a pool.
    pub(super) pool: Option<Value>,
}

/// Asks an agent, or a member of a pool.
pub(super) async fn ask(host: &Host, name: &Name<'_>, asked: Asked) -> Result<Done, Problem> {
    if name.kind == POOLS {
        return pools::ask(host, name, asked).await;
    }
    let system = host.system();
    if system.kind_named(&name.kind).is_none() {
        return Err(missing(host, name));
    }
    let set = || system.listing(&name.kind, &name.key).map(|now| now.level);
    let Read { message, any, within, .. } = read(host, name, || set().unwrap_or_default(), asked)?;
    let reply = system.ask_any(&name.kind, &name.key, &message, any, within).await;
    let reply = reply.map_err(|error| match error {
        AskError::NotRunning => missing(host, name).counted(),
        AskError::WrongMessage { message, .. } => wrong_message(host, name, &message).counted(),
        error => error.into(),
    })?;
    let (value, level) = told(reply)?;
    let level = level.unwrap_or_else(|| level_of(system, &name.kind, set().unwrap_or_default()));
    Ok(Done { value, level, pool: None })
}

/// What is asked, as agents take it.
pub(super) struct Read {
    pub(super) message: Cow<'static, str>,
    pub(super) any: AnyMessage,
    pub(super) within: Duration,
    pub(super) through: Through,
}

/// Reads what is asked of agents of the kind of `name` that are set to `level`.
pub(super) fn read(
    host: &Host,
    name: &Name<'_>,
    level: impl FnOnce() -> Level,
    asked: Asked,
) -> Result<Read, Problem> {
    let (message, args, within, through) = match asked {
        Asked::Request(request) => {
            let within = deadline_of(host.system(), &name.kind, level, &request);
            let through = Through { routing: request.routing, features: request.features };
            let message = Cow::Borrowed(<Request as nexus_agent::Message>::NAME);
            return Ok(Read { message, any: AnyMessage::new(request), within, through });
        }
        Asked::Message { name, args, within, through } => (name, args, within, through),
    };
    let read = host.system().read_json(&name.kind, &message, args.get().as_bytes());
    let any = read.ok_or_else(|| wrong_message(host, name, &message))??;
    if let Some(path) = list_for_object(host, name, &message, args.get()) {
        let text = format!("{path} is a list, and must be an object; nothing changed");
        return Err(Problem::bad_request(text).detail(json!({"path": path})));
    }
    Ok(Read { message: message.into(), any, within, through })
}

/// Where in the arguments a list stands for an object.
fn list_for_object(host: &Host, name: &Name<'_>, message: &str, args: &str) -> Option<String> {
    // What nearly every request finds.
    if !args.contains('[') {
        return None;
    }
    let schema = host.schema(&name.kind, message)?;
    shape::list_for_object("args", &schema, &serde_json::from_str(args).ok()?)
}

/// What a reply tells, and the level it came from if it says so.
pub(super) fn told(reply: AnyReply) -> Result<(Value, Option<LevelUsed>), Problem> {
    match reply.downcast::<Result<Answer, RequestError>>() {
        Ok(Ok(Answer { value, level })) => Ok((value, Some(level))),
        Ok(Err(error)) => Err(error.into()),
        Err(reply) => {
            if let Some(error) = reply.err::<RequestError>() {
                return Err(error.clone().into());
            }
            let value = reply.to_json().map_err(|error| {
                let message = format!("the handler ran, but its reply is no JSON: {error}");
                let changed = Changed::Unknown;
                Problem { changed, ..Problem::new(ErrorCode::Crashed, message) }
            })?;
            Ok((value, None))
        }
    }
}

/// Agents of the kind of `name` take no such message; which they take.
pub(super) fn wrong_message(host: &Host, name: &Name<'_>, message: &str) -> Problem {
    let Some(messages) = host.system().messages(&name.kind) else { return missing(host, name) };
    let known: Vec<&str> = messages.iter().map(|message| message.name).collect();
    let is_request = message == <Request as nexus_agent::Message>::NAME;
    let text = match (is_request, known.as_slice()) {
        (_, []) => format!("agents of kind {} take no messages from outside", name.kind),
        (true, known) => format!(
            "agents of kind {} take no queries, updates or actions; send one of the messages {} \
             with \"type\": \"message\"",
            name.kind,
            known.join(", ")
        ),
        (false, known) if known.contains(&<Request as nexus_agent::Message>::NAME) => format!(
            "agents of kind {} take queries, updates and actions, and no message {message:?}",
            name.kind
        ),
        (false, known) => format!(
            "agents of kind {} take no message {message:?}; known are {}",
            name.kind,
            known.join(", ")
        ),
    };
    // Queries, updates and actions come as a message of ours, which nobody sends by name.
    let of_its_own: Vec<_> = known.into_iter().filter(|name| !super::is_internal(name)).collect();
    Problem::bad_request(text).detail(json!({"path": "name", "messages": of_its_own}))
}
