//! Pools, as clients meet them: agents of the kind `nexus.pool`.
//!
//! A pool has a level, layers and counts, and what is sent to it is sent to the member
//! that its routing picks.
//!
//! Absent on purpose: making and stopping them. A program has its pools for itself, and
//! shows them.

use std::sync::Arc;

use http::StatusCode;
use nexus_agent::{AskError, ErrorCode, Listing};
use nexus_coord::Routing;
use serde_json::{Value, json};

use super::agents::{self, Done, Read, missing, told, wrong_message};
use super::asked::{Asked, Through};
use super::host::Host;
use super::problem::Problem;
use super::route::Name;
use crate::pool::{NamedPool, POOLS, PoolCounts, PoolError, pool_named};
use crate::reactive::level_of;
use crate::{CallSpec, Retry, Served};

/// Members that a look at a pool shows. A guess at what somebody reads; the sums are
/// over all of them.
const MEMBERS_SHOWN_MAX: usize = 256;

/// The pool of this name, if it is one and there.
pub(super) fn named(host: &Host, name: &Name<'_>) -> Option<Arc<dyn NamedPool>> {
    (name.kind == POOLS).then(|| pool_named(host.system(), &name.key)).flatten()
}

/// An error where a client would make or stop a pool.
pub(super) fn refuse(name: &Name<'_>) -> Result<(), Problem> {
    if name.kind != POOLS {
        return Ok(());
    }
    let text = "this address takes GET, POST: pools are made and stopped by the program that has \
                them; nothing changed";
    let problem = Problem::bad_request(text).status(StatusCode::METHOD_NOT_ALLOWED);
    Err(Problem { allow: Some("GET, POST"), ..problem })
}

/// Makes of an agent that stands for a pool the pool: calls instead of messages.
pub(super) fn amend(host: &Host, listing: &Listing, agent: &mut Value) {
    let Some(pool) = pool_named(host.system(), &listing.key) else { return };
    let counts = pool.counts();
    let ended = counts.done + counts.failed + counts.cancelled + counts.too_late;
    agent["level"] = json!(pool.level());
    agent["mailbox"] = json!(counts.held);
    agent["metrics"]["handled"] = json!(ended);
    agent["metrics"]["errors"] = json!(counts.failed);
    agent["metrics"]["rate_per_s"] = json!(ended as f64 / listing.age.as_secs_f64().max(1.0));
}

/// What became of the calls of a pool.
pub(super) fn state(host: &Host, key: &str) -> Option<Value> {
    let pool = pool_named(host.system(), key)?;
    let levels = pool.levels();
    let enabled: Vec<Routing> =
        Routing::ALL.into_iter().filter(|&level| levels.has(level)).collect();
    let mut counts: PoolCounts = pool.counts();
    let count = counts.members.len();
    counts.members.truncate(MEMBERS_SHOWN_MAX);
    Some(json!({
        "kind": pool.members_kind(),
        "member_count": count,
        "enabled": enabled,
        "counts": counts,
    }))
}

/// Sends a request through a pool.
pub(super) async fn ask(host: &Host, name: &Name<'_>, asked: Asked) -> Result<Done, Problem> {
    // One that was stopped may be kept by its program.
    agents::find(host, name)?;
    let pool = named(host, name).ok_or_else(|| missing(host, name))?;
    let kind = pool.members_kind();
    let of_members = Name { kind: kind.into(), key: name.key.clone() };
    let Read { message, any, within, through } =
        agents::read(host, &of_members, || pool.members_level(), asked)?;
    let Through { routing, features } = through;
    let call = CallSpec::new(routing).within(within).features(features);
    let served = pool.clone().serve_named(message.into_owned(), any, call).await;
    let Served { reply, routed, level, member, .. } = served.map_err(|error| match error {
        PoolError::Ask(AskError::WrongMessage { message, .. }) => {
            wrong_message(host, &of_members, &message).counted()
        }
        error => error.into(),
    })?;
    let key = pool.member_key(member);
    let (value, served_at) = told(reply)?;
    let served_at = served_at.unwrap_or_else(|| {
        let set = host.system().listing(kind, &key).map(|now| now.level);
        level_of(host.system(), kind, set.unwrap_or_default())
    });
    let pool = json!({"member": format!("{kind}/{key}"), "level": level, "routing": routed});
    Ok(Done { value, level: served_at, pool: Some(pool) })
}

impl From<PoolError> for Problem {
    /// A pool that is there has its members made anew: that one is missing now is no
    /// answer for ever.
    fn from(error: PoolError) -> Problem {
        if matches!(error, PoolError::NoMember | PoolError::Ask(AskError::NotRunning)) {
            let problem = Problem::new(ErrorCode::Stopped, error.to_string());
            return Problem { changed: error.changed(), ..problem }.retry(Retry::Later);
        }
        let later = matches!(error, PoolError::TooLate);
        let problem = match error {
            PoolError::Ask(error) => return error.into(),
            error => {
                let changed = error.changed();
                Problem { changed, ..Problem::new(error.code(), error.to_string()) }
            }
        };
        if later { problem.retry(Retry::Later) } else { problem }
    }
}
