//! Events and their clocks, as read from a log.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::clock::{self, Entry};
use crate::input::{BadInput, Input, Line, shown};

/// Events of one log. Beyond it the file is refused. A guess.
const EVENTS_MAX: usize = 2_000_000;
/// Entries of all clocks of one log. Beyond it the file is refused. A guess:
/// half a gigabyte.
const ENTRIES_MAX: usize = 32_000_000;

/// Events and their clocks.
#[derive(Default)]
pub(super) struct Log {
    hosts: Vec<String>,
    indices: BTreeMap<String, u32>,
    /// In the order of the lines.
    pub(super) events: Vec<Event>,
    /// Of all events, one after another; each clock sorted by host.
    entries: Vec<(u32, u64)>,
}

/// One event.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) host: u32,
    pub(super) line: u64,
    start: usize,
    end: usize,
}

/// How the events of a log are written; its first event tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Host and clock have a line of their own; other lines are text.
    OwnLine,
    /// Every line is an event.
    Inline { first: u64 },
}

impl Log {
    /// # Errors
    /// [`BadInput`] at the first line that is wrong.
    pub(super) fn read(input: &Input<'_>) -> Result<Log, BadInput> {
        let mut log = Log::default();
        let mut style = None;
        let mut text_before: Option<Line<'_>> = None;
        for line in input.lines() {
            let line = line?;
            match Found::on(line.text, style).map_err(|wrong| input.bad(line, wrong))? {
                Some(found) => {
                    let style = *style.get_or_insert_with(|| found.style(line));
                    if let (Style::Inline { first }, Some(line)) = (style, text_before) {
                        return Err(input.bad(line, no_clock(first)));
                    }
                    log.add(line, &found).map_err(|wrong| input.bad(line, wrong))?;
                }
                None => match style {
                    Some(Style::Inline { first }) => return Err(input.bad(line, no_clock(first))),
                    _ => text_before = text_before.or(Some(line)),
                },
            }
        }
        if log.events.is_empty() {
            let expected =
                "expected lines that begin with, or hold, host {\"host\":1, \"other\":2}";
            return Err(input.wrong(format!("has no event with a vector clock; {expected}")));
        }
        Ok(log)
    }

    fn add(&mut self, line: Line<'_>, found: &Found<'_>) -> Result<(), String> {
        if self.events.len() >= EVENTS_MAX {
            return Err(format!("is one event more than the {EVENTS_MAX} that are read"));
        }
        if self.entries.len() + found.entries.len() > ENTRIES_MAX {
            return Err(format!("is beyond the {ENTRIES_MAX} entries of clocks that are read"));
        }
        let host = self.index(found.host()?);
        let start = self.entries.len();
        for (name, count) in &found.entries {
            let entry = (self.index(name), *count);
            self.entries.push(entry);
        }
        let entries = &mut self.entries[start..];
        entries.sort_unstable();
        if let Some(twice) = entries.windows(2).find(|two| two[0].0 == two[1].0) {
            let name = shown(&self.hosts[twice[0].0 as usize]);
            return Err(format!("has two entries for host \"{name}\"; expected one"));
        }
        self.events.push(Event { host, line: line.number, start, end: self.entries.len() });
        Ok(())
    }

    fn index(&mut self, name: &str) -> u32 {
        if let Some(&index) = self.indices.get(name) {
            return index;
        }
        // Entries are fewer than `u32` holds, and each event adds one host more.
        let index = self.hosts.len() as u32;
        self.hosts.push(name.to_owned());
        self.indices.insert(name.to_owned(), index);
        index
    }

    pub(super) fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// Quoted and harmless to a terminal.
    pub(super) fn host(&self, index: u32) -> String {
        format!("\"{}\"", shown(&self.hosts[index as usize]))
    }

    /// Sorted by host.
    pub(super) fn clock(&self, event: &Event) -> &[(u32, u64)] {
        &self.entries[event.start..event.end]
    }

    /// How many events of `host` it knows of.
    pub(super) fn entry(&self, event: &Event, host: u32) -> u64 {
        let clock = self.clock(event);
        clock.binary_search_by_key(&host, |entry| entry.0).map_or(0, |at| clock[at].1)
    }
}

fn no_clock(first: u64) -> String {
    format!("has no vector clock; expected one, as in line {first}")
}

/// A clock found on a line.
struct Found<'a> {
    before: &'a str,
    entries: Vec<Entry<'a>>,
    after: &'a str,
}

impl<'a> Found<'a> {
    /// # Errors
    /// What was expected, if it can only have been meant as an event.
    fn on(text: &'a str, style: Option<Style>) -> Result<Option<Found<'a>>, String> {
        let mut wrong = None;
        for (at, _) in text.match_indices('{') {
            let before = text[..at].trim();
            if style == Some(Style::OwnLine) && !is_word(before) {
                break; // It is a text that speaks of a clock, or of something else in braces.
            }
            match clock::read(&text[at..]) {
                // With more on its line it is a text that speaks of a clock.
                Ok((_, after)) if style == Some(Style::OwnLine) && !after.trim().is_empty() => {}
                Ok((entries, after)) => {
                    let found = Found { before, entries, after };
                    // Before the first event, a text may speak of a clock.
                    return Ok((style.is_some() || found.host().is_ok()).then_some(found));
                }
                Err(why) if is_word(before) && is_clock_begun(&text[at..]) => wrong = Some(why),
                Err(_) => {}
            }
        }
        match wrong {
            Some(wrong) => Err(format!("has a clock that cannot be read: {wrong}")),
            None => Ok(None),
        }
    }

    fn style(&self, line: Line<'_>) -> Style {
        if is_word(self.before) && self.after.trim().is_empty() {
            Style::OwnLine
        } else {
            Style::Inline { first: line.number }
        }
    }

    /// Whose event it is: the word before the clock, or the host of the clock
    /// with whose name the text before it ends.
    fn host(&self) -> Result<&str, String> {
        if is_word(self.before) {
            return Ok(self.before);
        }
        let text = self.before.trim_end_matches([']', ')', ':', '>', ' ']);
        let names = self.entries.iter().map(|(name, _)| name);
        let named = names.filter(|name| ends_with_name(text, name));
        let host = named.max_by_key(|name| name.len()).map(Cow::as_ref);
        host.ok_or_else(|| "has text before its clock that names no host of it".to_owned())
    }
}

/// Whether it goes on as a clock does, and hardly anything else.
fn is_clock_begun(text: &str) -> bool {
    text[1..].trim_start().starts_with('"')
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

fn ends_with_name(text: &str, name: &str) -> bool {
    let before = text.strip_suffix(name);
    before.is_some_and(|before| !name.is_empty() && !before.ends_with(char::is_alphanumeric))
}
