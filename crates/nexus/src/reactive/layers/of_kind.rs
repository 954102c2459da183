//! The layers of a kind, for whoever has its name alone.

use std::time::Duration;

use nexus_agent::System;
use nexus_base::Level;
use nexus_coord::{DEADLINE_DEFAULT, Request};

use super::KindLayers;
use crate::reactive::LevelUsed;

/// How long `request` may take at an agent of `kind` that is set to `level`.
pub(crate) fn deadline_of(
    system: &System,
    kind: &str,
    level: impl FnOnce() -> Level,
    request: &Request,
) -> Duration {
    match (request.deadline, KindLayers::of(system, kind)) {
        (Some(deadline), _) => deadline,
        (None, None) => DEADLINE_DEFAULT,
        (None, Some(layers)) => layers.deadline(level(), request),
    }
}

/// What serves an agent of `kind` that is set to `asked`.
pub(crate) fn level_of(system: &System, kind: &str, asked: Level) -> LevelUsed {
    KindLayers::of(system, kind).map_or_else(|| LevelUsed::of(asked), |layers| layers.level(asked))
}
