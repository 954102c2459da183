//! Residence: where the agents of a kind live, and what is kept of them.
//!
//! A local agent lives on the node that spawned it and dies with it. A strict
//! one lives where the shard of its id is led: nobody spawns it, it is activated
//! there when a message comes for it, and each of its steps leaves through the
//! node's [`crate::Host`], which makes it an entry of the shard's log.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Agent, Wire, codec};

/// How long a strict agent stays in memory without a message, unless
/// [`Residence::idle_after`] says otherwise. A guess: longer than a person
/// thinks, shorter than a working day.
pub const IDLE_AFTER: Duration = Duration::from_secs(600);

/// Bytes the kept state of one agent may take. A step is one entry of a log and
/// goes in one frame between nodes, which holds four times as much.
pub const STATE_BYTES_MAX: usize = 1 << 20;

/// Events kept since the whole state was, at most; the next step that has some
/// brings the whole state instead. A guess: replaying so many takes a
/// millisecond or so.
pub const JOURNAL_LEN_MAX: usize = 1_024;

/// The same in bytes: as much as a whole state may take.
pub const JOURNAL_BYTES_MAX: usize = STATE_BYTES_MAX;

/// Where the agents of a kind live and what is kept of them; see [`Agent::residence`].
///
/// ```
/// # extern crate nexus_agent as nexus;
/// use nexus::{Agent, Residence};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Cart {
///     items: Vec<String>,
/// }
///
/// impl Agent for Cart {
///     const KIND: &'static str = "cart";
///     fn new(_key: &str) -> Cart {
///         Cart { items: Vec::new() }
///     }
///     fn residence() -> Residence<Cart> {
///         Residence::snapshot()
///     }
/// }
/// ```
pub struct Residence<A> {
    facts: ResidenceFacts,
    codec: Option<StateCodec<A>>,
    upgrade: Option<Upgrade<A>>,
}

/// Makes a state from the bytes of an older version.
type Upgrade<A> = fn(from: u16, bytes: &[u8]) -> Result<A, String>;

/// Applies an event, given as bytes.
type Apply<A> = fn(&mut A, &[u8]) -> Result<(), String>;

/// A state as it is kept, or what its `Serialize` said; nothing if none is kept.
pub(crate) type Written = Option<Result<Vec<u8>, String>>;

/// How a state and its events become bytes and come back.
struct StateCodec<A> {
    write: fn(&A) -> Result<Vec<u8>, String>,
    read: fn(&[u8]) -> Result<A, String>,
    /// Only in journaled kinds.
    apply: Option<Apply<A>>,
}

/// What is known of a kind's residence once its type is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResidenceFacts {
    /// Whether its agents live where their shard is led.
    pub strict: bool,
    /// What is kept of them.
    pub keeps: Keeps,
    /// The version of what is kept.
    pub version: u16,
    /// After how long without a message a strict agent may leave memory.
    pub idle_after: Duration,
}

/// What is kept of an agent beyond its life in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeps {
    /// Nothing: it starts anew in each term.
    Nothing,
    /// The whole state, after each step that changed it.
    Snapshot,
    /// Its events, and the whole state now and then.
    Journal,
}

/// An agent whose changes are events: they are kept instead of its state.
///
/// A handler changes the state through [`crate::Context::record`] alone: what it
/// changes besides is lost when the agent leaves memory.
///
/// ```
/// # extern crate nexus_agent as nexus;
/// use nexus::{Agent, Context, Handler, Journaled, Message, Residence, Wire};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Account {
///     balance: u64,
/// }
///
/// #[derive(Wire)]
/// struct Deposited(u64);
///
/// impl Agent for Account {
///     const KIND: &'static str = "account";
///     fn new(_key: &str) -> Account {
///         Account { balance: 0 }
///     }
///     fn residence() -> Residence<Account> {
///         Residence::journal()
///     }
/// }
///
/// impl Journaled for Account {
///     type Event = Deposited;
///     fn apply(&mut self, Deposited(amount): Deposited) {
///         self.balance += amount;
///     }
/// }
///
/// #[derive(Message)]
/// #[message(reply = u64)]
/// struct Deposit(u64);
///
/// impl Handler<Deposit> for Account {
///     async fn handle(&mut self, Deposit(amount): Deposit, cx: &mut Context<Account>) -> u64 {
///         cx.record(self, Deposited(amount));
///         self.balance
///     }
/// }
/// ```
pub trait Journaled: Agent + Serialize + DeserializeOwned {
    /// What can happen to the state. Events are read again years later: a new
    /// version of the program must still read the old ones.
    type Event: Wire;

