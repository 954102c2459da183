//! The agents of one shard that are active here, for as long as one term lasts.
//!
//! What must stay true:
//!
//! 1. What an agent emits leaves in the order of its steps, and only once the step, and all
//!    before it, are committed under the term of this hosting.
//! 2. Whatever does not become an entry, or is refused as one, ends the activation: its
//!    state is ahead of what is kept. It is never repaired.
//! 3. An agent is not activated again before its last cell is gone and what it proposed is
//!    decided.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use nexus_agent::Outbox;
use nexus_base::{AgentId, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft::{Index, Term};
use nexus_cluster::shard::{HandoffId, ShardId, SlotSet, Step};

use crate::delivery::Back;
use crate::shard::{AgentName, Answers, Handled, Part, Request, Seen};

/// All that this node does as the leader of one shard in one term.
pub(crate) struct Hosting {
    pub(crate) term: Term,
    pub(crate) agents: BTreeMap<AgentId, Hosted>,
    /// Whose step is the entry at this index.
    pub(crate) by_index: BTreeMap<Index, AgentId>,
    /// Whose read has this ticket.
    pub(crate) by_ticket: BTreeMap<u64, AgentId>,
    /// What is being handled, by its delivery.
    pub(crate) under_way: BTreeMap<(AgentId, Request), u64>,
    /// Letters that were given to a call.
    pub(crate) letters: BTreeSet<(AgentId, u64)>,
    /// Letters and reminders that failed, and when to try them again.
    pub(crate) retries: Retries,
    /// Reminders that are being handled.
    pub(crate) ringing: BTreeSet<Reminder>,
    /// Steps of handoffs that are proposed and not yet applied.
    pub(crate) proposed: BTreeMap<(HandoffId, Step), Index>,
    /// What is fetched from the sources of handoffs.
    pub(crate) fetches: BTreeMap<HandoffId, Fetch>,
    /// What sealed slots hold, for those who fetch it.
    pub(crate) cuts: BTreeMap<HandoffId, Vec<Part>>,
    /// Until when leadership is not handed over again.
    pub(crate) stays_until: Time,
    /// Who waits for the names that are to be given or taken back by these entries.
    pub(crate) namings: BTreeMap<Index, Back>,
    /// By which ask of which life of which node each of these was given or taken back last, so
    /// that what comes late does not undo it.
    pub(crate) named: BTreeMap<AgentId, Named>,
    /// Who waits to be told that nobody has a name.
    pub(crate) lookups: BTreeMap<u64, Lookup>,
    /// Lives of nodes whose names were to be freed in this term.
    pub(crate) forgotten: BTreeMap<NodeId, u64>,
    /// The last agent that was looked at for whether it is idle.
    pub(crate) looked_at: Option<AgentId>,
}

/// Which reminder: whose, its name, and the step that set it.
pub(crate) type Reminder = (AgentId, String, u64);

/// An install that is being prepared.
pub(crate) struct Fetch {
    pub(crate) slots: SlotSet,
    /// Who has it.
    pub(crate) from: ShardId,
    /// The next part to ask for.
    pub(crate) next: u32,
    /// How many there are, once that is known.
    pub(crate) count: Option<u32>,
    /// Whether the next one is proposed already.
    pub(crate) proposed: bool,
}

impl Fetch {
    /// One that begins.
    pub(crate) const fn new(slots: SlotSet, from: ShardId) -> Fetch {
        Fetch { slots, from, next: 0, count: None, proposed: false }
    }

    /// Begins from the start: what has come is lost.
    pub(crate) fn restart(&mut self) {
        (self.next, self.count, self.proposed) = (0, None, false);
    }
}

/// Which ask gave a name, or took it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Named {
    pub(crate) node: NodeId,
    pub(crate) life: u64,
    /// A node numbers its asks upwards, as long as it lives.
    pub(crate) call: u64,
}

/// Somebody asks for a local agent that was not found, which may be because another leads the
/// shard by now.
pub(crate) struct Lookup {
    pub(crate) id: AgentId,
    pub(crate) name: AgentName,
    pub(crate) back: Back,
}

/// One active agent.
pub(crate) struct Hosted {
    pub(crate) name: AgentName,
    /// Which activation it is.
    pub(crate) number: u64,
    pub(crate) life: Life,
    /// Its state is ahead of what is kept: nothing of it leaves any more.
    pub(crate) discarded: bool,
    /// The last step that was proposed.
    pub(crate) step: u64,
    /// Messages that were delivered and have not come to an end.
    pub(crate) delivered: BTreeSet<u64>,
    /// Entries that were proposed and are not decided.
    pub(crate) undecided: u32,
    pub(crate) held: VecDeque<Held>,
    pub(crate) used: Time,
    pub(crate) idle_after: Duration,
    /// What an agent of which nothing is kept has answered; it remembers that for as long as
    /// it remembers anything.
    pub(crate) answers: Option<Answers>,
    /// What it takes of memory; see [`crate::NodeSpec::active_bytes_max`].
    pub(crate) bytes: u64,
}

