//! What a dispatcher knows of a request when it must choose.

use nexus_base::Time;

use crate::Features;

/// A request as a dispatcher sees it: never its answer, nor how long that takes.
///
/// ```compile_fail,E0609
/// # use nexus_coord::balance::Arrival;
/// // How much a request will generate is not known before it has run.
/// let _ = Arrival::new(374).generated_tokens;
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Arrival {
    /// Tokens of context that came with the request; 0 if it has none.
    pub context_tokens: u32,
    /// What the caller declared about the request.
    pub features: Features,
    /// When the caller stops waiting; [`Time::MAX`] if never.
    pub deadline: Time,
}

impl Arrival {
    /// A request with `context_tokens`, default features and no deadline.
    pub const fn new(context_tokens: u32) -> Arrival {
        Arrival { context_tokens, features: Features::DEFAULT, deadline: Time::MAX }
    }
}
