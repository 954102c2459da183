//! What a user writes: an agent and its handlers.

use std::future::Future;
use std::time::Duration;

use crate::{Context, Message, Residence, StopReason};

/// A small stateful program: a state, made from a key, and handlers for messages.
///
/// ```
/// # extern crate nexus_agent as nexus;
/// use nexus::{Agent, Context, Handler, Message};
///
/// struct Counter(u64);
///
/// impl Agent for Counter {
///     const KIND: &'static str = "counter";
///     fn new(_key: &str) -> Self {
///         Counter(0)
///     }
/// }
///
/// #[derive(Message)]
/// #[message(reply = u64)]
/// struct Add(u64);
///
/// impl Handler<Add> for Counter {
///     async fn handle(&mut self, add: Add, _cx: &mut Context<Self>) -> u64 {
///         self.0 += add.0;
///         self.0
///     }
/// }
/// ```
pub trait Agent: Sized + Send + 'static {
    /// The name of the kind, the first half of `cart/42`. Never changes.
    const KIND: &'static str;

    /// How many messages may wait, and what happens to one more.
    const MAILBOX: MailboxSpec = MailboxSpec::DEFAULT;

    /// Where handlers run.
    const EXECUTION: Execution = Execution::Worker;

    /// What happens to a running handler when nobody waits for its answer any more.
    const ON_CANCEL: OnCancel = OnCancel::Finish;

    /// How long an ask waits for its answer, and a tell for room under
    /// [`Overflow::Wait`], unless they say otherwise.
    const DEADLINE: Duration = Duration::from_secs(30);

    /// The state an agent of this key starts with, and starts again with after a crash.
    fn new(key: &str) -> Self;

    /// The state an agent starts with when it is made with arguments, as over
    /// HTTP. A kind that does not say otherwise takes none.
    ///
    /// Called again with the same arguments after a crash.
    ///
    /// # Errors
    /// What is wrong with the arguments, for whoever sent them.
    fn with_args(_key: &str, _args: &serde_json::Value) -> Result<Self, String> {
        Err(format!("agents of kind {} take no arguments", Self::KIND))
    }

    /// A few words on the state, as JSON, for people who look at the agent. What
    /// it says may be shown to anybody who may list agents: no secrets.
    fn summary(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Where its agents live and what is kept of them: on the node that spawned
    /// them and nothing, unless the kind says otherwise.
    fn residence() -> Residence<Self> {
        Residence::local()
    }

    /// Called once before the state is dropped, except after a panic or a kill;
    /// with [`StopReason::Restarted`] if a new state takes its place.
    fn stopping(&mut self, _reason: &StopReason) {}

    /// Names the messages that may arrive by name, from outside Rust or from another node.
    fn accepts(_kind: &mut crate::Accepts<Self>) {}
}

/// How an agent handles one type of message.
#[diagnostic::on_unimplemented(
    message = "agent `{Self}` has no handler for message `{M}`",
    label = "`{M}` cannot be sent to `{Self}`",
    note = "write `impl Handler<{M}> for {Self} {{ async fn handle(&mut self, message: {M}, cx: &mut Context<Self>) -> … }}`"
)]
pub trait Handler<M: Message>: Agent {
    /// Handles one message to its end before the next one starts.
    fn handle(
        &mut self,
        message: M,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = M::Reply> + Send;
}

/// The size of a mailbox and its overflow policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MailboxSpec {
    /// Messages that may wait at once. 0 is taken as 1, and anything above 2³⁰ as
    /// 2³⁰, when the kind is registered; [`MailboxSpec::len_max`] refuses 0.
    pub len_max: u32,
    /// What happens to one more.
    pub overflow: Overflow,
}

impl MailboxSpec {
    /// 1,024 messages; one more is refused and comes back.
    pub const DEFAULT: MailboxSpec = MailboxSpec { len_max: 1_024, overflow: Overflow::Refuse };

    /// The default size with another policy.
    pub const fn overflow(overflow: Overflow) -> MailboxSpec {
        MailboxSpec { overflow, ..MailboxSpec::DEFAULT }
    }

    /// This policy with another size.
    ///
    /// # Panics
    /// If `len_max` is zero.
    pub const fn len_max(self, len_max: u32) -> MailboxSpec {
        assert!(len_max > 0, "a mailbox holds at least one message");
        MailboxSpec { len_max, ..self }
    }
}

/// What a full mailbox does with one more message. Everything is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    /// The sender gets it back.
    Refuse,
    /// The sender waits until there is room, or its deadline passes.
    Wait,
    /// The message that has waited longest is dropped.
    DropOldest,
    /// The new message is dropped.
    DropNewest,
    /// The message of lowest [`Message::priority`] is dropped, the oldest among equals.
    ShedLowest,
}

/// Where the handlers of a kind run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Execution {
    /// On a worker, shared with everybody else: handlers must not block.
    Worker,
    /// On threads of their own, where a handler may block. Never in place.
    Blocking,
}

/// What becomes of a handler whose asker gave up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnCancel {
    /// It runs to its end; it may look at [`Context::is_cancelled`].
    Finish,
    /// It is dropped at its next `await`. The state stays as the handler left it.
    Drop,
}
