//! Levels and layers of agents, kinds and pools, switched by clients.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use nexus_agent::ErrorCode;
use nexus_base::Level;
use serde::Deserialize;
use serde_json::{Value, json};

use super::agents::{find, missing};
use super::asked;
use super::host::Host;
use super::pools;
use super::problem::Problem;
use super::route::Name;
use crate::adaptive::{AdaptationId, RollbackError};
use crate::pool::{LayerError, POOLS};
use crate::reactive::level_of;
use crate::safety::{LadderError, LadderStatus};
use crate::{KindLayers, LevelUsed, Retry};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetLevel {
    level: Level,
}

/// Sets the level of an agent or of a pool.
pub(super) fn set_level(host: &Host, name: &Name<'_>, body: &Bytes) -> Result<Value, Problem> {
    let SetLevel { level } = asked::read(body)?;
    let system = host.system();
    if name.kind == POOLS {
        find(host, name)?;
        let pool = pools::named(host, name).ok_or_else(|| missing(host, name))?;
        pool.set_level(level)?;
        return Ok(json!({"level": pool.level()}));
    }
    match system.set_level_by_name(&name.kind, &name.key, level) {
        true => Ok(json!({"level": level_of(system, &name.kind, level)})),
        false => Err(missing(host, name)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetLayer {
    enabled: bool,
}

/// Enables a layer of a pool, or of the kind of an agent for all of its agents; or takes
/// it away.
pub(super) fn set_layer(
    host: &Host,
    name: &Name<'_>,
    layer: &str,
    body: &Bytes,
) -> Result<Value, Problem> {
    let layer = layer_named(layer)?;
    let SetLayer { enabled } = asked::read(body)?;
    let listing = find(host, name)?;
    if let Some(pool) = pools::named(host, name) {
        pool.set_layer(layer, enabled)?;
        return Ok(switched(layer, enabled, &pool.level(), pool.why().ladder.as_ref()));
    }
    let layers = layers(host, name)?;
    let set = if enabled { layers.enable(layer) } else { layers.disable(layer) };
    set?;
    let level = layers.level(listing.level);
    Ok(switched(layer, enabled, &level, Some(&layers.status().ladder)))
}

fn layer_named(text: &str) -> Result<Level, Problem> {
    text.parse().map_err(|_| {
        let known: Vec<&str> = Level::ALL[1..].iter().map(|level| level.as_str()).collect();
        let shown: String = text.chars().take(64).collect();
        let known = known.join(", ");
        let text = format!("there is no layer {shown:?}; known are {known}; nothing changed");
        Problem::bad_request(text).detail(json!({"path": "layer"}))
    })
}

/// The layer as it stands now.
fn switched(
    layer: Level,
    enabled: bool,
    level: &LevelUsed,
    ladder: Option<&LadderStatus>,
) -> Value {
    let here = ladder.and_then(|ladder| ladder.layers.iter().find(|here| here.layer == layer));
    json!({"enabled": enabled, "layer": here, "level": level})
}

/// The layers of an agent's kind.
fn layers(host: &Host, name: &Name<'_>) -> Result<Arc<KindLayers>, Problem> {
    KindLayers::of(host.system(), &name.kind).ok_or_else(|| {
        let text = match &*name.kind {
            POOLS => "pools have layers, and no adaptations".to_owned(),
            kind => format!("agents of kind {kind} have no layers"),
        };
        conflict(format!("{text}; nothing changed"))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    id: WrittenId,
}

/// People write `3` for what is shown as `a-3`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "an id is a number such as 1, or its text, such as \"a-1\"")]
enum WrittenId {
    Number(u64),
    Text(String),
}

impl WrittenId {
    fn read(&self) -> Result<AdaptationId, Problem> {
        match self {
            WrittenId::Number(number) => Ok(AdaptationId::new(*number)),
            WrittenId::Text(text) => text.parse().map_err(|error| {
                let text = format!("{error}; nothing changed");
                Problem::bad_request(text).detail(json!({"path": "id"}))
            }),
        }
    }
}

/// Takes an adaptation of the kind of an agent back.
pub(super) fn rollback(host: &Host, name: &Name<'_>, body: &Bytes) -> Result<Value, Problem> {
    let Rollback { id } = asked::read(body)?;
    let id = id.read()?;
    find(host, name)?;
    let layers = layers(host, name)?;
    let knobs = layers.rollback(id)?;
    let in_force = layers.status().adaptations;
    Ok(json!({"rolled_back": id, "knobs": knobs, "adaptations": in_force}))
}

fn conflict(text: impl Display) -> Problem {
    Problem::new(ErrorCode::Conflict, text.to_string()).retry(Retry::No)
}

impl From<LayerError> for Problem {
    fn from(error: LayerError) -> Problem {
        match error {
            LayerError::Ladder(error) => error.into(),
            error => conflict(error),
        }
    }
}

impl From<LadderError> for Problem {
    fn from(error: LadderError) -> Problem {
        Problem::bad_request(format!("{error}; nothing changed")).detail(json!({"path": "layer"}))
    }
}

impl From<RollbackError> for Problem {
    fn from(error: RollbackError) -> Problem {
        let text = format!("{error}; nothing changed");
        match error {
            RollbackError::Already { .. } => conflict(text),
            RollbackError::Missing(_) => Problem::new(ErrorCode::NotFound, text),
        }
    }
}
