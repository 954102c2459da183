//! Messages that arrive by name: as bytes from another node, as JSON from
//! outside Rust.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use nexus_base::AgentId;
use serde_json::Value;

use crate::delivery::{self, Deliver, Receipt};
use crate::error::drop_caught;
use crate::inspect::{self, Looked};
use crate::raw::TypedCell;
use crate::schema::{self, Schema};
use crate::{
    ActivateError, Activation, Agent, AskError, Beside, Crash, During, Handle, Handler, Kind,
    Message, SpawnError, System, Wire, WireId, activation, codec,
};

type Pinned<T> = Pin<Box<dyn Future<Output = T> + Send>>;
pub(crate) type Reply = Pinned<Result<Vec<u8>, AskError>>;

/// The messages a kind takes by name; filled by [`Agent::accepts`].
pub struct Accepts<A> {
    by_name: BTreeMap<&'static str, Accepted<A>>,
    /// A name that two messages have.
    taken_twice: Option<&'static str>,
    pub(crate) beside: Option<Arc<dyn Beside>>,
}

type AskAny<A> = fn(Handle<A>, AnyMessage, Duration) -> Pinned<Result<AnyReply, AskError>>;

type DeliverAny<A> = fn(&TypedCell<A>, &Deliver<'_>, Receipt) -> Option<(Receipt, AskError)>;

/// What can be done with a message of one type, once the type is forgotten.
struct Accepted<A> {
    facts: MessageFacts,
    message_type: TypeId,
    ask_bytes: fn(Handle<A>, Vec<u8>) -> Reply,
    read_json: fn(&[u8]) -> Result<AnyMessage, BadArgs>,
    ask_any: AskAny<A>,
    deliver: DeliverAny<A>,
}

/// What is known of a message that a kind takes by name.
#[derive(Clone, Copy, Debug)]
pub struct MessageFacts {
    /// Its name.
    pub name: &'static str,
    /// Its stable id.
    pub id: WireId,
    /// The version of its bytes.
    pub version: u16,
    /// The shape of its arguments as JSON.
    pub args: fn() -> Schema,
    /// The shape of its reply as JSON.
    pub reply: fn() -> Schema,
}

/// A message whose type only its kind knows.
pub struct AnyMessage(Box<dyn Any + Send>);

impl AnyMessage {
    /// Forgets the type of `message`.
    pub fn new<M: Message>(message: M) -> AnyMessage {
        AnyMessage(Box::new(message))
    }
}

/// A reply whose type only its kind knows.
pub struct AnyReply(Box<dyn JsonReply>);

trait JsonReply: Any + Send {
    fn to_json(&self) -> Result<Value, String>;
    fn as_err(&self) -> Option<&dyn Any>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<R: Wire> JsonReply for R {
    fn to_json(&self) -> Result<Value, String> {
        codec::caught(|| serde_json::to_value(self))
    }

    fn as_err(&self) -> Option<&dyn Any> {
        Wire::as_err(self)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl AnyReply {
    /// The reply, if it is an `R`; itself again if it is not.
    ///
    /// # Errors
    /// The reply as it was.
    pub fn downcast<R: Wire>(self) -> Result<R, AnyReply> {
        let is = (*self.0).type_id() == TypeId::of::<R>();
        if !is {
            return Err(self);
        }
        Ok(*self.0.into_any().downcast().expect("its type was just compared"))
    }

    /// The error, if the reply is a [`Result`] that failed with an `E`.
    pub fn err<E: 'static>(&self) -> Option<&E> {
        self.0.as_err()?.downcast_ref()
    }

    /// The reply as JSON.
    ///
    /// # Errors
    /// What the reply's own `Serialize` said: a map with keys that are no
    /// strings, for example.
    pub fn to_json(&self) -> Result<Value, String> {
        self.0.to_json()
    }
}

/// Why JSON is not a message. Nothing was sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the arguments of {message} do not fit{}: {reason}; nothing changed", at(.path))]
pub struct BadArgs {
    /// The message's name.
    pub message: &'static str,
    /// Where, as in `items[2].price`; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" at `{path}`") }
}

impl<A: Agent> Accepts<A> {
    pub(crate) fn new() -> Accepts<A> {
        Accepts { by_name: BTreeMap::new(), taken_twice: None, beside: None }
    }

    /// A name that two messages of different types have.
    pub(crate) fn taken_twice(&self) -> Option<&'static str> {
        self.taken_twice
    }

    /// Takes messages of type `M` under their own name. Two types of the same
    /// name are a mistake, which keeps the kind from being registered.
    pub fn message<M: Message>(&mut self) -> &mut Accepts<A>
    where
        A: Handler<M>,
    {
        let facts = MessageFacts {
            name: M::NAME,
            id: M::ID,
            version: M::VERSION,
            args: schema::of::<M>,
            reply: schema::of::<M::Reply>,
        };
        let accepted = Accepted {
            facts,
            message_type: TypeId::of::<M>(),
            ask_bytes: |handle, bytes| Box::pin(ask_bytes::<A, M>(handle, bytes)),
            read_json: |json| read_json::<M>(json),
            ask_any: |handle, message, within| Box::pin(ask_any::<A, M>(handle, message, within)),
            deliver: delivery::deliver::<A, M>,
        };
        let before = self.by_name.insert(M::NAME, accepted);
        if before.is_some_and(|before| before.message_type != TypeId::of::<M>()) {
            self.taken_twice = Some(M::NAME);
        }
        self
    }

    /// Puts something beside the kind, one for each system: for its agents, see
    /// [`Context::beside`](crate::Context::beside), and for whoever knows the kind by
    /// name alone, see [`System::beside_kind`]. Another one before it is forgotten.
    pub fn beside<T: Beside>(&mut self, beside: Arc<T>) -> &mut Accepts<A> {
        self.beside = Some(beside);
        self
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.by_name.keys().copied()
    }
}

async fn ask_bytes<A: Handler<M>, M: Message>(
    handle: Handle<A>,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, AskError> {
    let counted = |error: AskError| {
        handle.cell().kind().system().count_error(error.code());
        error
    };
    let message = codec::decode::<M>(&bytes)
        .map_err(|reason| counted(AskError::Malformed { message: M::NAME, reason }))?;
    let reply = handle.ask(message).await?;
    let encoded = codec::try_encode(&reply);
    drop_caught(reply);
    encoded.map_err(|reason| counted(AskError::ReplyUnencodable { message: M::NAME, reason }))
}

fn read_json<M: Message>(json: &[u8]) -> Result<AnyMessage, BadArgs> {
    // `Deserialize` may be the user's own.
    Crash::catch(During::Handler, || read_json_uncaught::<M>(json)).unwrap_or_else(|crash| {
        Err(BadArgs { message: M::NAME, path: String::new(), reason: crash.to_string() })
    })
}

fn read_json_uncaught<M: Message>(json: &[u8]) -> Result<AnyMessage, BadArgs> {
    match read_at_path::<M>(json) {
        Ok(message) => Ok(AnyMessage::new(message)),
        // A message without fields is null to serde; people send {} or nothing.
        Err(error) if is_empty_object(json) => match serde_json::from_slice::<M>(b"null") {
            Ok(message) => Ok(AnyMessage::new(message)),
            Err(_) => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn read_at_path<M: Message>(json: &[u8]) -> Result<M, BadArgs> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        BadArgs { message: M::NAME, path, reason: without_place(&error.into_inner()) }
    })?;
    reader.end().map_err(|error| {
        let reason = without_place(&error);
        BadArgs { message: M::NAME, path: String::new(), reason }
    })?;
    Ok(read)
}

/// What serde says, without the line and column of a text nobody has before them.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

fn is_empty_object(json: &[u8]) -> bool {
    let mut bytes = json.iter().filter(|byte| !byte.is_ascii_whitespace());
    bytes.next() == Some(&b'{') && bytes.next() == Some(&b'}') && bytes.next().is_none()
}

async fn ask_any<A: Handler<M>, M: Message>(
    handle: Handle<A>,
    AnyMessage(message): AnyMessage,
    within: Duration,
) -> Result<AnyReply, AskError> {
    let message: Box<M> = message.downcast().expect("read by the same entry of the table");
    let reply = handle.ask(*message).within(within).await?;
    Ok(AnyReply(Box::new(reply)))
}

/// Does things with agents of one kind by name; made where the kind's type is known.
pub(crate) trait ByName: Send + Sync {
    fn ask(&self, system: &System, key: &str, message: &str, bytes: Vec<u8>) -> Reply;
    fn read_json(&self, message: &str, json: &[u8]) -> Option<Result<AnyMessage, BadArgs>>;
    fn ask_any(
        &self,
        system: &System,
        key: &str,
        message: &str,
        any: AnyMessage,
        within: Duration,
    ) -> Pinned<Result<AnyReply, AskError>>;
    fn messages(&self) -> Vec<MessageFacts>;
    fn spawn(&self, system: &Arc<System>, key: &str, args: Option<Value>)
    -> Result<(), SpawnError>;
    fn look(&self, system: &System, key: &str) -> Looked;
    /// Puts a message into a mailbox; the receipt and why, if that cannot be.
    fn deliver(
        &self,
        system: &System,
        deliver: &Deliver<'_>,
        receipt: Receipt,
    ) -> Option<(Receipt, AskError)>;
    fn takes(&self, message: &str) -> bool;
    fn activate(
        &self,
        system: &System,
        kind: Arc<Kind>,
        spec: &Activation<'_>,
    ) -> Result<AgentId, ActivateError>;
    fn state(&self, system: &System, key: &str) -> Option<Vec<u8>>;
}

impl<A: Agent> Accepts<A> {
    fn find(system: &System, key: &str) -> Option<Handle<A>> {
        Self::find_cell(system, key).map(Handle::new)
    }

    fn find_cell(system: &System, key: &str) -> Option<TypedCell<A>> {
        system.find_named(A::KIND, key).and_then(TypedCell::new)
    }
}

impl<A: Agent> ByName for Accepts<A> {
    fn ask(&self, system: &System, key: &str, message: &str, bytes: Vec<u8>) -> Reply {
        let Some(handle) = Self::find(system, key) else {
            return refused(system, AskError::NotRunning);
        };
        match self.by_name.get(message) {
            Some(accepted) => (accepted.ask_bytes)(handle, bytes),
            None => refused(system, wrong::<A>(message)),
        }
    }

    fn read_json(&self, message: &str, json: &[u8]) -> Option<Result<AnyMessage, BadArgs>> {
        self.by_name.get(message).map(|accepted| (accepted.read_json)(json))
    }

    fn ask_any(
        &self,
        system: &System,
        key: &str,
        message: &str,
        any: AnyMessage,
        within: Duration,
    ) -> Pinned<Result<AnyReply, AskError>> {
        let Some(handle) = Self::find(system, key) else {
            return refused(system, AskError::NotRunning);
        };
        match self.by_name.get(message) {
            Some(accepted) => (accepted.ask_any)(handle, any, within),
            None => refused(system, wrong::<A>(message)),
        }
    }

    fn messages(&self) -> Vec<MessageFacts> {
        self.by_name.values().map(|accepted| accepted.facts).collect()
    }

    fn spawn(
        &self,
        system: &Arc<System>,
        key: &str,
        args: Option<Value>,
    ) -> Result<(), SpawnError> {
        system.spawn_with::<A>(key, args).map(drop)
    }

    fn look(&self, system: &System, key: &str) -> Looked {
        Self::find_cell(system, key).map_or(Looked::Gone, |cell| inspect::look(system, &cell))
    }

    fn deliver(
        &self,
        system: &System,
        deliver: &Deliver<'_>,
        receipt: Receipt,
    ) -> Option<(Receipt, AskError)> {
        let Some(cell) = Self::find_cell(system, deliver.key) else {
            return Some((receipt, AskError::NotRunning));
        };
        match self.by_name.get(deliver.message) {
            Some(accepted) => (accepted.deliver)(&cell, deliver, receipt),
            None => Some((receipt, wrong::<A>(deliver.message))),
        }
    }

    fn takes(&self, message: &str) -> bool {
        self.by_name.contains_key(message)
    }

    fn activate(
        &self,
        system: &System,
        kind: Arc<Kind>,
        spec: &Activation<'_>,
    ) -> Result<AgentId, ActivateError> {
        activation::activate::<A>(system, kind, spec)
    }

    fn state(&self, system: &System, key: &str) -> Option<Vec<u8>> {
        activation::state(system, &Self::find_cell(system, key)?)
    }
}

fn wrong<A: Agent>(message: &str) -> AskError {
    AskError::WrongMessage { kind: A::KIND, message: message.to_owned() }
}

/// The answer to an ask that reaches nobody.
pub(crate) fn refused<T: Send + 'static>(
    system: &System,
    error: AskError,
) -> Pinned<Result<T, AskError>> {
    system.count_error(error.code());
    Box::pin(async { Err(error) })
}
