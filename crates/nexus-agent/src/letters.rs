//! What a handler sends by name, has itself reminded of, and records.
//!
//! In a strict agent these are part of the step: they leave when it is in the
//! log, and not at all if it never is.

use std::time::Duration;

use crate::error::{KEY_BYTES_MAX, KIND_BYTES_MAX};
use crate::gate::Emitted;
use crate::raw::outside;
use crate::strict::STEP_LEN_MAX;
use crate::{
    Agent, Context, Handler, Journaled, Keeps, Letter, MESSAGE_BYTES_MAX, Message, ReminderChange,
    codec,
};

/// Bytes in the name of a reminder, at most. A guess with room to spare.
pub const REMINDER_NAME_BYTES_MAX: usize = KIND_BYTES_MAX;

impl<A: Agent> Context<A> {
    /// Sends `message` to the agent of kind `B` called `key`, wherever it lives,
    /// without an answer. `B` names the message in [`Agent::accepts`].
    ///
    /// What a strict agent sends leaves with its step, and comes to a strict
    /// agent once, whatever crashes in between. What a local agent sends goes at
    /// once, and is lost where it cannot be delivered; without a host to carry
    /// it, as on a node that is in no cluster, it is a dead letter.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Accepts, Agent, Context, Handler, Message};
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// struct Stock;
    ///
    /// impl Agent for Stock {
    ///     const KIND: &'static str = "stock";
    ///     fn new(_key: &str) -> Stock {
    ///         Stock
    ///     }
    ///     fn accepts(kind: &mut Accepts<Stock>) {
    ///         kind.message::<Take>();
    ///     }
    /// }
    ///
    /// #[derive(Message)]
    /// struct Take(u32);
    ///
    /// impl Handler<Take> for Stock {
    ///     async fn handle(&mut self, _: Take, _cx: &mut Context<Stock>) {}
    /// }
    ///
    /// #[derive(Message)]
    /// struct Buy;
    ///
    /// impl Handler<Buy> for Cart {
    ///     async fn handle(&mut self, _: Buy, cx: &mut Context<Cart>) {
    ///         cx.send::<Stock, _>("apples", Take(2));
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// If the key is no key, the message cannot be encoded, or the step has sent
    /// [`STEP_LEN_MAX`] already: the agent crashes.
    pub fn send<B: Handler<M>, M: Message>(&self, key: &str, message: M) {
        let letter = letter::<B, M>(key, &message);
        let cell = self.step().cell();
        if cell.kind().strict().is_some() {
            return self.emit(|emitted| {
                emitted.letters.push(letter);
                emitted.letters.len()
            });
        }
        let system = cell.kind().system().clone();
        let to = format!("{}/{key}", B::KIND);
        let go = move || match system.host() {
            Some(host) => outside(|| host.letter(letter)),
            None => system.bury_letter(to, M::NAME),
        };
        if cell.kind().is_gated() {
            self.step().with_emitted(|emitted| emitted.outbox.push(go));
        } else {
            go();
        }
    }

    /// Has `message` delivered to the agent itself after `after`, under a name:
    /// another of that name takes its place. It outlives crashes, moves and the
    /// node. The kind names the message in [`Agent::accepts`].
    ///
    /// # Panics
    /// If nothing is kept of agents of this kind, the kind does not name the
    /// message, the reminder's name is empty or longer than
    /// [`REMINDER_NAME_BYTES_MAX`], the message cannot be encoded, or the step
    /// has changed [`STEP_LEN_MAX`] reminders already: the agent crashes.
    pub fn remind<M: Message>(&self, name: &str, after: Duration, message: M)
    where
        A: Handler<M>,
    {
        self.check_reminder(name);
        assert!(
            self.step().cell().kind().by_name().takes(M::NAME),
            "kind {} does not take {} by name, so nobody can be reminded with it: \
             name it in `accepts`",
            A::KIND,
            M::NAME
        );
        let letter = letter::<A, M>(self.key(), &message);
        self.change_reminder(ReminderChange::Set { name: name.to_owned(), after, letter });
    }

    /// Takes a reminder back, if there is one of that name.
    ///
    /// # Panics
    /// As [`Self::remind`].
    pub fn forget(&self, name: &str) {
        self.check_reminder(name);
        self.change_reminder(ReminderChange::Forget { name: name.to_owned() });
    }

    /// The term in which the agent's shard is led, by the activation it was made
    /// in; 0 for local agents. What is only in memory is empty in each term.
    pub fn term(&self) -> u64 {
        let cell = self.step().cell();
        cell.kind().strict().map_or(0, |strict| strict.term(cell))
    }

    fn check_reminder(&self, name: &str) {
        let keeps = self.step().cell().kind().residence_facts().keeps;
        assert!(
            keeps != Keeps::Nothing,
            "nothing is kept of agents of kind {}, so neither are reminders: use `after`, or \
             give the kind another residence",
            A::KIND
        );
        assert!(
            (1..=REMINDER_NAME_BYTES_MAX).contains(&name.len()),
            "a reminder's name has 1 to {REMINDER_NAME_BYTES_MAX} bytes, this one has {}",
            name.len()
        );
    }

    fn change_reminder(&self, change: ReminderChange) {
        self.emit(|emitted| {
            emitted.reminders.push(change);
            emitted.reminders.len()
        });
    }

    /// Adds to the step; `add` says how much of its sort there is then.
    fn emit(&self, add: impl FnOnce(&mut Emitted) -> usize) {
        let len = self.step().with_emitted(add);
        assert!(len <= STEP_LEN_MAX, "a step sends and records {STEP_LEN_MAX} of a sort at most");
    }
}

impl<A: Journaled> Context<A> {
    /// Applies an event to the state and has it kept with the step. Where the
    /// kind's residence is not [`crate::Residence::journal`] it is only applied.
    ///
    /// # Panics
    /// If the event cannot be encoded, or the step has recorded [`STEP_LEN_MAX`]
    /// already: the agent crashes.
    pub fn record(&self, state: &mut A, event: A::Event) {
        if self.step().cell().kind().residence_facts().keeps == Keeps::Journal {
            let bytes = codec::try_encode(&event)
                .unwrap_or_else(|reason| panic!("the event cannot be encoded: {reason}"));
            self.emit(|emitted| {
                emitted.events.push(bytes);
                emitted.events.len()
            });
        }
        state.apply(event);
    }
}

/// A letter to the agent of kind `B` called `key`.
pub(crate) fn letter<B: Handler<M>, M: Message>(key: &str, message: &M) -> Letter {
    assert!(
        (1..=KEY_BYTES_MAX).contains(&key.len()),
        "a key has 1 to {KEY_BYTES_MAX} bytes, this one has {}",
        key.len()
    );
    let bytes = codec::try_encode(message)
        .unwrap_or_else(|reason| panic!("message {} cannot be encoded: {reason}", M::NAME));
    assert!(
        bytes.len() <= MESSAGE_BYTES_MAX,
        "message {} has {} bytes, at most {MESSAGE_BYTES_MAX} are sent",
        M::NAME,
        bytes.len()
    );
    let (kind, key, message) = (B::KIND.to_owned(), key.to_owned(), M::NAME.to_owned());
    Letter { kind, key, message, bytes }
}
