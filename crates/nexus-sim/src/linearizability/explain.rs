//! Why a history is not linearizable, in a sentence.

use std::fmt::Display;

use super::model::Model;
use super::operation::Operation;
use super::search::Stuck;

/// Operations told of that were under way at the same time. A guess at what is
/// still read.
const SHOWN_MAX: usize = 4;

/// Names the answer that no order explains, and what was under way.
pub(super) fn stuck<M: Model>(
    stuck: &Stuck<M::State>,
    known: &[&Operation<M>],
    folded_count: u64,
) -> String {
    let explained = known.iter().filter(|one| one.ended() < stuck.moment).count() as u64;
    let culprit = known.iter().find(|one| one.ended() == stuck.moment);
    let culprit = culprit.expect("the moment is that of an answer");
    let answer = culprit.answer().expect("it is one that was answered");
    format!(
        "{} an order, but none goes on to {culprit}, which answered {answer} where {} \
         possible{}",
        answers(explained + folded_count),
        states(stuck),
        meanwhile(culprit, known)
    )
}

fn answers(count: u64) -> String {
    match count {
        0 => "what began before has".to_owned(),
        1 => "the first answer by itself has".to_owned(),
        _ => format!("the first {count} answers have"),
    }
}

fn states<S: Display>(stuck: &Stuck<S>) -> String {
    let states: Vec<String> = stuck.states.iter().map(ToString::to_string).collect();
    let more = if stuck.has_more { " and others" } else { "" };
    let were = if states.len() == 1 && !stuck.has_more { "only {} was" } else { "{} were" };
    were.replace("{}", &format!("{}{more}", states.join(", ")))
}

fn meanwhile<M: Model>(culprit: &Operation<M>, known: &[&Operation<M>]) -> String {
    let overlaps = |one: &&&Operation<M>| {
        one.began != culprit.began && one.began < culprit.ended() && one.ended() > culprit.began
    };
    let others: Vec<String> = known.iter().filter(overlaps).map(ToString::to_string).collect();
    if others.is_empty() {
        return String::new();
    }
    let shown = &others[..others.len().min(SHOWN_MAX)];
    let more = match others.len() - shown.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("; under way at the same time: {}{more}", shown.join(", "))
}

/// Says that the search was given up.
pub(super) fn exhausted(known: usize, unknown: usize) -> String {
    let answers = if known == 1 { "answer" } else { "answers" };
    let operations = if unknown == 1 { "operation" } else { "operations" };
    format!(
        "no order was found within the limits of the search: {known} {answers}, {unknown} \
         {operations} of unknown outcome"
    )
}
