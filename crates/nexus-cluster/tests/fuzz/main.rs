//! Bytes from outside, mangled: no decoder panics, none takes memory on the word of a length.
//!
//! `cargo test` replays the corpus (`tests/corpus/TARGET/OUTCOME.bin`: each file must come
//! to the outcome it is named for) and tries a fixed number of mangled inputs. To go on:
//!
//! ```text
//! NEXUS_FUZZ_SECONDS=60 cargo test -p nexus-cluster --release --test fuzz
//! ```
//!
//! draws a seed of its own unless `NEXUS_FUZZ_SEED` names one. An input that fails is put
//! into the corpus, where it fails until the decoder is mended. `NEXUS_FUZZ_KEEP=1` adds
//! inputs that come to an outcome nothing in the corpus came to.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "how long to go on, and from where, is told from outside; what is tested reads none"
)]

mod corpus;
mod mangle;
mod mend;
mod targets;

use std::alloc::System;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use nexus_base::{Ratio, Rng};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Mangled inputs of each target where no time is given.
const INPUTS: u64 = 4_000;

/// The longest input; what is longer is cut off.
const INPUT_BYTES_MAX: usize = 64 << 10;

/// When a target has had enough.
enum Until {
    Inputs(u64),
    Moment(Instant),
}

impl Until {
    fn goes_on(&self, done: u64) -> bool {
        match self {
            Until::Inputs(count) => done < *count,
            Until::Moment(moment) => Instant::now() < *moment,
        }
    }
}

/// One test, since the allocator counts for the whole process.
#[test]
fn decoders_stand_whatever_bytes_come() {
    let seconds = setting("NEXUS_FUZZ_SECONDS").map(|all| all.div_ceil(TARGETS.len() as u64));
    let now = || std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64;
    let drawn = if seconds.is_some() { now() } else { 1 };
    let seed = setting("NEXUS_FUZZ_SEED").unwrap_or(drawn);
    println!("NEXUS_FUZZ_SEED={seed}");
    for target in TARGETS {
        let known = replay(target);
        let until = match seconds {
            Some(seconds) => Until::Moment(Instant::now() + Duration::from_secs(seconds)),
            None => Until::Inputs(INPUTS),
        };
        fuzz(target, known, until, &mut Rng::new(seed).fork(target.name));
    }
}

/// Every file of the corpus comes to the outcome it is named for.
fn replay(target: &Target) -> BTreeSet<String> {
    let files = corpus::read(target.name);
    assert!(!files.is_empty() || keeps(), "{} has a corpus", target.name);
    let mut known = BTreeSet::new();
    for (name, bytes) in files {
        let outcome = run(target, &bytes);
        assert_eq!(outcome, name, "{}/{name}.bin comes to another outcome", target.name);
        known.insert(outcome);
    }
    known
}

fn fuzz(target: &Target, mut known: BTreeSet<String>, until: Until, rng: &mut Rng) {
    let mut inputs: Vec<Vec<u8>> = (target.specimens)();
    inputs.extend(corpus::read(target.name).into_values());
    let mut done = 0;
    while until.goes_on(done) {
        let mut bytes = mangle::mangle(&inputs, rng);
        bytes.truncate(INPUT_BYTES_MAX);
        if rng.chance(Ratio::new(3, 4)) {
            (target.mend)(&mut bytes);
        }
        let outcome = run(target, &bytes);
        if known.insert(outcome.clone()) {
            if keeps() {
                corpus::write(target.name, &outcome, &bytes);
            }
            inputs.push(bytes);
        }
        done += 1;
    }
    println!("{}: {done} inputs, outcomes {known:?}", target.name);
}

/// Has a target read `bytes`, and says what came of it.
fn run(target: &Target, bytes: &[u8]) -> String {
    let region = Region::new(ALLOCATOR);
    let read = catch_unwind(AssertUnwindSafe(|| (target.read)(bytes)));
    let allocated = region.change().bytes_allocated;
    let most = (target.most_bytes)(bytes);
    match read {
        Ok(outcome) if allocated <= most => outcome,
        Ok(_) => fail(target, bytes, &format!("{allocated} bytes allocated, more than {most}")),
        Err(_) => fail(target, bytes, "it panicked"),
    }
}

fn fail(target: &Target, bytes: &[u8], what: &str) -> ! {
    let file = corpus::write(target.name, "failed", bytes);
    panic!("{}: {what}, of {} bytes in {file}: {:02x?}", target.name, bytes.len(), bytes)
}

fn keeps() -> bool {
    setting("NEXUS_FUZZ_KEEP").is_some()
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value}, must be a number")))
}
