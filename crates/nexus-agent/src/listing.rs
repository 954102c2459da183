//! Agents as a list shows them.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_base::{AgentId, Level};

use crate::raw::{CellRef, Control};

/// What users attach to an agent: names and values.
pub type Metadata = BTreeMap<String, String>;

/// One agent in a list: a look at a moving thing, true when it was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Its identity; give the last one of a page to get the next page.
    pub id: AgentId,
    /// Its kind.
    pub kind: &'static str,
    /// Its key.
    pub key: String,
    /// `idle`, `queued`, `running`, `suspended`, `stopping` (told to stop, its
    /// handler has not come to its end) or `closed`.
    pub phase: &'static str,
    /// Messages that wait.
    pub mailbox_len: u32,
    /// Restarts so far.
    pub epoch: u32,
    /// The level it is set to.
    pub level: Level,
    /// Messages whose handler was started.
    pub handled: u64,
    /// Panics, and requests that ended in an error.
    pub errors: u32,
    /// How long ago it was made, to the second.
    pub age: Duration,
    /// What users attached.
    pub metadata: Option<Metadata>,
}

impl Listing {
    pub(crate) fn of(cell: &CellRef, metadata: Option<Metadata>) -> Listing {
        Listing {
            id: cell.id(),
            kind: cell.kind().name(),
            key: cell.key().to_owned(),
            phase: match cell.word().control() {
                Some(Control::Stop | Control::Kill) if !cell.is_closed() => "stopping",
                _ => cell.phase_name(),
            },
            mailbox_len: cell.mailbox_len(),
            epoch: cell.epoch(),
            level: cell.level(),
            handled: cell.handled(),
            errors: cell.errors(),
            age: cell.kind().system().now().since(cell.made()),
            metadata,
        }
    }

    /// Messages handled a second, over its whole life.
    pub fn rate_per_s(&self) -> f64 {
        self.handled as f64 / self.age.as_secs_f64().max(1.0)
    }
}
