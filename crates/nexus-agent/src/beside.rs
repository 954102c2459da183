//! What stands beside a kind of agents: one for each system, shared by all of them.

use std::any::Any;
use std::sync::Arc;

/// Put there by [`Accepts::beside`](crate::Accepts::beside).
pub trait Beside: Any + Send + Sync {
    /// An agent of this key starts, or starts again: nobody can find it yet, or whoever
    /// did waits. The name is locked meanwhile, so this looks no agents up; it may not
    /// panic.
    fn handle_start(&self, key: &str) {
        let _ = key;
    }
}

/// It as a `T`, if it is one.
pub(crate) fn as_type<T: Beside>(beside: &dyn Beside) -> Option<&T> {
    let any: &dyn Any = beside;
    any.downcast_ref()
}

/// As [`as_type`], to be kept.
pub(crate) fn into_type<T: Beside>(beside: Arc<dyn Beside>) -> Option<Arc<T>> {
    let any: Arc<dyn Any + Send + Sync> = beside;
    any.downcast().ok()
}
