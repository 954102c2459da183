//! How much work a request is.

use std::time::Duration;

use super::speeds::Speed;
use crate::trace::{Request, Trace};
use crate::words;

/// Time one context token takes at speed 1.
const CONTEXT_TOKEN: Duration = Duration::from_micros(250);
/// Time one generated token takes at speed 1.
const GENERATED_TOKEN: Duration = Duration::from_millis(20);

/// The latest moment the virtual clock may have to reach: 146 years, a quarter
/// of what it can count, so that no sum of two moments overflows.
const END_MAX: Duration = Duration::from_nanos(1 << 62);

/// The trace takes longer than the virtual clock can count.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TooMuchWork {
    /// Because of what its requests ask for.
    #[error(
        "the trace holds more than 146 years of work for one slow server; nothing was run\n\
         hint: check the token counts, or cut the file into parts"
    )]
    Work,
    /// Because of when they arrive.
    #[error(
        "the requests of the trace arrive over {span}, and the clock of the demo ends after \
         146 years; nothing was run\n\
         hint: check the times and their unit, or cut the file into parts"
    )]
    Span {
        /// From the first to the last, in words.
        span: String,
    },
}

/// How long `request` occupies a server of speed 1.
pub fn service(request: &Request) -> Duration {
    reading(request.context_tokens) + GENERATED_TOKEN * request.generated_tokens
}

/// How long a server of speed 1 reads so many tokens of context.
pub fn reading(context_tokens: u32) -> Duration {
    CONTEXT_TOKEN * context_tokens
}

/// How long all of `trace` would occupy one server of speed 1.
pub fn total(trace: &Trace) -> Duration {
    trace.requests().iter().map(service).fold(Duration::ZERO, Duration::saturating_add)
}

/// The share of the pool's time that the trace asks for; `None` if all
/// requests arrive at once. Above 1 the lines only grow.
///
/// The same for both pools, since fast and slow servers are as many.
pub fn offered_load(trace: &Trace, server_count: u32) -> Option<f64> {
    let span = trace.span().as_secs_f64();
    (span > 0.0).then(|| total(trace).as_secs_f64() / (span * f64::from(server_count)))
}

/// Makes sure that even one slow server would finish before the clock ends.
///
/// # Errors
/// [`TooMuchWork`] if it would not.
pub fn check(trace: &Trace) -> Result<(), TooMuchWork> {
    let (work, span) = (total(trace).saturating_mul(2), trace.span());
    if work.saturating_add(span) <= END_MAX {
        Ok(())
    } else if work < span {
        Err(TooMuchWork::Span { span: words::span(span) })
    } else {
        Err(TooMuchWork::Work)
    }
}

/// How long `request` occupies a server of `speed`.
#[allow(dead_code, reason = "used by the simulation")]
pub fn service_at(request: &Request, speed: Speed) -> Duration {
    speed.scale(service(request))
}
