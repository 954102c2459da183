//! The reactive level: plain request and response over a keyed state.
//!
//! The lowest level of intelligence, and what every higher one steps down to, so
//! it is fully predictable: the answer depends on state and request alone, and a
//! request that fails leaves the state as it was, bit for bit. Changes are made
//! to a [`Staged`] view and reach the state only once everything has agreed; a
//! function that panics half-way has changed nothing either.
//!
//! Absent on purpose: time, chance, other agents.

mod error;
mod kv;
mod staged;
mod state;
mod variant;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::suggest::nearest;
use crate::{Request, RequestKind};

pub use error::ReactiveError;
pub use staged::Staged;
pub use state::{KEY_BYTES_MAX, KEYS_MAX, State};
use variant::Rule;
pub use variant::Variant;

type QueryFn = dyn Fn(&State, &Value) -> Result<Value, ReactiveError> + Send + Sync;
type ChangeFn = dyn Fn(&mut Staged<'_>, &Value) -> Result<Value, ReactiveError> + Send + Sync;
type Validator = dyn Fn(&Staged<'_>) -> Result<(), String> + Send + Sync;

/// What requests of one kind do: its queries, updates, actions and the rule its
/// state must keep. One for each kind; each agent has a [`State`] of its own.
///
/// Every function must be deterministic: what it does may depend on the state
/// and the arguments, nothing else.
///
/// ```
/// use nexus_coord::{Reactive, Request, RequestKind, State};
/// use serde_json::json;
///
/// let account = Reactive::kv().with_validator(|candidate| {
///     let balance = candidate.get("balance").and_then(|value| value.as_i64()).unwrap_or(0);
///     if balance < 0 { Err("the balance would be negative".to_owned()) } else { Ok(()) }
/// });
/// let mut state = State::default();
///
/// let pay_in = Request::new(RequestKind::Action, "add", json!({"key": "balance", "by": 70}));
/// assert_eq!(account.handle_request(&mut state, &pay_in).unwrap(), json!(70));
///
/// let overdraw = Request::new(RequestKind::Action, "add", json!({"key": "balance", "by": -100}));
/// let error = account.handle_request(&mut state, &overdraw).unwrap_err();
/// assert_eq!(error.to_string(), "the change is not valid: the balance would be negative");
/// assert_eq!(state.get("balance"), Some(&json!(70)));
/// ```
#[derive(Default)]
pub struct Reactive {
    queries: BTreeMap<String, Rule<QueryFn>>,
    updates: BTreeMap<String, Rule<ChangeFn>>,
    actions: BTreeMap<String, Rule<ChangeFn>>,
    validator: Option<Box<Validator>>,
}

impl Reactive {
    /// Knows no request yet.
    pub fn new() -> Reactive {
        Reactive::default()
    }

    /// The built-in key-value requests: query `get` (`key`, `default`), updates
    /// `put` (`key`, `value`) and `cas` (`key`, `expect`, `value`), action `add`
    /// (`key`, `by`). Each answers with the key's value.
    pub fn kv() -> Reactive {
        kv::register(Reactive::new())
    }

    /// Adds the query called `name`.
    ///
    /// # Panics
    /// If there is one already.
    pub fn with_query(
        mut self,
        name: &str,
        query: impl Fn(&State, &Value) -> Result<Value, ReactiveError> + Send + Sync + 'static,
    ) -> Reactive {
        let before = self.queries.insert(name.to_owned(), Rule::new(Box::new(query)));
        assert!(before.is_none(), "query {name} is registered already");
        self
    }

    /// Adds the update called `name`.
    ///
    /// # Panics
    /// If there is one already.
    pub fn with_update(
        mut self,
        name: &str,
        update: impl Fn(&mut Staged<'_>, &Value) -> Result<Value, ReactiveError> + Send + Sync + 'static,
    ) -> Reactive {
        let before = self.updates.insert(name.to_owned(), Rule::new(Box::new(update)));
        assert!(before.is_none(), "update {name} is registered already");
        self
    }

    /// Adds the action called `name`.
    ///
    /// # Panics
    /// If there is one already.
    pub fn with_action(
        mut self,
        name: &str,
        action: impl Fn(&mut Staged<'_>, &Value) -> Result<Value, ReactiveError> + Send + Sync + 'static,
    ) -> Reactive {
        let before = self.actions.insert(name.to_owned(), Rule::new(Box::new(action)));
        assert!(before.is_none(), "action {name} is registered already");
        self
    }

    /// Adds another way to answer the query called `name`. Which one runs is chosen by
    /// whoever serves: see [`Self::handle_request_as`].
    ///
    /// # Panics
    /// If there is no such query, or this variant of it is there already.
    pub fn with_query_variant(
        mut self,
        name: &str,
        variant: Variant,
        query: impl Fn(&State, &Value) -> Result<Value, ReactiveError> + Send + Sync + 'static,
    ) -> Reactive {
        add_variant(self.queries.get_mut(name), "query", name, variant, Box::new(query));
        self
    }

    /// Adds another way to do the action called `name`. An update has no variants: it
    /// does what the caller says.
    ///
    /// # Panics
    /// If there is no such action, or this variant of it is there already.
    pub fn with_action_variant(
        mut self,
        name: &str,
        variant: Variant,
        action: impl Fn(&mut Staged<'_>, &Value) -> Result<Value, ReactiveError> + Send + Sync + 'static,
    ) -> Reactive {
        add_variant(self.actions.get_mut(name), "action", name, variant, Box::new(action));
        self
    }

    /// Sets the rule every changed state must keep. It sees the state as it would
    /// be, and says what is wrong with it if anything is.
    pub fn with_validator(
        mut self,
        validator: impl Fn(&Staged<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Reactive {
        self.validator = Some(Box::new(validator));
        self
    }

    /// A state that starts with these keys and values.
    ///
    /// # Errors
    /// [`ReactiveError`] for a bad key, too many of them, or a state that the
    /// validator refuses.
    pub fn start(&self, entries: &serde_json::Map<String, Value>) -> Result<State, ReactiveError> {
        let mut state = State::default();
        let mut staged = Staged::new(&state);
        entries.iter().try_for_each(|(key, value)| staged.put(key, value.clone()))?;
        let changes = self.accepted(staged)?;
        state.apply(changes);
        Ok(state)
    }

    /// Does what `request` asks, in the usual way, and returns the answer.
    ///
    /// # Errors
    /// [`ReactiveError`] says why not; the state is as it was.
    pub fn handle_request(
        &self,
        state: &mut State,
        request: &Request,
    ) -> Result<Value, ReactiveError> {
        self.handle_request_as(state, request, Variant::Usual)
    }

    /// The same by `variant`, or in the usual way if that was not declared.
    ///
    /// # Errors
    /// [`ReactiveError`] says why not; the state is as it was.
    pub fn handle_request_as(
        &self,
        state: &mut State,
        request: &Request,
        variant: Variant,
    ) -> Result<Value, ReactiveError> {
        match request.kind {
            RequestKind::Query => self.find(&self.queries, request, variant)?(state, &request.args),
            RequestKind::Update => {
                self.change(state, self.find(&self.updates, request, variant)?, &request.args)
            }
            RequestKind::Action => {
                self.change(state, self.find(&self.actions, request, variant)?, &request.args)
            }
        }
    }

    /// Whether what `request` asks for was declared in this variant.
    pub fn has_variant(&self, request: &Request, variant: Variant) -> bool {
        let name = &request.name;
        match request.kind {
            RequestKind::Query => self.queries.get(name).is_some_and(|rule| rule.has(variant)),
            RequestKind::Update => self.updates.get(name).is_some_and(|rule| rule.has(variant)),
            RequestKind::Action => self.actions.get(name).is_some_and(|rule| rule.has(variant)),
        }
    }

    fn find<'a, F: ?Sized>(
        &self,
        known: &'a BTreeMap<String, Rule<F>>,
        request: &Request,
        variant: Variant,
    ) -> Result<&'a F, ReactiveError> {
        let declared = |rule: &'a Rule<F>| rule.get(variant).unwrap_or(&rule.usual);
        known.get(&request.name).map(declared).ok_or_else(|| {
            let (kind, name) = (request.kind, request.name.clone());
            match self.kind_of(&name) {
                Some(is) => ReactiveError::WrongKind { kind, name, is },
                None => {
                    let suggestion = nearest(&name, known.keys().map(String::as_str));
                    let suggestion = suggestion.map(str::to_owned);
                    ReactiveError::UnknownName { kind, name, suggestion }
                }
            }
        })
    }

    /// What is called `name`, if anything is.
    fn kind_of(&self, name: &str) -> Option<RequestKind> {
        let is = [
            (RequestKind::Query, self.queries.contains_key(name)),
            (RequestKind::Update, self.updates.contains_key(name)),
            (RequestKind::Action, self.actions.contains_key(name)),
        ];
        is.into_iter().find(|(_, is)| *is).map(|(kind, _)| kind)
    }

    fn change(
        &self,
        state: &mut State,
        change: &ChangeFn,
        args: &Value,
    ) -> Result<Value, ReactiveError> {
        let mut staged = Staged::new(state);
        let answer = change(&mut staged, args)?;
        let changes = self.accepted(staged)?;
        state.apply(changes);
        Ok(answer)
    }

    /// The changes, if the rule holds with them.
    fn accepted(&self, staged: Staged<'_>) -> Result<state::Changes, ReactiveError> {
        if let Some(validator) = &self.validator {
            validator(&staged).map_err(|reason| ReactiveError::Invalid { reason })?;
        }
        Ok(staged.into_changes())
    }
}

fn add_variant<F: ?Sized>(
    rule: Option<&mut Rule<F>>,
    what: &str,
    name: &str,
    variant: Variant,
    function: Box<F>,
) {
    let Some(rule) = rule else {
        panic!("there is no {what} {name} to have a {variant} variant: register that first")
    };
    assert!(rule.add(variant, function), "the {variant} variant of {what} {name} is there already");
}

impl std::fmt::Debug for Reactive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reactive")
            .field("queries", &self.queries.keys())
            .field("updates", &self.updates.keys())
            .field("actions", &self.actions.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