impl Hosted {
    /// An agent whose first message is about to be delivered.
    pub(crate) fn new(
        name: AgentName,
        number: u64,
        step: u64,
        now: Time,
        idle_after: Duration,
        bytes: u64,
    ) -> Hosted {
        Hosted {
            name,
            number,
            life: Life::Active,
            discarded: false,
            step,
            delivered: BTreeSet::new(),
            undecided: 0,
            held: VecDeque::new(),
            used: now,
            idle_after,
            answers: None,
            bytes,
        }
    }

    /// Whether it has handled a request, as far as it remembers by itself.
    pub(crate) fn seen(&self, request: Request) -> Seen {
        self.answers.as_ref().map_or(Seen::New, |answers| answers.seen(request))
    }

    /// Remembers an answer, if nothing else does; by how many bytes it takes more memory now.
    pub(crate) fn remember(&mut self, handled: Handled) -> i64 {
        let Some(answers) = &mut self.answers else { return 0 };
        let before = answers.bytes();
        answers.take(handled);
        let more = answers.bytes() as i64 - before as i64;
        self.bytes = self.bytes.saturating_add_signed(more);
        more
    }

    /// Whether it may leave memory: it has nothing to do and owes nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.life == Life::Active
            && self.delivered.is_empty()
            && self.undecided == 0
            && self.held.is_empty()
    }
}

/// Whether an agent's cell is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    /// It takes messages.
    Active,
    /// It was told to go.
    Ending,
    /// It is gone.
    Gone,
}

/// The output of a step that waits to leave.
pub(crate) struct Held {
    pub(crate) wait: Wait,
    pub(crate) ready: bool,
    /// Whose message it was.
    pub(crate) delivery: Option<u64>,
    pub(crate) reply: Option<Result<Bytes, String>>,
    pub(crate) outbox: Outbox,
}

/// What a step waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// Its entry.
    Entry(Index),
    /// That nobody else can have written what it has read.
    Read(u64),
}

impl Hosting {
    pub(crate) fn new(term: Term) -> Hosting {
        Hosting {
            term,
            agents: BTreeMap::new(),
            by_index: BTreeMap::new(),
            by_ticket: BTreeMap::new(),
            under_way: BTreeMap::new(),
            letters: BTreeSet::new(),
            retries: Retries::default(),
            ringing: BTreeSet::new(),
            proposed: BTreeMap::new(),
            fetches: BTreeMap::new(),
            cuts: BTreeMap::new(),
            stays_until: Time::ZERO,
            namings: BTreeMap::new(),
            named: BTreeMap::new(),
            lookups: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            looked_at: None,
        }
    }

    /// Marks what waited for `wait` as ready, and takes out all that may leave then.
    pub(crate) fn ready(&mut self, agent: AgentId, wait: Wait) -> Vec<Held> {
        let Some(hosted) = self.agents.get_mut(&agent) else { return Vec::new() };
        if let Some(held) = hosted.held.iter_mut().find(|held| held.wait == wait) {
            held.ready = true;
        }
        let mut leaving = Vec::new();
        while let Some(held) = hosted.held.pop_front_if(|held| held.ready) {
            leaving.push(held);
        }
        leaving
    }

    /// Forgets an agent whose cell is gone and all of whose entries are decided, and gives it
    /// back if it was so.
    pub(crate) fn forget_if_over(&mut self, agent: AgentId) -> Option<Hosted> {
        let over = self
            .agents
            .get(&agent)
            .is_some_and(|one| one.life == Life::Gone && one.undecided == 0 && one.held.is_empty());
        if over { self.agents.remove(&agent) } else { None }
    }
}

/// The first pause after a failure, and the longest. Guesses: soon, and not for ever busy.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What failed and is tried again, each time after twice the pause.
#[derive(Default)]
pub(crate) struct Retries {
    letters: BTreeMap<(AgentId, u64), (u32, Time)>,
    reminders: BTreeMap<Reminder, (u32, Time)>,
}

impl Retries {
    /// How often it has failed by now.
    pub(crate) fn letter_failed(&mut self, now: Time, letter: (AgentId, u64)) -> u32 {
        let failed = self.letters.entry(letter).or_default();
        fail(now, failed);
        failed.0
    }

    pub(crate) fn reminder_failed(&mut self, now: Time, reminder: Reminder) {
        fail(now, self.reminders.entry(reminder).or_default());
    }

    pub(crate) fn letter_waits(&self, now: Time, letter: (AgentId, u64)) -> bool {
        self.letters.get(&letter).is_some_and(|failed| failed.1 > now)
    }

    pub(crate) fn reminder_count(&self) -> usize {
        self.reminders.len()
    }

    pub(crate) fn reminder_waits(&self, now: Time, reminder: &Reminder) -> bool {
        self.reminders.get(reminder).is_some_and(|failed| failed.1 > now)
    }

    pub(crate) fn letter_done(&mut self, letter: (AgentId, u64)) {
        self.letters.remove(&letter);
    }

    pub(crate) fn reminder_done(&mut self, reminder: &Reminder) {
        self.reminders.remove(reminder);
    }
}

fn fail(now: Time, (times, until): &mut (u32, Time)) {
    let pause = PAUSE_MIN.saturating_mul(1 << (*times).min(16)).min(PAUSE_MAX);
    (*times, *until) = (times.saturating_add(1), now.after(pause));
}
