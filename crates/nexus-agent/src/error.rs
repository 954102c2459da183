//! What can go wrong between a sender and an agent.
//!
//! Every error says whether anything changed: *no* (the handler did not start)
//! or *unknown* (it may have run).

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use nexus_base::Time;

use crate::SupervisionError;
use crate::chain::CHAIN_LEN_MAX;
use crate::raw;

/// Whether a failed request may have changed something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changed {
    /// The handler did not start, and will not.
    No,
    /// The handler may have run, in part or to its end.
    Unknown,
}

/// Why a tell was not taken. The message always comes back.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TellError<M> {
    /// No such agent here now. Look it up afresh before trying again.
    #[error("agent is not running on this node; nothing changed; look it up afresh")]
    NotRunning(M),
    /// Nothing was queued. Try again after a pause, or shed the message.
    #[error("mailbox is full at {len_max} messages; nothing changed; try again later")]
    MailboxFull {
        /// What was not sent.
        message: M,
        /// The size of the mailbox.
        len_max: u32,
    },
    /// It waited for room until its deadline. Nothing was queued. Try again
    /// after a pause, or shed the message.
    #[error(
        "there was no room in the mailbox until the deadline; nothing changed; try again later"
    )]
    Expired {
        /// What was not sent.
        message: M,
        /// Until when it was to wait.
        deadline: Time,
    },
    /// The node takes no new work. Try another node.
    #[error("node is shutting down; nothing changed; try another node")]
    ShuttingDown(M),
}

// Not derived: a message need not be printable to be sent back.
impl<M> fmt::Debug for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TellError({self})")
    }
}

impl<M> TellError<M> {
    /// The message that was not sent.
    pub fn into_message(self) -> M {
        match self {
            TellError::NotRunning(message) | TellError::ShuttingDown(message) => message,
            TellError::MailboxFull { message, .. } | TellError::Expired { message, .. } => message,
        }
    }
}

/// Why an ask has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No such agent here now. Nothing changed; look it up afresh.
    #[error("agent is not running on this node; nothing changed; look it up afresh")]
    NotRunning,
    /// The mailbox has no room. Nothing changed; try again later.
    #[error("mailbox is full at {len_max} messages; nothing changed; try again later")]
    MailboxFull {
        /// The size of the mailbox.
        len_max: u32,
    },
    /// The message was dropped from a full mailbox before it was handled. Nothing changed.
    #[error("message was shed from a full mailbox; nothing changed; try again later")]
    Shed,
    /// The deadline passed before the handler started. Nothing changed.
    #[error(
        "the deadline passed before the handler started; nothing changed; try again with more time"
    )]
    Expired {
        /// When the answer had to be there.
        deadline: Time,
    },
    /// The deadline passed after the handler had started: it may have run.
    #[error(
        "the deadline passed while the handler was running; it may have run; \
         look before trying again"
    )]
    Deadline {
        /// When the answer had to be there.
        deadline: Time,
    },
    /// The agent is, directly or through others, already waiting for the asker.
    #[error("asking would wait for itself: {path}; {}", changed_text(*.changed))]
    Cycle {
        /// Everybody on the way, beginning and ending with the same agent.
        path: CyclePath,
        /// *Unknown* only if the handler had already started when the cycle closed.
        changed: Changed,
    },
    /// Asks are nested as deep as they may be, and this one would be deeper.
    /// Nothing changed.
    #[error(
        "{CHAIN_LEN_MAX} asks wait for one another already, the last of them in {last}; \
         nothing changed; an agent that asks another at every step needs an end"
    )]
    ChainTooLong {
        /// Who asked, as `kind/key`.
        last: String,
    },
    /// The handler panicked: it may have run in part. Its supervisor decides what next.
    #[error("agent crashed while handling: {0}; it may have run in part")]
    Crashed(Crash),
    /// The agent was stopped. *No* change if the message was still waiting.
    #[error("agent stopped before it answered; {}", changed_text(*.changed))]
    Stopped {
        /// Whether the handler had started.
        changed: Changed,
    },
    /// The node takes no new work. Nothing changed; try another node.
    #[error("node is shutting down; nothing changed; try another node")]
    ShuttingDown,
    /// The agent's kind has no handler for a message of this name. Nothing changed.
    #[error("agents of kind {kind} do not accept the message {message}; nothing changed")]
    WrongMessage {
        /// The kind that was asked.
        kind: &'static str,
        /// What it was asked.
        message: String,
    },
    /// The bytes are not a message of that type. Nothing changed.
    #[error("message {message} could not be decoded: {reason}; nothing changed")]
    Malformed {
        /// The message's name.
        message: &'static str,
        /// What the codec said.
        reason: String,
    },
    /// Whoever decides about the agent refused it, for a reason of its own. Nothing changed.
    #[error("it was refused: {reason}; nothing changed")]
    Refused {
        /// Why, in words.
        reason: String,
    },
    /// What came as the reply is none. The handler has run: trying again runs it again.
    #[error("the reply to {message} could not be decoded: {reason}; the handler has run")]
    ReplyMalformed {
        /// The message's name.
        message: &'static str,
        /// What the codec said.
        reason: String,
    },
    /// The reply's type could not be turned into bytes. The handler has run:
    /// trying again runs it again.
    #[error("the reply to {message} could not be encoded: {reason}; the handler has run")]
    ReplyUnencodable {
        /// The message's name.
        message: &'static str,
        /// What the reply's `Serialize` said.
        reason: String,
    },
}

