//! Requests whose contexts repeat: conversations, each beginning with what was
//! said before.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::demo::simulate::Contexts;
use crate::trace::{InputFormat, Request, Trace};

/// Conversations with a model, by blocks of context.
///
/// Qin et al., *Mooncake*, FAST 2025; Apache-2.0.
const SHIPPED: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/mooncake_conversation_trace.jsonl"
));

/// What the trace is called.
const NAME: &str = "mooncake_conversation_trace.jsonl";

/// Tokens in a block. Source: the trace's own description.
const BLOCK_TOKENS: u32 = 512;

/// Blocks that a server keeps: two million tokens.
const KEPT_MAX: usize = 4_000;

/// Where a request says what its context is made of.
#[derive(Deserialize)]
struct Line {
    hash_ids: Vec<u64>,
}

/// The trace, arrivals at one instant spread evenly until the next, and what its
/// contexts are made of.
pub fn shipped() -> (Trace, Contexts) {
    let trace = Trace::read(NAME, InputFormat::Jsonl, SHIPPED)
        .expect("the shipped trace is read by a test of this module");
    let lines = std::str::from_utf8(SHIPPED).expect("it was just read as text").lines();
    let blocks = lines.map(|line| {
        let line: Line = serde_json::from_str(line).expect("each line names its blocks");
        Arc::from(line.hash_ids)
    });
    let contexts =
        Contexts { blocks: blocks.collect(), block_tokens: BLOCK_TOKENS, kept_max: KEPT_MAX };
    (trace.with_arrivals(spread(trace.requests())), contexts)
}

/// The same requests, those that arrive at one instant evenly over the time until
/// the next; those of the last instant as those of the one before.
fn spread(requests: &[Request]) -> Vec<Request> {
    let mut spread = Vec::with_capacity(requests.len());
    let mut gap = Duration::ZERO;
    for group in requests.chunk_by(|a, b| a.arrival == b.arrival) {
        let at = group[0].arrival;
        if let Some(next) = requests.get(spread.len() + group.len()) {
            gap = next.arrival.since(at);
        }
        let step = gap / group.len() as u32;
        let times = (0..).map(|place| at.after(step * place));
        spread.extend(group.iter().zip(times).map(|(one, arrival)| Request { arrival, ..*one }));
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_conversations_are_whole_and_in_order() {
        let (trace, contexts) = shipped();
        assert_eq!(trace.requests().len(), 12_031);
        assert_eq!(contexts.blocks.len(), 12_031);
        assert!(trace.requests().is_sorted_by(|a, b| a.arrival <= b.arrival));
        let mut instants: Vec<_> = trace.requests().iter().map(|one| one.arrival).collect();
        instants.dedup();
        assert!(instants.len() > 12_000, "{} instants", instants.len());
        let covers = |(request, blocks): (&Request, &Arc<[u64]>)| {
            blocks.len() as u32 == request.context_tokens.div_ceil(BLOCK_TOKENS)
        };
        assert!(trace.requests().iter().zip(&contexts.blocks).all(covers));
    }
}
