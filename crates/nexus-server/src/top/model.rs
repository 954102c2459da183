//! What `nexus top` shows, and what it asks for.
//!
//! Pure: it is handed keys, answers and the time since the beginning, and
//! queues what it wants done.

pub mod agents;
pub mod browser;
pub mod contact;
pub mod kinds;
pub mod rates;
pub mod tail;

use std::collections::VecDeque;
use std::time::Duration;

use super::key::Key;
use super::poll::{Answer, Close, Detail, Poll, Sight};
use crate::client::{AgentName, Status, Why};
use agents::Agents;
use browser::Browser;
use contact::Contact;
use kinds::{KindColumn, KindRow};
use rates::Rates;
use tail::Tail;

/// How often the node is asked.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// Characters of a filter. A guess: more than a line shows.
const FILTER_CHARS_MAX: usize = 80;

/// What the model wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Ask the node.
    Ask(Poll),
    /// Give the terminal back and end.
    Quit,
}

/// What keys do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Move and open.
    Browse,
    /// Write the filter.
    Filter,
    /// Any key closes the help.
    Help,
}

/// Which table is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum View {
    /// All kinds.
    Kinds,
    /// The agents of the open kind.
    Agents,
    /// One agent of it.
    Agent(AgentName),
}

/// Everything that is shown.
#[derive(Debug)]
pub struct Model {
    /// The node's URL.
    pub url: String,
    /// Whether it answers.
    pub contact: Contact,
    /// The node as last seen.
    pub status: Option<Status>,
    /// What changes between two looks.
    pub rates: Rates,
    /// The last events.
    pub tail: Tail,
    /// What keys do.
    pub mode: Mode,
    /// Which table is looked at.
    pub view: View,
    /// The table of kinds.
    pub kinds: Browser<KindColumn>,
    /// The agents of the kind that is open, if one is.
    pub agents: Option<Agents>,
    /// The agent that is open, as last seen.
    pub why: Option<Why>,
    /// Why the node would not show what is open.
    pub refusal: Option<String>,
    now: Duration,
    next_poll: Duration,
    waiting: bool,
    effects: VecDeque<Effect>,
}

impl Model {
    /// Has seen nothing yet.
    pub fn new(url: &str) -> Model {
        Model {
            url: url.to_owned(),
            contact: Contact::new(),
            status: None,
            rates: Rates::default(),
            tail: Tail::default(),
            mode: Mode::Browse,
            view: View::Kinds,
            kinds: Browser::new(KindColumn::Rate),
            agents: None,
            why: None,
            refusal: None,
            now: Duration::ZERO,
            next_poll: Duration::ZERO,
            waiting: false,
            effects: VecDeque::new(),
        }
    }

    /// The oldest thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to call [`Model::handle_timeout`] next; `None` while an answer is due.
    pub fn next_timeout(&self) -> Option<Duration> {
        (!self.waiting).then_some(self.next_poll)
    }

