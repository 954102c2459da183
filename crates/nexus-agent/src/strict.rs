//! What a strict kind knows of its active agents, and how the output of a step
//! goes to the host.
//!
//! Kept beside the cells, so that agents of local kinds do not carry it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::gate::{Emitted, Replied};
use crate::raw::CellRef;
use crate::residence::{JOURNAL_BYTES_MAX, JOURNAL_LEN_MAX, ResidenceFacts, Written};
use crate::watch::{Life, life};
use crate::{AskError, Crash, During, Keeps, KeptState, StateChange, StepOutput, StopReason};

/// Bytes that one step puts into the log, at most: one that would put in more
/// crashes its agent instead. Half of what one frame between nodes holds.
pub const STEP_BYTES_MAX: usize = 2 << 20;

/// Letters, reminders and events of one step, at most: one more crashes the
/// agent. A guess: handlers that send thousands want a message for each.
pub const STEP_LEN_MAX: usize = 1_024;

/// The active agents of a strict kind. As many as run: each goes with its cell.
#[derive(Default)]
pub(crate) struct Strict {
    active: Mutex<BTreeMap<Life, Active>>,
}

/// One activation.
pub(crate) struct Active {
    number: u64,
    term: u64,
    /// The state as it is kept, in kinds that keep it whole.
    whole: Vec<u8>,
    /// Events kept since the whole state was.
    events: usize,
    event_bytes: usize,
    /// What is kept is of an older version: events of this one cannot follow it.
    outdated: bool,
}

impl Active {
    pub(crate) fn new(number: u64, term: u64) -> Active {
        Active { number, term, whole: Vec::new(), events: 0, event_bytes: 0, outdated: false }
    }

    /// Notes what is kept as the agent is activated.
    pub(crate) fn follows(&mut self, kept: &KeptState<'_>, facts: ResidenceFacts) {
        self.events = kept.events.len();
        self.event_bytes = kept.events.iter().map(Vec::len).sum();
        self.outdated = kept.version != facts.version;
    }

    /// Notes the whole state as it is kept.
    pub(crate) fn set_whole(&mut self, bytes: Vec<u8>) {
        self.whole = bytes;
    }

    /// Whether events can follow what is kept, or the whole state must.
    fn takes(&self, events: &[Vec<u8>]) -> bool {
        !self.outdated
            && self.events + events.len() <= JOURNAL_LEN_MAX
            && self.event_bytes + events.iter().map(Vec::len).sum::<usize>() <= JOURNAL_BYTES_MAX
    }
}

/// The state of the agent whose step ends, as it is kept, encoded when asked for.
type Encode<'a> = &'a dyn Fn() -> Written;

impl Strict {
    pub(crate) fn enter(&self, cell: &CellRef, active: Active) {
        self.lock().insert(life(cell), active);
    }

    /// The term of the agent's activation.
    pub(crate) fn term(&self, cell: &CellRef) -> u64 {
        self.lock().get(&life(cell)).map_or(0, |active| active.term)
    }

    /// Forgets an agent whose cell has closed, and tells the host.
    pub(crate) fn end(&self, cell: &CellRef, reason: &StopReason) {
        let ended = self.lock().remove(&life(cell));
        let host = cell.kind().system().host();
        if let (Some(active), Some(host)) = (ended, host) {
            let (id, number) = (cell.id(), active.number);
            let _ = Crash::catch(During::Handler, || host.ended(id, number, reason.clone()));
        }
    }

    /// Hands the output of a step that has ended to the host. If the state or
    /// the step cannot be kept nothing leaves, and the agent crashes.
    pub(crate) fn pass(
        &self,
        cell: &CellRef,
        mut emitted: Box<Emitted>,
        encode: Encode<'_>,
    ) -> Result<(), Crash> {
        let facts = cell.kind().residence_facts();
        let events = std::mem::take(&mut emitted.events);
        let change = self.change(cell, facts, events, encode);
        let (activation, state) = match change.and_then(|it| bounded(it, &emitted)) {
            Ok(change) => change,
            Err(reason) => {
                let crash = Crash::new(During::Handler, Box::new(reason));
                emitted.discard(AskError::Crashed(crash.clone()));
                return Err(crash);
            }
        };
        // Gone with the system: nothing leaves any more.
        let Some(host) = cell.kind().system().host() else { return Ok(()) };
        let Emitted { outbox, letters, reminders, reply, events: _ } = *emitted;
        let replied = reply.map(|Replied { receipt, reply }| (receipt.into_number(), reply));
        let (delivery, reply) = replied.unzip();
        let output = StepOutput {
            activation,
            delivery,
            reply,
            state,
            letters,
            reminders,
            outbox,
            ..StepOutput::of(cell)
        };
        Crash::catch(During::Handler, || host.stepped(output))
    }

    /// What the step changed in what is kept, and under which activation.
    fn change(
        &self,
        cell: &CellRef,
        facts: ResidenceFacts,
        events: Vec<Vec<u8>>,
        encode: Encode<'_>,
    ) -> Result<(u64, StateChange), String> {
        let version = facts.version;
        let whole = || {
            let written = encode().expect("what keeps a state writes it");
            written.map_err(|reason| format!("the state cannot be kept: {reason}"))
        };
        // The user's code, so not under the lock. Only the owner of the cell, who
        // is here, changes what is known of it.
        let bytes = match facts.keeps {
            Keeps::Nothing => None,
            Keeps::Snapshot => Some(whole()?),
            Keeps::Journal if events.is_empty() => None,
            Keeps::Journal => {
                let takes = self.lock().get(&life(cell)).is_some_and(|it| it.takes(&events));
                if takes { None } else { Some(whole()?) }
            }
        };
        let mut all = self.lock();
        let active = all.get_mut(&life(cell)).expect("active as long as its cell");
        let state = match bytes {
            Some(bytes) if facts.keeps == Keeps::Snapshot && bytes == active.whole => {
                StateChange::None
            }
            Some(bytes) => {
                (active.events, active.event_bytes, active.outdated) = (0, 0, false);
                if facts.keeps == Keeps::Snapshot {
                    active.whole.clone_from(&bytes);
                }
                StateChange::Whole { version, bytes }
            }
            None if events.is_empty() => StateChange::None,
            None => {
                active.events += events.len();
                active.event_bytes += events.iter().map(Vec::len).sum::<usize>();
                StateChange::Events { version, events }
            }
        };
        Ok((active.number, state))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Life, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The change, if the step with it fits into one entry of a log.
fn bounded(
    (activation, state): (u64, StateChange),
    emitted: &Emitted,
) -> Result<(u64, StateChange), String> {
    let letters: usize = emitted.letters.iter().map(|letter| letter.len_bytes()).sum();
    let reminders: usize = emitted.reminders.iter().map(|change| change.len_bytes()).sum();
    let reply = emitted.reply.as_ref().and_then(|replied| replied.reply.as_ref().ok());
    let bytes = state.len_bytes() + letters + reminders + reply.map_or(0, Vec::len);
    if bytes > STEP_BYTES_MAX {
        return Err(format!(
            "the step's state, reply and letters take {bytes} bytes, at most {STEP_BYTES_MAX} \
             are kept"
        ));
    }
    Ok((activation, state))
}
