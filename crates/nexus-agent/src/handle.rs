//! Reaching an agent.

use std::fmt;

use nexus_base::{AgentId, Level};

use crate::ask::Ask;
use crate::raw::{Calls, CallsOf, CellRef, Control, Route, TypedCell};
use crate::tell::{self, Tell};
use crate::watch::Down;
use crate::{Agent, Handler, Message, TellError};

/// A way to reach one agent by its type.
///
/// Keeps nothing alive: when the agent stops, messages come back with
/// [`TellError::NotRunning`]; when an agent of the same kind and key is
/// spawned again, the handle reaches that one.
pub struct Handle<A> {
    typed: TypedCell<A>,
}

impl<A> Clone for Handle<A> {
    fn clone(&self) -> Handle<A> {
        Handle { typed: self.typed.clone() }
    }
}

impl<A: Agent> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}/{})", A::KIND, self.key())
    }
}

impl<A: Agent> Handle<A> {
    pub(crate) fn new(typed: TypedCell<A>) -> Handle<A> {
        Handle { typed }
    }

    /// Sends without an answer. Nothing happens until it is awaited; it waits
    /// only where the mailbox is full and its policy is to wait, and then for
    /// the kind's [`Agent::DEADLINE`] at most, or what [`Tell::within`] says.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Agent, AskError, Context, Handle, Handler, Message};
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// # #[derive(Message)]
    /// # #[message(reply = u64)]
    /// # struct Add(u64);
    /// # impl Handler<Add> for Cart {
    /// #     async fn handle(&mut self, add: Add, _cx: &mut Context<Cart>) -> u64 { add.0 }
    /// # }
    /// # async fn example(cart: Handle<Cart>) -> Result<(), Box<dyn std::error::Error>> {
    /// match cart.tell(Add(2)).await {
    ///     Ok(()) => println!("taken, to be handled in its turn"),
    ///     Err(error) => {
    ///         println!("{error}");
    ///         let Add(amount) = error.into_message();
    ///         println!("{amount} is still ours");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn tell<M: Message>(&self, message: M) -> Tell<'_, M>
    where
        A: Handler<M>,
    {
        Tell::new(self.typed.route(), message)
    }

    /// Sends without an answer and without ever waiting.
    ///
    /// # Errors
    /// [`TellError`] with the message; also where a full mailbox would have the sender wait.
    #[inline]
    pub fn try_tell<M: Message>(&self, message: M) -> Result<(), TellError<M>>
    where
        A: Handler<M>,
    {
        tell::try_tell(self.typed.route(), message)
    }

    /// Sends and awaits the answer. Nothing happens until it is awaited.
    ///
    /// Where the agent is idle its handler may start right here, on the asker's
    /// stack. Until it first waits for something it then also sees what
    /// belongs to the asker's thread of execution: an entered `tracing` span,
    /// and task-locals such as tokio's. Where that matters, [`Ask::queued`]
    /// leaves them behind.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Agent, AskError, Context, Handle, Handler, Message};
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// # #[derive(Message)]
    /// # #[message(reply = u64)]
    /// # struct Add(u64);
    /// # impl Handler<Add> for Cart {
    /// #     async fn handle(&mut self, add: Add, _cx: &mut Context<Cart>) -> u64 { add.0 }
    /// # }
    /// # async fn example(cart: Handle<Cart>) -> Result<(), Box<dyn std::error::Error>> {
    /// let total: u64 = cart.ask(Add(2)).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn ask<M: Message>(&self, message: M) -> Ask<'_, M>
    where
        A: Handler<M>,
    {
        Ask::new(self.typed.route(), message)
    }

    /// The same agent for those who need not know its type, only that it takes an `M`.
    pub fn recipient<M: Message>(&self) -> Recipient<M>
    where
        A: Handler<M>,
    {
        Recipient { cell: self.cell().clone(), calls: &CallsOf::<A, M>::TABLE }
    }