impl AskError {
    /// Whether the handler may have run.
    pub fn changed(&self) -> Changed {
        match self {
            AskError::Deadline { .. }
            | AskError::Crashed(_)
            | AskError::ReplyMalformed { .. }
            | AskError::ReplyUnencodable { .. } => Changed::Unknown,
            AskError::Cycle { changed, .. } | AskError::Stopped { changed } => *changed,
            _ => Changed::No,
        }
    }
}

fn changed_text(changed: Changed) -> &'static str {
    match changed {
        Changed::No => "nothing changed",
        Changed::Unknown => "the handler may have run",
    }
}

/// Agents at either end of a long cycle that its text names.
const CYCLE_SHOWN: usize = 8;

/// Everybody on a cycle of asks, as `kind/key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CyclePath(pub Vec<String>);

impl fmt::Display for CyclePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CyclePath(agents) = self;
        let left_out = agents.len().saturating_sub(2 * CYCLE_SHOWN);
        if left_out == 0 {
            return f.write_str(&agents.join(" -> "));
        }
        let (first, last) = (&agents[..CYCLE_SHOWN], &agents[agents.len() - CYCLE_SHOWN..]);
        write!(f, "{} -> ({left_out} more) -> {}", first.join(" -> "), last.join(" -> "))
    }
}

/// What a panic said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Where it happened.
    pub during: During,
    /// The panic's own words.
    pub message: Arc<str>,
}

impl Crash {
    /// A payload that is no text is leaked: what is inside is the user's, and
    /// its drop may panic in turn.
    pub(crate) fn new(during: During, payload: Box<dyn Any + Send>) -> Crash {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = text.unwrap_or("a panic without a text").into();
        if text.is_none() {
            std::mem::forget(payload);
        }
        Crash { during, message }
    }

    /// Runs the user's code; what it panicked with, if it did.
    pub(crate) fn catch<R>(during: During, f: impl FnOnce() -> R) -> Result<R, Crash> {
        raw::catch(f).map_err(|panic| Crash::new(during, panic))
    }
}

/// Drops what a user made on a thread that is not the user's: a panic ends here,
/// and the value is gone all the same.
#[inline]
pub(crate) fn drop_caught<T>(value: T) {
    if std::mem::needs_drop::<T>() {
        let _ = Crash::catch(During::Drop, || drop(value));
    }
}

/// Wakes whoever it is: a waker may be anybody's, and this thread somebody else's.
pub(crate) fn wake_caught(waker: Waker) {
    let _ = Crash::catch(During::Handler, || waker.wake());
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panic in {}: {}", self.during, self.message)
    }
}

/// Which part of an agent panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum During {
    /// `Agent::new`.
    Constructor,
    /// A handler, or the drop of its future.
    Handler,
    /// The drop of the state, or `Agent::stopping`.
    Drop,
}

impl fmt::Display for During {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            During::Constructor => "constructor",
            During::Handler => "handler",
            During::Drop => "drop",
        })
    }
}

