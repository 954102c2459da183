//! `nexus sim replay`: what happened before a violation.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Write;
use std::rc::Rc;

use clap::Args;

use super::params::Params;
use super::row::Row;
use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::output::Output;

/// Events shown unless told otherwise: about one round of messages in each shard.
const EVENTS: u32 = 100;

/// Show what happened before the violation that a seed leads to
#[derive(Args, Debug)]
pub struct ReplayArgs {
    #[command(flatten)]
    params: Params,
    /// Events to show, up to the violation
    #[arg(long, value_name = "N", default_value_t = EVENTS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    events: u32,
    /// Only those that name this, as in --about "shard 3"
    #[arg(long, value_name = "TEXT", default_value = "")]
    about: String,
}

/// Runs the seed, keeps the last events, and shows them.
pub(super) fn run(
    args: &ReplayArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let last = Rc::new(RefCell::new(VecDeque::new()));
    let (kept, about, len_max) = (last.clone(), args.about.clone(), args.events as usize);
    let listener = move |at: nexus_base::Time, words: &str| {
        if words.contains(&about) {
            let mut kept = kept.borrow_mut();
            if kept.len() == len_max {
                kept.pop_front();
            }
            kept.push_back(format!("{at} {words}"));
        }
    };
    let spec = args.params.spec(common.seed);
    let row = Row::of(&spec, Some(Box::new(listener)));
    let mut text = String::new();
    for line in last.borrow().iter() {
        text += &event(line, common.format);
    }
    text += &if common.format == OutputFormat::Json { row.json() } else { row.text() };
    output.print(&text).map_err(Failure::Output)?;
    match row.violations.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Check(format!("seed {} breaks {}", spec.seed, first.checker))),
    }
}

fn event(line: &str, format: OutputFormat) -> String {
    match format {
        OutputFormat::Json => serde_json::json!({ "event": line }).to_string() + "\n",
        OutputFormat::Text => format!("{line}\n"),
    }
}