    /// Its identity.
    pub fn id(&self) -> AgentId {
        self.cell().id()
    }

    /// The second half of `cart/42`.
    pub fn key(&self) -> &str {
        self.cell().key()
    }

    /// Whether an agent of this kind and key runs here.
    pub fn is_running(&self) -> bool {
        let cell = self.cell();
        !cell.is_closed() || cell.kind().system().refind(cell).is_some()
    }

    /// How often it has been restarted.
    pub fn epoch(&self) -> u32 {
        self.current().epoch()
    }

    /// Messages that wait in its mailbox.
    pub fn mailbox_len(&self) -> u32 {
        self.current().mailbox_len()
    }

    /// The level it is set to.
    pub fn level(&self) -> Level {
        self.current().level()
    }

    /// Sets its level, until it ends. What serves is the highest level that is
    /// enabled and not above this one.
    pub fn set_level(&self, level: Level) {
        self.current().set_level(level);
    }

    /// Stops it when the message it is handling is done. What still waits becomes dead letters.
    pub fn stop(&self) {
        self.current().post_control(Control::Stop);
    }

    /// Stops it at once: a handler that is suspended is dropped where it stands,
    /// one that is running ends at its next `await`.
    pub fn kill(&self) {
        self.current().post_control(Control::Kill);
    }

    /// Makes its state afresh when the message it is handling is done.
    pub fn restart(&self) {
        self.current().post_control(Control::Restart);
    }

    /// Calls `notify` once when it has gone down. False, and `notify` is dropped,
    /// if [`crate::ON_DOWN_MAX`] others wait for that already.
    ///
    /// It runs on the thread that ends the agent: a worker, a thread of a kind
    /// that blocks, or one that shuts the node down; and before this returns, on
    /// this one, if the agent has gone down already. So it must not block;
    /// [`Context::monitor`](crate::Context::monitor) has an agent told instead.
    /// A panic in it is caught and changes nothing.
    pub fn on_down(&self, notify: impl FnOnce(Down) + Send + 'static) -> bool {
        let cell = self.current();
        cell.kind().system().monitor_outside(&cell, Box::new(notify))
    }

    pub(crate) fn cell(&self) -> &CellRef {
        self.typed.cell()
    }

    /// The cell of the agent that has the name now; the last known if none has.
    pub(crate) fn current(&self) -> CellRef {
        let cell = self.cell();
        let refound = if cell.is_closed() { cell.kind().system().refind(cell) } else { None };
        refound.unwrap_or_else(|| cell.clone())
    }
}

/// A way to reach an agent that takes an `M`, whatever its type.
pub struct Recipient<M: Message> {
    cell: CellRef,
    calls: &'static Calls<M>,
}

impl<M: Message> Clone for Recipient<M> {
    fn clone(&self) -> Recipient<M> {
        Recipient { cell: self.cell.clone(), calls: self.calls }
    }
}

impl<M: Message> fmt::Debug for Recipient<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.cell.name())
    }
}

impl<M: Message> Recipient<M> {
    #[inline]
    fn route(&self) -> Route<'_, M> {
        Route::new(&self.cell, self.calls).expect("made by a handle of the right type")
    }

    /// As [`Handle::tell`].
    #[inline]
    pub fn tell(&self, message: M) -> Tell<'_, M> {
        Tell::new(self.route(), message)
    }

    /// As [`Handle::try_tell`].
    ///
    /// # Errors
    /// As [`Handle::try_tell`].
    #[inline]
    pub fn try_tell(&self, message: M) -> Result<(), TellError<M>> {
        tell::try_tell(self.route(), message)
    }

    /// As [`Handle::ask`].
    #[inline]
    pub fn ask(&self, message: M) -> Ask<'_, M> {
        Ask::new(self.route(), message)
    }

    /// As [`Handle::id`].
    pub fn id(&self) -> AgentId {
        self.cell.id()
    }

    /// `kind/key`.
    pub fn name(&self) -> String {
        self.cell.name()
    }
}
