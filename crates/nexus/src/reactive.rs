//! Agents at the reactive level: queries, updates and actions over a keyed state.
//!
//! What such requests do is decided in `nexus-coord`, which knows no agents;
//! this puts it behind a mailbox. A kind is a name and a set of rules, and each
//! of its agents holds nothing but its own state.
//!
//! Absent on purpose: state on disk (it starts empty, also after a crash), and
//! the levels above.

mod answer;
mod json_text;
mod level;
mod request;

use std::marker::PhantomData;
use std::time::Duration;

use nexus_agent::{Accepts, Agent, Context, Handler};
use nexus_coord::{DEADLINE_DEFAULT, Reactive, State};

pub use answer::{Answer, RequestError, Retry};
pub use level::{Level, LevelUsed};
pub use request::Request;

/// A kind of agents at the reactive level: its name and its rules.
///
/// ```
/// use std::sync::LazyLock;
/// use nexus::{ErrorCode, Node, Reactive, ReactiveAgent, ReactiveKind, Request};
/// use serde_json::json;
///
/// /// Accounts that are never overdrawn.
/// struct Account;
///
/// impl ReactiveKind for Account {
///     const KIND: &'static str = "account";
///
///     fn rules() -> &'static Reactive {
///         static RULES: LazyLock<Reactive> = LazyLock::new(|| {
///             Reactive::kv()
///                 .with_action("close", |account, _args| {
///                     let rest = account.get("balance").cloned().unwrap_or_default();
///                     account.remove("balance");
///                     Ok(rest)
///                 })
///                 .with_validator(|account| {
///                     match account.get("balance").and_then(|balance| balance.as_i64()) {
///                         Some(..0) => Err("the balance would be negative".to_owned()),
///                         _ => Ok(()),
///                     }
///                 })
///         });
///         &RULES
///     }
/// }
///
/// let node = Node::start()?;
/// let ada = node.spawn::<ReactiveAgent<Account>>("ada")?;
/// let add = |by: i64| Request::action("add", json!({"key": "balance", "by": by}));
///
/// assert_eq!(node.block_on(ada.ask(add(70)))??.value, json!(70));
/// let refused = node.block_on(ada.ask(add(-100)))?.unwrap_err();
/// assert_eq!(refused.code, ErrorCode::Conflict);
/// assert_eq!(refused.message, "the change is not valid: the balance would be negative");
///
/// let close = Request::action("close", json!({}));
/// assert_eq!(node.block_on(ada.ask(close))??.value, json!(70));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ReactiveKind: 'static {
    /// The name of the kind, the first half of `account/ada`. Never changes.
    const KIND: &'static str;

    /// What its requests do: one set of rules for all agents of the kind.
    fn rules() -> &'static Reactive;
}

/// An agent at the reactive level: a state that answers [`Request`]s as the
/// rules of its kind say.
///
/// A request that fails leaves the state as it was. A rule that panics is the
/// supervisor's affair, as in any agent: the agent starts again, empty.
pub struct ReactiveAgent<K> {
    state: State,
    kind: PhantomData<fn() -> K>,
}

impl<K: ReactiveKind> Agent for ReactiveAgent<K> {
    const KIND: &'static str = K::KIND;

    /// That of a request that does not say. Whoever asks directly hands a
    /// request's own deadline to `within`; a pool does it by itself.
    const DEADLINE: Duration = DEADLINE_DEFAULT;

    fn new(_key: &str) -> ReactiveAgent<K> {
        ReactiveAgent { state: State::default(), kind: PhantomData }
    }

    fn accepts(kind: &mut Accepts<ReactiveAgent<K>>) {
        kind.message::<Request>();
    }
}

impl<K: ReactiveKind> Handler<Request> for ReactiveAgent<K> {
    async fn handle(
        &mut self,
        request: Request,
        _cx: &mut Context<ReactiveAgent<K>>,
    ) -> Result<Answer, RequestError> {
        let value = K::rules().handle_request(&mut self.state, &request)?;
        Ok(Answer { value, level: LevelUsed::REACTIVE })
    }
}