    /// Changes the state as the event says, and does nothing else: it runs once
    /// when it happens and again each time the agent is activated.
    fn apply(&mut self, event: Self::Event);
}

impl<A: Agent> Residence<A> {
    /// On the node that spawned it, as long as that runs. What a kind is that
    /// does not say otherwise.
    pub fn local() -> Residence<A> {
        Residence::of(false, Keeps::Nothing, None)
    }

    /// Where the shard of its id is led, with a state that is only in memory and
    /// empty in each term.
    pub fn strict() -> Residence<A> {
        Residence::of(true, Keeps::Nothing, None)
    }

    /// How long a strict agent stays in memory without a message. An alarm it has
    /// set with [`crate::Context::after`] does not keep it there and goes with
    /// it: [`crate::Context::remind`] is for what must come.
    pub fn idle_after(mut self, time: Duration) -> Residence<A> {
        self.facts.idle_after = time;
        self
    }

    fn of(strict: bool, keeps: Keeps, codec: Option<StateCodec<A>>) -> Residence<A> {
        let facts = ResidenceFacts { strict, keeps, version: 1, idle_after: IDLE_AFTER };
        Residence { facts, codec, upgrade: None }
    }

    pub(crate) fn facts(&self) -> ResidenceFacts {
        self.facts
    }

    /// The state as it is kept; `None` if none is.
    pub(crate) fn write(&self, state: &A) -> Written {
        let codec = self.codec.as_ref()?;
        let written = (codec.write)(state);
        Some(written.and_then(|bytes| match bytes.len() {
            0..=STATE_BYTES_MAX => Ok(bytes),
            len => Err(format!("it has {len} bytes, at most {STATE_BYTES_MAX} are kept")),
        }))
    }

    /// The state that these bytes and the events after them stand for; `make` it
    /// where there are no bytes. Unwinds if `make`, or the state's own code, does.
    ///
    /// # Errors
    /// What is wrong with them. A version above the kind's own is the caller's to refuse.
    pub(crate) fn read(
        &self,
        version: u16,
        whole: Option<&[u8]>,
        events: &[Vec<u8>],
        make: impl FnOnce() -> A,
    ) -> Result<A, String> {
        let Some(codec) = &self.codec else {
            return Err("agents of this kind keep no state any more".to_owned());
        };
        let mut state = match (whole, self.upgrade) {
            (None, _) => make(),
            (Some(bytes), _) if version == self.facts.version => (codec.read)(bytes)?,
            (Some(bytes), Some(upgrade)) => upgrade(version, bytes)?,
            (Some(_), None) => return Err("the kind upgrades from no version".to_owned()),
        };
        if events.is_empty() {
            return Ok(state);
        }
        let apply = codec.apply.ok_or("agents of this kind keep no events any more")?;
        for (number, event) in events.iter().enumerate() {
            apply(&mut state, event).map_err(|reason| format!("event {number}: {reason}"))?;
        }
        Ok(state)
    }
}

impl<A: Agent + Serialize + DeserializeOwned> Residence<A> {
    /// Where the shard of its id is led. The whole state is kept after each step
    /// that changed its bytes: its maps and sets are `BTreeMap` and `BTreeSet`,
    /// whose bytes come in one order.
    pub fn snapshot() -> Residence<A> {
        Residence::of(true, Keeps::Snapshot, Some(StateCodec::plain()))
    }

    /// The version of what is kept; 1 unless said. Raised when its bytes change
    /// their meaning.
    pub fn version(mut self, version: u16) -> Residence<A> {
        self.facts.version = version;
        self
    }

    /// How a state is made from the bytes of an older version. Without it older
    /// states are refused.
    pub fn upgrade(mut self, upgrade: fn(u16, &[u8]) -> Result<A, String>) -> Residence<A> {
        self.upgrade = Some(upgrade);
        self
    }
}

impl<A: Journaled> Residence<A> {
    /// Where the shard of its id is led. The events of each step are kept, and
    /// after some, [`JOURNAL_LEN_MAX`] at most, the whole state instead.
    pub fn journal() -> Residence<A> {
        let apply = |state: &mut A, event: &[u8]| {
            state.apply(codec::read(event)?);
            Ok(())
        };
        let codec = StateCodec { apply: Some(apply), ..StateCodec::plain() };
        Residence::of(true, Keeps::Journal, Some(codec))
    }
}

impl<A: Agent + Serialize + DeserializeOwned> StateCodec<A> {
    fn plain() -> StateCodec<A> {
        StateCodec { write: codec::try_write::<A>, read: codec::read::<A>, apply: None }
    }
}