    /// Asks the node, if it is time to.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.now = now;
        self.contact.handle_timeout(now);
        if self.waiting || now < self.next_poll {
            return;
        }
        self.waiting = true;
        self.next_poll = now + POLL_EVERY;
        self.contact.ask(now);
        let poll = Poll { events_after: self.tail.after(), detail: self.detail() };
        self.effects.push_back(Effect::Ask(poll));
    }

    /// Takes in what the node answered. An answer about a table that is no
    /// longer open counts for the rest.
    pub fn handle_answer(&mut self, now: Duration, answer: Answer) {
        self.now = now;
        self.waiting = false;
        let Answer { poll, result } = answer;
        match result {
            Ok(sight) => {
                self.contact.reached();
                self.see(poll, sight);
            }
            Err(reason) => {
                self.contact.lost(now, reason);
                self.rates.forget();
            }
        }
    }

    fn see(&mut self, poll: Poll, sight: Sight) {
        let Sight { status, events, close } = sight;
        if self.rates.see(&status) {
            self.tail.add(events);
        } else {
            // Another process answers: its events are counted from the beginning.
            self.tail = Tail::default();
        }
        self.status = Some(status);
        if poll.detail != self.detail() {
            return;
        }
        self.refusal = close.as_ref().err().cloned();
        match close {
            Ok(Close::Agents(page)) => {
                if let Some(agents) = &mut self.agents {
                    agents.show(page);
                }
            }
            Ok(Close::Agent(why)) => self.why = Some(*why),
            Ok(Close::Kinds) | Err(_) => {}
        }
    }

    fn detail(&self) -> Detail {
        match (&self.view, &self.agents) {
            (View::Agent(name), _) => Detail::Agent(name.clone()),
            (View::Agents, Some(agents)) => {
                Detail::Agents { kind: agents.kind.clone(), after: agents.after().cloned() }
            }
            _ => Detail::Kinds,
        }
    }

    /// Takes in a key.
    pub fn handle_key(&mut self, now: Duration, key: Key) {
        self.now = now;
        match (self.mode, key) {
            (_, Key::Interrupt) => self.effects.push_back(Effect::Quit),
            (Mode::Help, _) => self.mode = Mode::Browse,
            (Mode::Filter, key) => self.edit(key),
            (Mode::Browse, key) => self.browse(key),
        }
    }

    fn browse(&mut self, key: Key) {
        match key {
            Key::Char('q') => self.effects.push_back(Effect::Quit),
            Key::Char('?') => self.mode = Mode::Help,
            Key::Char('/') if !matches!(self.view, View::Agent(_)) => self.mode = Mode::Filter,
            Key::Esc | Key::Backspace => self.back(),
            Key::Enter => self.open(),
            key => self.browse_table(key),
        }
    }

    fn browse_table(&mut self, key: Key) {
        match self.view {
            View::Kinds => {
                let rows = self.kind_rows();
                self.kinds.handle_key(key, &rows);
            }
            View::Agents => {
                if let Some(agents) = &mut self.agents
                    && agents.handle_key(key)
                {
                    self.ask_at_once();
                }
            }
            View::Agent(_) => {}
        }
    }

    fn edit(&mut self, key: Key) {
        let filter = match (&self.view, &mut self.agents) {
            (View::Agents, Some(agents)) => &mut agents.browser.filter,
            _ => &mut self.kinds.filter,
        };
        match key {
            Key::Char(one) if filter.chars().count() < FILTER_CHARS_MAX => filter.push(one),
            Key::Backspace => drop(filter.pop()),
            Key::Enter => self.mode = Mode::Browse,
            Key::Esc => {
                filter.clear();
                self.mode = Mode::Browse;
            }
            _ => {}
        }
    }

    fn open(&mut self) {
        match &self.view {
            View::Kinds => {
                let rows = self.kind_rows();
                let Some(kind) = self.kinds.selected(&rows) else { return };
                self.agents = Some(Agents::new(kind));
                self.view = View::Agents;
            }
            View::Agents => {
                let Some(agents) = &self.agents else { return };
                let Some(key) = agents.browser.selected(&agents.rows) else { return };
                self.view = View::Agent(AgentName::new(&agents.kind, key));
            }
            View::Agent(_) => return,
        }
        self.why = None;
        self.refusal = None;
        self.ask_at_once();
    }

    fn back(&mut self) {
        match self.view {
            // A filter is a place to come back from, too.
            View::Kinds => self.kinds.filter.clear(),
            View::Agents => {
                self.view = View::Kinds;
                self.agents = None;
            }
            View::Agent(_) => {
                self.view = View::Agents;
                self.why = None;
            }
        }
        self.refusal = None;
        self.ask_at_once();
    }

    fn ask_at_once(&mut self) {
        self.next_poll = self.now;
    }

    /// The kinds as they are to be shown, filter and order aside.
    pub fn kind_rows(&self) -> Vec<KindRow> {
        let kinds = self.status.iter().flat_map(|status| &status.kinds);
        kinds.map(|(name, kind)| KindRow::new(name, kind, self.rates.of_kind(name))).collect()
    }
}
