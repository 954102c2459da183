//! The agent runtime: agents, mailboxes, asks, supervision, without threads
//! and without a clock.
//!
//! Separate because the same code runs twice: under the threads of `nexus`
//! and under the virtual time of `nexus-sim`. What differs between the two is
//! a [`Driver`]. Read [`Agent`] and [`Handler`] first, then [`System`]; what
//! happens to a message is in `post`, `run` and `ask`; everything unsafe is in
//! `raw`.
#![deny(unsafe_code)]

// The derives speak of `nexus`, the crate users import.
extern crate self as nexus;

mod accepts;
mod activation;
mod agent;
mod ask;
mod asking;
mod beside;
mod breaker;
mod by_name;
mod call;
mod campaign;
mod chain;
mod codec;
mod context;
mod counters;
mod dead;
mod delivery;
mod driver;
mod error;
mod error_code;
mod event;
mod fence;
mod gate;
mod handle;
mod hook;
mod host;
mod inspect;
mod kind;
mod letters;
mod listing;
mod lock;
mod mapped;
mod message;
mod post;
#[allow(unsafe_code)]
mod raw;
mod registry;
mod residence;
mod room;
mod run;
mod schema;
mod slot;
mod strict;
mod supervision;
mod sync;
mod system;
mod task;
mod tell;
mod timers;
mod waits;
mod watch;
mod worker;

pub use accepts::{Accepts, AnyMessage, AnyReply, BadArgs, MessageFacts};
pub use activation::{ActivateError, Activation, KeptState};
pub use agent::{Agent, Execution, Handler, MailboxSpec, OnCancel, Overflow};
pub use ask::Ask;
pub use beside::Beside;
pub use breaker::{
    Breaker, BreakerConfig, BreakerCounts, BreakerOpen, BreakerState, Outcome, Permit,
};
pub use by_name::Doing;
pub use call::Calling;
pub use campaign::{Campaign, Turn};
pub use codec::{MESSAGE_BYTES_MAX, decode, encode};
pub use context::{Cancelled, Context, Sleep, Timer};
pub use counters::Counts;
pub use dead::{DEAD_LETTERS_MAX, DeadLetter};
pub use delivery::Deliver;
pub use driver::{Alarm, AlarmKey, Driver, HandlerStart};
pub use error::{
    AskError, Changed, Crash, CyclePath, During, KEY_BYTES_MAX, KIND_BYTES_MAX, KINDS_MAX,
    ReserveError, SpawnError, StopReason, TellError,
};
pub use error_code::ErrorCode;
pub use event::Event;
pub use fence::{Fence, NewestFence, StaleFence};
pub use gate::{Gate, Outbox, StepOutput};
pub use handle::{Handle, Recipient};
pub use hook::{Delivery, DeliveryHook};
pub use host::{Call, CallAnswer, Host, Letter, ReminderChange, StateChange};
use kind::Kind;
pub use kind::KindSpec;
pub use letters::REMINDER_NAME_BYTES_MAX;
pub use listing::{Listing, Metadata};
pub use lock::{
    Claim, LOCK_WITHIN, Lock, LockAnswer, LockAsk, LockError, LockReply, LockVerb, Locking, Tenure,
};
pub use mapped::{
    MAPPED_BYTES_MAX, MAPPED_STORES_MAX, Mapped, MappedError, MappedFolder, MappedUse,
};
pub use message::{Message, Wire, WireId};
pub use nexus_derive::{Message, Wire};
pub use raw::{Ready, fill_message_pool, keep_message_pool, panics_are_caught};
pub use residence::{
    IDLE_AFTER, JOURNAL_BYTES_MAX, JOURNAL_LEN_MAX, Journaled, Keeps, Residence, ResidenceFacts,
    STATE_BYTES_MAX,
};
pub use schema::Schema;
pub use strict::{STEP_BYTES_MAX, STEP_LEN_MAX};
pub use supervision::{Intensity, Strategy, SupervisionError, SupervisorId, SupervisorSpec};
pub use system::{Closed, System};
pub use task::Task;
pub use tell::Tell;
pub use timers::{TIMERS_MAX, TimerKey, TimerWheel};
pub use watch::{Down, ON_DOWN_MAX};
pub use worker::{InPlace, MESSAGES_PER_RUN, RUN_TIME_MAX, SENDS_PER_RUN, Worker, WorkerSpec};

#[doc(hidden)]
pub mod __private {
    pub use serde;
}
