//! Pages of agents.

use std::time::Duration;

use nexus_agent::Listing;
use nexus_base::AgentId;
use serde_json::{Value, json};

use super::agents;
use super::filter::{Facts, Filter};
use super::host::Host;
use super::problem::Problem;
use super::query::Query;

/// Agents of one page, at most.
const PAGE_MAX: u64 = 1_000;

/// Agents of one page unless it says otherwise.
const PAGE_DEFAULT: u64 = 100;

/// Agents looked at for one page. A filter that few fit then gives short pages,
/// and the client goes on: no request walks over millions of agents at once.
const LOOKED_AT_MAX: usize = 100_000;

/// Agents read from the registry and shown between two turns of other requests:
/// about a millisecond.
const SHOWN_PER_TURN: usize = 100;

/// Agents read from the registry at once to see whether they fit a filter.
const CHUNK: usize = 2_000;

/// Agents asked for their state for one page.
const ASKED_MAX: usize = 2_000;

/// How long a page may take once it asks agents for their state: busy ones let
/// it wait, and the client goes on with the next page. A guess at people's patience.
const ASKING_MAX: Duration = Duration::from_secs(2);

/// A page of agents, as JSON.
pub(super) async fn page(host: &Host, query: &Query) -> Result<Vec<u8>, Problem> {
    let limit = query.number("limit", PAGE_DEFAULT, 1, PAGE_MAX)? as usize;
    let with_state = query.flag("state")?;
    let filter =
        query.get("where").map(Filter::parse).transpose().map_err(|error| {
            Problem::bad_request(error.to_string()).detail(json!({"at": error.at}))
        })?;
    let mut after = query.get("after").map(read_id).transpose()?;
    let kind = query.get("kind");
    if let Some(kind) = kind {
        agents::known_kind(host, kind)?;
    }
    let until = host.now().after(ASKING_MAX);
    let (mut page, mut scanned, mut asked) = (Page::new(), 0, 0);
    loop {
        let room = limit - page.shown;
        let chunk = if filter.is_some() { CHUNK } else { room.min(SHOWN_PER_TURN) };
        let listings = host.system().list(kind, after, chunk);
        let end = listings.len() < chunk;
        for listing in listings {
            if asked >= ASKED_MAX || (asked > 0 && host.now() >= until) {
                return Ok(page.end(after, scanned));
            }
            (after, scanned) = (Some(listing.id), scanned + 1);
            if super::is_internal(listing.kind) {
                continue;
            }
            let mut entry = Entry { listing, state: Value::Null };
            if let Some(filter) = &filter {
                if !filter.may_hold(&entry) {
                    continue;
                }
                if filter.needs_state() {
                    asked += 1;
                    entry.state = agents::state(host, &entry.listing).await.unwrap_or_default();
                }
                if !filter.holds(&entry) {
                    continue;
                }
            }
            if with_state && entry.state.is_null() {
                asked += 1;
                entry.state = agents::state(host, &entry.listing).await.unwrap_or_default();
            }
            let state = with_state.then_some(entry.state).filter(|state| !state.is_null());
            page.push(&agents::to_json(host, &entry.listing, state));
            if page.shown == limit {
                return Ok(page.end(after, scanned));
            }
        }
        if end {
            return Ok(page.end(None, scanned));
        }
        if scanned >= LOOKED_AT_MAX {
            return Ok(page.end(after, scanned));
        }
        // Others on this worker have their turn.
        tokio::task::yield_now().await;
    }
}

/// A page as text from the start: while it is made others have their turn, so
/// there may be many at once.
struct Page {
    text: Vec<u8>,
    shown: usize,
}

impl Page {
    fn new() -> Page {
        Page { text: br#"{"agents":["#.to_vec(), shown: 0 }
    }

    fn push(&mut self, agent: &Value) {
        if self.shown > 0 {
            self.text.push(b',');
        }
        self.shown += 1;
        serde_json::to_writer(&mut self.text, agent).expect("a value can be written to memory");
    }

    fn end(mut self, next: Option<AgentId>, scanned: usize) -> Vec<u8> {
        let next = json!(next.map(|id| id.to_string()));
        let rest = format!(r#"],"next":{next},"scanned":{scanned}}}"#);
        self.text.extend_from_slice(rest.as_bytes());
        self.text
    }
}

fn read_id(text: &str) -> Result<AgentId, Problem> {
    // Reading a number alone would take a sign as well.
    let is_id = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let id = is_id.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    let bad = || Problem::bad_request("query parameter \"after\" is no id of an agent: 32 digits");
    id.map(AgentId::from_u128).ok_or_else(bad)
}

/// An agent as a filter sees it.
struct Entry {
    listing: Listing,
    state: Value,
}

impl Facts for Entry {
    fn field(&self, name: &str) -> Value {
        let listing = &self.listing;
        match name {
            "kind" => listing.kind.into(),
            "key" => listing.key.as_str().into(),
            "phase" => listing.phase.into(),
            "level" => listing.level.as_str().into(),
            "mailbox" => listing.mailbox_len.into(),
            "epoch" => listing.epoch.into(),
            "handled" => listing.handled.into(),
            "errors" => listing.errors.into(),
            "rate" => listing.rate_per_s().into(),
            "age" => listing.age.as_secs_f64().into(),
            _ => Value::Null,
        }
    }

    fn state(&self) -> &Value {
        &self.state
    }
}
