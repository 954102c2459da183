//! What a dispatcher knows of a request when it must choose.

use std::sync::Arc;

use nexus_base::Time;

use crate::Features;

/// A request as a dispatcher sees it: never its answer, nor how long that takes.
///
/// ```compile_fail,E0609
/// # use nexus_coord::balance::Arrival;
/// // How much a request will generate is not known before it has run.
/// let _ = Arrival::new(374).generated_tokens;
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Arrival {
    /// Tokens of context that came with the request; 0 if it has none.
    pub context_tokens: u32,
    /// What the caller declared about the request.
    pub features: Features,
    /// When the caller stops waiting; [`Time::MAX`] if never.
    pub deadline: Time,
    /// Which blocks its context is made of, from the first on, if anybody says so:
    /// a server that has read the first few of them lately need not do it again.
    pub blocks: Option<Arc<[u64]>>,
}

impl Arrival {
    /// A request with `context_tokens`, default features and no deadline.
    pub const fn new(context_tokens: u32) -> Arrival {
        Arrival { context_tokens, features: Features::DEFAULT, deadline: Time::MAX, blocks: None }
    }
}
