//! The built-in kind `kv`: a small key-value store in each agent.

use std::sync::LazyLock;

use nexus_coord::Reactive;

use crate::{ReactiveAgent, ReactiveKind};

/// An agent that keeps values by key.
///
/// Query `get` (`key`, `default`), updates `put` (`key`, `value`) and `cas`
/// (`key`, `expect`, `value`), action `add` (`key`, `by`); each answers with the
/// key's value. For rules of your own see [`ReactiveKind`].
///
/// ```
/// use nexus::{Kv, Node, Request};
/// use serde_json::json;
///
/// let node = Node::start()?;
/// let settings = node.spawn::<Kv>("settings")?;
///
/// let put = Request::update("put", json!({"key": "colour", "value": "green"}));
/// node.block_on(settings.ask(put))??;
/// let get = Request::query("get", json!({"key": "colour", "default": "red"}));
/// let answer = node.block_on(settings.ask(get))??;
/// assert_eq!(
///     serde_json::to_value(answer)?,
///     json!({
///         "value": "green",
///         "level": {"asked": "reactive", "used": "reactive", "reason": null}
///     })
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Kv = ReactiveAgent<KvRules>;

/// The rules of [`Kv`].
pub struct KvRules;

impl ReactiveKind for KvRules {
    const KIND: &'static str = "kv";

    fn rules() -> &'static Reactive {
        static RULES: LazyLock<Reactive> = LazyLock::new(Reactive::kv);
        &RULES
    }
}
