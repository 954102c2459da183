//! Panics of agents as lines of the log: a few, where there may be thousands a second.
//!
//! The hook of the standard library writes text, whatever the format of the log, and as
//! much of it as there are panics. What panics elsewhere in the program is none of our
//! business, and is told as before.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::Arc;

use crate::threads::Threads;

/// Tells panics of agents through the log while the node of `threads` lives, and leaves
/// others to the hook there was before.
pub(crate) fn log_those_of_agents(threads: &Arc<Threads>) {
    let threads = Arc::downgrade(threads);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match threads.upgrade() {
        Some(threads) if nexus_agent::panics_are_caught() => log(&threads, panic),
        _ => before(panic),
    }));
}

fn log(threads: &Threads, panic: &PanicHookInfo<'_>) {
    let location = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let now = threads.clock().now();
    let Some(count) = threads.events.lines.tell(now, "panic", &location) else { return };
    let text = panic.payload_as_str().unwrap_or("a panic without a text");
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    // Only there if RUST_BACKTRACE asks for it.
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(target: "nexus", location, thread, count, backtrace, "panic: {text}");
}