/// Why an agent is no longer running, or its state no longer there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It was asked to stop, or stopped itself.
    Stopped,
    /// It was killed: a suspended handler was dropped where it stood.
    Killed,
    /// It crashed and its supervisor did not restart it.
    Crashed(Crash),
    /// Its supervisor stopped it because of another agent's crash.
    Supervisor,
    /// An agent it is linked to went down abnormally.
    Linked,
    /// Its state is made afresh, though it did not panic itself: it was asked
    /// to, or another agent of its supervisor crashed. The agent goes on.
    Restarted,
    /// The node shut down.
    Shutdown,
}

impl StopReason {
    /// Whether links pass this on.
    pub fn is_abnormal(&self) -> bool {
        !matches!(self, StopReason::Stopped | StopReason::Restarted | StopReason::Shutdown)
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Stopped => f.write_str("stopped"),
            StopReason::Killed => f.write_str("killed"),
            StopReason::Crashed(crash) => write!(f, "crashed: {crash}"),
            StopReason::Supervisor => f.write_str("stopped by its supervisor"),
            StopReason::Restarted => f.write_str("made afresh"),
            StopReason::Linked => f.write_str("a linked agent went down"),
            StopReason::Shutdown => f.write_str("node shut down"),
        }
    }
}

/// Why an agent was not spawned. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// An agent of this kind and key is running already.
    #[error("{name} is already running; nothing changed; use `find` to reach it")]
    AlreadyRunning {
        /// `kind/key`.
        name: String,
    },
    /// The key is empty or longer than [`KEY_BYTES_MAX`].
    #[error("a key has 1 to {KEY_BYTES_MAX} bytes, this one has {bytes}; nothing changed")]
    BadKey {
        /// The length of the key.
        bytes: usize,
    },
    /// `Agent::new` panicked.
    #[error("{0}; nothing changed")]
    Crashed(Crash),
    /// The kind was never registered with this node.
    #[error(
        "kind {kind} is not registered with this node; nothing changed; \
         register it before spawning"
    )]
    UnknownKind {
        /// What was asked for.
        kind: String,
    },
    /// The kind was registered before, or agents of it were spawned: its
    /// settings can no longer change.
    #[error(
        "kind {kind} is registered already; nothing changed; register it once, before spawning"
    )]
    KindRegistered {
        /// The kind.
        kind: &'static str,
    },
    /// The kind cannot be served: its name, or what it accepts, is wrong.
    #[error("kind {kind:?}: {reason}; nothing changed")]
    BadKind {
        /// The kind.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Two different types claim one kind name.
    #[error(
        "kind {kind} is registered already, for another type; nothing changed; \
         choose another name"
    )]
    KindTaken {
        /// The name in question.
        kind: &'static str,
    },
    /// The node has [`KINDS_MAX`] kinds.
    #[error("a node has at most {KINDS_MAX} kinds; nothing changed; serve more from another node")]
    TooManyKinds,
    /// The kind's agents live where their shard is led: they are activated there
    /// when something is sent to them, and nobody spawns them.
    #[error(
        "agents of kind {kind} are not spawned: each is activated where its shard is led when \
         something is sent to it; nothing changed; send to it by its name"
    )]
    Strict {
        /// The kind.
        kind: &'static str,
    },
    /// The kind does not take these arguments.
    #[error("{reason}; nothing changed; correct the arguments")]
    BadArgs {
        /// What the kind said.
        reason: String,
    },
    /// No supervisor of this number exists any more.
    #[error("supervisor is gone; nothing changed; make a new one")]
    NoSupervisor,
    /// The supervisor takes nobody.
    #[error("{0}; nothing changed")]
    Supervision(SupervisionError),
    /// The node takes no new work.
    #[error("node is shutting down; nothing changed; try another node")]
    ShuttingDown,
}

/// Why no room was made for agents; see [`crate::System::reserve`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// The kind could not be registered.
    #[error("no room was made for agents whose kind cannot be registered")]
    Kind(#[source] SpawnError),
    /// The system gave no more. Room that had been made by then stays; ask for less.
    #[error("the system has no memory for so many agents; part of it may be ready; ask for less")]
    Memory(#[source] std::io::Error),
}

/// Bytes in a key, at most. Keys are stored with every agent and sent with every
/// first message; what is longer belongs into a message. A guess with room to spare.
pub const KEY_BYTES_MAX: usize = 1_024;

/// Bytes in the name of a kind, at most. A guess with room to spare.
pub const KIND_BYTES_MAX: usize = 128;

/// Kinds on one node, at most: they are types, so nobody has many. A guess.
pub const KINDS_MAX: usize = 1_024;
