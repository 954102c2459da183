//! What contexts are made of, where they repeat.

use std::sync::Arc;

/// The blocks of the context of each request, and how many a server keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contexts {
    /// By the number of the request: its blocks, from the first on.
    pub blocks: Vec<Arc<[u64]>>,
    /// Tokens in a block.
    pub block_tokens: u32,
    /// Blocks that a server keeps, those it used last.
    pub kept_max: usize,
}
