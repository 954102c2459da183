//! What can be done with agents when only their names are known: for requests
//! from outside Rust and from other nodes.

use std::sync::Arc;
use std::time::Duration;

use nexus_base::{AgentId, Level};
use serde_json::Value;

use crate::accepts::refused;
use crate::beside::{self, Beside};
use crate::raw::{Control, with_worker};
use crate::watch::Down;
use crate::{AnyMessage, AnyReply, AskError, BadArgs, Listing, MessageFacts, SpawnError, System};

/// What an agent is doing, beyond what its listing says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doing {
    /// The message whose handler is suspended, if one is and it could be looked at.
    pub handler: Option<&'static str>,
    /// The agents whose answers it awaits, as `kind/key`.
    pub waiting_on: Vec<String>,
}

impl System {
    /// The name of the kind called so, kept as long as the program runs.
    pub fn kind_named(&self, name: &str) -> Option<&'static str> {
        self.kind(name).map(|kind| kind.name())
    }

    /// What agents of `kind` take by name; `None` if there is no such kind.
    pub fn messages(&self, kind: &str) -> Option<Vec<MessageFacts>> {
        self.kind(kind).map(|kind| kind.by_name().messages())
    }

    /// What the kind of this name has put beside itself, if it is a `T`; see
    /// [`Accepts::beside`](crate::Accepts::beside).
    pub fn beside_kind<T: Beside>(&self, kind: &str) -> Option<Arc<T>> {
        beside::into_type(self.kind(kind)?.beside()?.clone())
    }

    /// Makes an agent by names, with arguments if there are any.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing has changed then.
    pub fn spawn_by_name(
        self: &Arc<System>,
        kind: &str,
        key: &str,
        args: Option<Value>,
    ) -> Result<(), SpawnError> {
        match self.kind(kind) {
            Some(kind) => kind.by_name().spawn(self, key, args),
            None => {
                let error = SpawnError::UnknownKind { kind: kind.to_owned() };
                self.count_error(error.code());
                Err(error)
            }
        }
    }

    /// Asks an agent by names and bytes.
    ///
    /// # Errors
    /// [`AskError::NotRunning`], [`AskError::WrongMessage`], [`AskError::Malformed`],
    /// or what the ask itself came to.
    pub async fn ask_by_name(
        &self,
        kind: &str,
        key: &str,
        message: &str,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, AskError> {
        let reply = match self.kind(kind) {
            Some(kind) => kind.by_name().ask(self, key, message, bytes),
            None => refused(self, AskError::NotRunning),
        };
        reply.await
    }

    /// Reads a message of `kind` from JSON; `None` if the kind takes none of that name.
    pub fn read_json(
        &self,
        kind: &str,
        message: &str,
        json: &[u8],
    ) -> Option<Result<AnyMessage, BadArgs>> {
        self.kind(kind)?.by_name().read_json(message, json)
    }

    /// Asks an agent by names, with a message that [`Self::read_json`] made or
    /// whose type is the one of that name.
    ///
    /// # Errors
    /// As [`Self::ask_by_name`].
    ///
    /// # Panics
    /// If the message is not of the type that `message` names.
    pub async fn ask_any(
        &self,
        kind: &str,
        key: &str,
        message: &str,
        any: AnyMessage,
        within: Duration,
    ) -> Result<AnyReply, AskError> {
        let reply = match self.kind(kind) {
            Some(kind) => kind.by_name().ask_any(self, key, message, any, within),
            None => refused(self, AskError::NotRunning),
        };
        reply.await
    }

    /// A look at one agent.
    pub fn listing(&self, kind: &str, key: &str) -> Option<Listing> {
        self.find_named(kind, key).map(|cell| self.look_at(&cell))
    }

    /// What one agent is doing.
    pub fn doing(&self, kind: &str, key: &str) -> Option<Doing> {
        let cell = self.find_named(kind, key)?;
        let handler =
            with_worker(|worker| worker.and_then(|worker| cell.suspended_message(worker)));
        let targets: Vec<AgentId> = self.waits().targets(cell.id()).collect();
        let waiting_on = targets.into_iter().map(|target| self.name_of(target)).collect();
        Some(Doing { handler, waiting_on })
    }

    /// Stops an agent when the message it is handling is done; false if there is none.
    pub fn stop_by_name(&self, kind: &str, key: &str) -> bool {
        self.control_by_name(kind, key, Control::Stop)
    }

    /// Stops an agent at once, dropping a suspended handler where it stands;
    /// false if there is none. One whose handler does not come to an `await`
    /// runs on until it does.
    pub fn kill_by_name(&self, kind: &str, key: &str) -> bool {
        self.control_by_name(kind, key, Control::Kill)
    }

    /// Has `notify` called when an agent has gone down; false, and it is
    /// dropped, if there is none or too many watch it.
    pub fn on_down_by_name(
        &self,
        kind: &str,
        key: &str,
        notify: impl FnOnce(Down) + Send + 'static,
    ) -> bool {
        let cell = self.find_named(kind, key);
        cell.is_some_and(|cell| self.monitor_outside(&cell, Box::new(notify)))
    }

    fn control_by_name(&self, kind: &str, key: &str, control: Control) -> bool {
        let cell = self.find_named(kind, key);
        cell.inspect(|cell| cell.post_control(control)).is_some()
    }

    /// Sets the level of an agent; false if there is none.
    pub fn set_level_by_name(&self, kind: &str, key: &str, level: Level) -> bool {
        let cell = self.find_named(kind, key);
        cell.inspect(|cell| cell.set_level(level)).is_some()
    }
}
