//! Agents at the reactive level: queries, updates and actions over a keyed state.
//!
//! What such requests do is decided in `nexus-coord`, which knows no agents;
//! this puts it behind a mailbox. A kind is a name and a set of rules, and each
//! of its agents holds nothing but its own state.
//!
//! Absent on purpose: state on disk (it starts empty, also after a crash). The
//! levels above are in [`layers`], for kinds that have them.

mod answer;
pub(crate) mod feed;
mod json_text;
mod layers;
mod level;
mod prefetch;
mod request;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use nexus_agent::{Accepts, Agent, Context, Handler};
use nexus_coord::{DEADLINE_DEFAULT, Reactive, State};
use serde_json::{Map, Value, json};

use layers::Asked;

pub(crate) use answer::path_in_args;
pub use answer::{Answer, RequestError, Retry};
pub use feed::feed_layers;
pub use layers::{AdmissionCounts, AnswersWhy, KindLayers, KindWhy, VariantCounts};
pub(crate) use layers::{deadline_of, level_of};
pub use level::LevelUsed;
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

    /// Makes the layers above the reactive level, for all agents of the kind on one
    /// node. Left out there are none: every agent is served at the reactive level.
    fn layers() -> Option<KindLayers> {
        None
    }
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

    /// The arguments are the keys it starts with and their values.
    fn with_args(_key: &str, args: &Value) -> Result<ReactiveAgent<K>, String> {
        let Value::Object(entries) = args else {
            return Err("the arguments are an object: the keys to start with".to_owned());
        };
        let state = K::rules().start(entries).map_err(|error| error.to_string())?;
        Ok(ReactiveAgent { state, kind: PhantomData })
    }

    /// How many keys there are, and the first of them with what they hold.
    fn summary(&self) -> Value {
        let first: Map<String, Value> = self
            .state
            .iter()
            .take(SUMMARY_KEYS_MAX)
            .map(|(key, value)| (key.to_owned(), brief(value)))
            .collect();
        json!({"keys": self.state.len(), "first": first})
    }

    fn accepts(kind: &mut Accepts<ReactiveAgent<K>>) {
        kind.message::<Request>();
        if let Some(layers) = K::layers() {
            kind.beside(Arc::new(layers));
        }
    }
}

/// Keys that a summary shows. A guess: what fits before people's eyes.
const SUMMARY_KEYS_MAX: usize = 16;

/// Characters of a value that a summary shows. As above.
const SUMMARY_CHARS_MAX: usize = 120;

/// The value, or the beginning of its text if it is long.
fn brief(value: &Value) -> Value {
    let text = value.to_string();
    match text.char_indices().nth(SUMMARY_CHARS_MAX) {
        Some((end, _)) => Value::String(format!("{}…", &text[..end])),
        None => value.clone(),
    }
}

impl<K: ReactiveKind> Handler<Request> for ReactiveAgent<K> {
    async fn handle(
        &mut self,
        request: Request,
        cx: &mut Context<ReactiveAgent<K>>,
    ) -> Result<Answer, RequestError> {
        let state = &mut self.state;
        let done = match cx.beside::<KindLayers>() {
            None => {
                let done = K::rules().handle_request(state, &request);
                let level = LevelUsed::of(cx.level());
                done.map(|value| Answer { value, level }).map_err(RequestError::from)
            }
            Some(layers) => {
                let driver = cx.system().driver();
                let served = layers.serve(&asked(cx), driver, (K::rules(), state), &request);
                served.map(|(answer, next)| {
                    if let Some(next) = next {
                        prefetch::begin(layers, cx, &next);
                    }
                    answer
                })
            }
        };
        done.inspect_err(|_| cx.count_error())
    }
}

fn asked<K: ReactiveKind>(cx: &Context<ReactiveAgent<K>>) -> Asked<'_> {
    let (id, key, level) = (cx.id(), cx.key(), cx.level());
    Asked { id, kind: K::KIND, key, level, deadline: cx.deadline() }
}
