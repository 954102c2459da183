//! Looking at an agent's state from outside, without a message: nothing is
//! queued, counted or driven out of a mailbox for it.
//!
//! Nobody touches the state of an agent that is at work, so whoever looks waits
//! until it rests, and gives up in the end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::raw::{TypedCell, with_worker};
use crate::{Agent, AskError, Crash, System, Worker};

/// Time between two looks at an agent that was at work. A guess: handlers are
/// mostly shorter, and whoever looks is mostly a person.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What one look came to.
pub(crate) enum Looked {
    /// There is no such agent.
    Gone,
    /// It is at work, or about to be.
    Busy,
    /// Its word on itself, or what that panicked with.
    Seen(Result<Value, Crash>),
}

/// Looks at the agent in `cell` once.
pub(crate) fn look<A: Agent>(system: &System, cell: &TypedCell<A>) -> Looked {
    let look = |worker: &Worker| match cell.look(worker, A::summary) {
        Some(seen) => Looked::Seen(seen),
        None if cell.cell().is_closed() => Looked::Gone,
        None => Looked::Busy,
    };
    let on_worker = with_worker(|worker| {
        worker.filter(|worker| std::ptr::eq(Arc::as_ptr(worker.system()), system)).map(look)
    });
    on_worker.unwrap_or_else(|| {
        // Not a thread of ours: it is for this once.
        let guest = Worker::guest(cell.cell().kind().system().clone());
        guest.enter(system.driver().now(), || look(&guest))
    })
}

impl System {
    /// An agent's [`Agent::summary`], as soon as it is not at work. It is not
    /// noticed by the agent: no message is sent, and one that panics over it
    /// goes on.
    ///
    /// # Errors
    /// [`AskError::NotRunning`]; [`AskError::Expired`] if it has been at work
    /// for all of `within`; [`AskError::Crashed`] if its summary panicked.
    pub async fn inspect(
        self: &Arc<System>,
        kind: &str,
        key: &str,
        within: Duration,
    ) -> Result<Value, AskError> {
        let deadline = self.fresh_now().after(within);
        loop {
            let looked = match self.kind(kind) {
                Some(kind) => kind.by_name().look(self, key),
                None => Looked::Gone,
            };
            let error = match looked {
                Looked::Seen(Ok(state)) => return Ok(state),
                Looked::Seen(Err(crash)) => AskError::Crashed(crash),
                Looked::Gone => AskError::NotRunning,
                Looked::Busy if self.fresh_now() >= deadline => AskError::Expired { deadline },
                Looked::Busy => {
                    self.sleep(LOOK_EVERY).await;
                    continue;
                }
            };
            self.count_error(error.code());
            return Err(error);
        }
    }
}
