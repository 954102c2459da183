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

const EXAMPLES: &str = "\
Examples:
  nexus sim replay --seed 7
      the last hundred events before the first violation of seed 7
  nexus sim replay --seed 7 --about \"shard 3\" --events 20
      the last twenty that name shard 3
  nexus sim replay --seed 7 --world nodes --about n2
      of whole nodes, those that name node n2
  nexus sim replay --seed 7 --format json
      {\"event\": ...}, one a line, and the row of the run

Give the words of the run that failed: they are in its report, after \"to run it again\".
Without a violation the last events of the run are shown, and what it came to.";

/// Show what happened before the violation that a seed leads to
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    #[command(flatten)]
    pub(super) params: Params,
    /// Events to show, up to the violation
    #[arg(long, value_name = "N", default_value_t = EVENTS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    events: u32,
    /// Only those that name this, in whole words, as in --about "shard 3"
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
        if names(words, &about) {
            let mut kept = kept.borrow_mut();
            if kept.len() == len_max {
                kept.pop_front();
            }
            kept.push_back(format!("{at} {words}"));
        }
    };
    let spec = args.params.spec(common.seed);
    let row = Row::of(&spec, Some(Box::new(listener)));
    let last = last.borrow();
    let mut text: String = last.iter().map(|line| event(line, common.format)).collect();
    text += &match common.format {
        OutputFormat::Json => row.json(),
        OutputFormat::Text => row.text() + &row.verdict() + &shown(last.len(), &args.about),
    };
    output.print(&text).map_err(Failure::Output)?;
    match row.violations.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Check(format!("seed {} breaks {}", spec.seed, first.checker))),
    }
}

/// Whether `about` is in `words`, and no letter or digit of another word beside it: "shard 1"
/// is not in "shard 12".
fn names(words: &str, about: &str) -> bool {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let (begins, ends) = (about.chars().next(), about.chars().next_back());
    words.match_indices(about).any(|(at, _)| {
        let before = words[..at].chars().next_back();
        let after = words[at + about.len()..].chars().next();
        let goes_on = is_word(before) && is_word(begins) || is_word(after) && is_word(ends);
        !goes_on
    })
}

/// What was shown, of a run to its end or to its first violation.
fn shown(count: usize, about: &str) -> String {
    let about = if about.is_empty() { String::new() } else { format!(" that name {about:?}") };
    match count {
        0 => format!("  there were no events{about}\n"),
        1 => format!("  above is the last event{about}\n"),
        _ => format!("  above are the last {count} events{about}\n"),
    }
}

fn event(line: &str, format: OutputFormat) -> String {
    match format {
        OutputFormat::Json => serde_json::json!({ "event": line }).to_string() + "\n",
        OutputFormat::Text => format!("{line}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, about: &str, expected: bool) {
        assert_eq!(names(words, about), expected, "{about:?} in {words:?}");
    }

    #[test]
    fn a_number_is_not_found_within_a_longer_one() {
        check("n1 in shard 1: its timer", "shard 1", true);
        check("n1 in shard 12: its timer", "shard 1", false);
        check("n1 in shard 12 asks for shard 1", "shard 1", true);
        check("n10 starts", "n1", false);
        check("n1 starts", "n1", true);
        check("one-way strikes", "way strikes", true);
        check("Append { entries: [] }", "{ entries: [", true);
        check("Appended { matched: 3 }", "Append", false);
    }

    #[test]
    fn everything_names_nothing() {
        check("n1 starts", "", true);
        check("", "", true);
    }
}
