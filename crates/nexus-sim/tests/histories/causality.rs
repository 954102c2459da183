use std::fs;

use nexus_base::Rng;
use nexus_sim::causality::check;

use crate::data;

const LOGS: [&str; 4] =
    ["chord.log", "facebook.log", "simple-reliable-broadcast.log", "simpledb.log"];

/// The logs, if they are there.
fn logs() -> Vec<(&'static str, String)> {
    let Some(folder) = data::folder("causality/shiviz") else { return Vec::new() };
    let read = |name| fs::read_to_string(folder.join(name)).expect("it is with the data");
    LOGS.map(|name| (name, read(name))).into()
}

/// Changes tried in each log, one at a time, and how often one is drawn for them.
const CHANGES: usize = 50;
const DRAWS_MAX: usize = 5_000;

#[track_caller]
fn word(log: &str) -> &'static str {
    check("changed", log.as_bytes()).unwrap_or_else(|error| panic!("{error}")).word()
}

/// Where the clocks are: the line, and its numbers as ranges of bytes.
struct Clock {
    line: usize,
    host: String,
    /// Name, whether it is the host's own, and where its number stands.
    entries: Vec<(bool, std::ops::Range<usize>)>,
}

fn clocks(lines: &[String]) -> Vec<Clock> {
    lines.iter().enumerate().filter_map(|(line, text)| clock(line, text)).collect()
}

fn clock(line: usize, text: &str) -> Option<Clock> {
    let open = text.find("{\"")?;
    let close = open + text[open..].find('}')?;
    let before = text[..open].trim_end_matches([' ', ']']);
    let mut entries = Vec::new();
    let mut host = String::new();
    let mut at = open + 1;
    for entry in text[at..close].split(',') {
        let (name, number) = entry.split_once(':')?;
        let name = name.trim().trim_matches('"');
        let end = at + entry.trim_end().len();
        let is_own = before.ends_with(name);
        if is_own {
            host = name.to_owned();
        }
        entries.push((is_own, end - number.trim().len()..end));
        at += entry.len() + 1;
    }
    Some(Clock { line, host, entries })
}

fn number(lines: &[String], clock: &Clock, entry: usize) -> u64 {
    lines[clock.line][clock.entries[entry].1.clone()].parse().expect("a number")
}

/// The log with one number another.
fn with(lines: &[String], clock: &Clock, entry: usize, count: u64) -> String {
    let mut lines = lines.to_vec();
    lines[clock.line].replace_range(clock.entries[entry].1.clone(), &count.to_string());
    lines.join("\n")
}

#[test]
fn logs_of_real_systems_are_ok() {
    for (name, log) in logs() {
        assert_eq!(word(&log), "ok", "{name}");
    }
}

/// Changes numbers drawn by chance, in every log.
#[track_caller]
fn check_changes(change: impl Fn(&mut Rng, &[String], &[Clock]) -> Option<String>) {
    for (name, log) in logs() {
        let lines: Vec<String> = log.lines().map(str::to_owned).collect();
        let clocks = clocks(&lines);
        let mut rng = Rng::new(7);
        let mut changed = 0;
        for _ in 0..DRAWS_MAX {
            if changed == CHANGES {
                break;
            }
            if let Some(log) = change(&mut rng, &lines, &clocks) {
                assert_eq!(word(&log), "violated", "{name}\n{log}");
                changed += 1;
            }
        }
        assert_eq!(changed, CHANGES, "{name}: too few events can be changed so");
    }
}

fn draw<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.below(from.len() as u64) as usize]
}

#[test]
fn an_own_entry_raised_or_lowered_is_seen() {
    for by in [1, 5, -1i64] {
        check_changes(|rng, lines, clocks| {
            let clock = draw(rng, clocks);
            let own = clock.entries.iter().position(|entry| entry.0)?;
            let count = number(lines, clock, own).checked_add_signed(by)?;
            Some(with(lines, clock, own, count))
        });
    }
}

#[test]
fn a_foreign_entry_raised_beyond_what_was_logged_is_seen() {
    check_changes(|rng, lines, clocks| {
        let clock = draw(rng, clocks);
        let entry = clock.entries.iter().position(|entry| !entry.0)?;
        Some(with(lines, clock, entry, 1_000_000))
    });
}

#[test]
fn a_dropped_event_is_seen_unless_it_is_the_last_and_nobody_knows_of_it() {
    check_changes(|rng, lines, clocks| {
        let clock = draw(rng, clocks);
        let is_later = |other: &&Clock| {
            let own = |clock: &Clock| clock.entries.iter().position(|entry| entry.0);
            other.host == clock.host
                && number(lines, other, own(other).expect("its own"))
                    > number(lines, clock, own(clock).expect("its own"))
        };
        clocks.iter().find(is_later)?;
        let mut lines = lines.to_vec();
        lines.remove(clock.line);
        Some(lines.join("\n"))
    });
}

#[test]
fn clocks_of_two_events_of_a_host_swapped_but_for_their_own_entries_are_seen() {
    check_changes(|rng, lines, clocks| {
        let (one, other) = (draw(rng, clocks), draw(rng, clocks));
        let own = |clock: &Clock| clock.entries.iter().position(|entry| entry.0);
        let (own_one, own_other) = (own(one)?, own(other)?);
        let differ = one.entries.len() != other.entries.len();
        if one.host != other.host || !differ {
            return None;
        }
        let (count, count_other) = (number(lines, one, own_one), number(lines, other, own_other));
        let once = with(lines, one, own_one, count_other);
        let once: Vec<String> = once.lines().map(str::to_owned).collect();
        Some(with(&once, other, own_other, count))
    });
}

#[test]
fn an_entry_lowered_below_what_the_host_knew_is_seen() {
    check_changes(|rng, lines, clocks| {
        let at = rng.below(clocks.len() as u64) as usize;
        let (before, clock) = (clocks.get(at.checked_sub(1)?)?, &clocks[at]);
        if before.host != clock.host || before.entries.len() != clock.entries.len() {
            return None;
        }
        let entry = clock.entries.iter().position(|entry| !entry.0)?;
        let count = number(lines, clock, entry).checked_sub(1)?;
        let same = number(lines, before, entry) == count + 1;
        same.then(|| with(lines, clock, entry, count))
    });
}
