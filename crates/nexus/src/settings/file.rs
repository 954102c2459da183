//! Settings from a file.

use std::collections::BTreeSet;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Place, Problem, Problems};
use super::nearest::nearest;
use super::rule::quote;
use super::table::{self, SECTIONS, Section, Settings};
use crate::bounded_file::{self, ReadError};

/// Bytes of a file of settings, at most. A guess: the commented default has a
/// hundredth of it.
pub const SETTINGS_BYTES_MAX: usize = 1 << 20;

/// Puts what the file says into `settings`, and what is wrong with it into `problems`.
pub(super) fn apply(path: &Path, settings: &mut Settings, problems: &mut Problems) {
    let place = |line| Place::File { path: path.to_owned(), line };
    match read(path) {
        Ok(text) => {
            for (line, fault) in apply_text(&text, settings) {
                problems.push(Problem { place: place(line), fault });
            }
        }
        Err((line, fault)) => problems.push(Problem { place: place(line), fault }),
    }
}

fn read(path: &Path) -> Result<String, (Option<usize>, Fault)> {
    let unreadable = |text: String| Fault::Unreadable(text);
    let contents = bounded_file::read(path, SETTINGS_BYTES_MAX).map_err(|error| match error {
        ReadError::System(_) => (None, Fault::Unread(error.to_string())),
        ReadError::TooLarge { .. } => (None, unreadable(error.to_string())),
    })?;
    String::from_utf8(contents.bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        (Some(line), unreadable("this is not UTF-8 text; is it the right file?".to_owned()))
    })
}

/// What is wrong, and in which line; first what concerns no line alone.
type Faults = Vec<(Option<usize>, Fault)>;

/// What is wrong with the text, by line.
fn apply_text(text: &str, settings: &mut Settings) -> Faults {
    // Editors of one system put this mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::of(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut faults = Vec::new();
    let mut broken = BTreeSet::new();
    for error in errors {
        let line = error.span().map(|span| lines.line(span.start));
        // One slip of the pen can cost the parser its footing for the whole line.
        if broken.insert(line) {
            faults.push((line, Fault::Syntax(error.message().to_owned())));
        }
    }
    // What could be read around the broken lines is judged all the same.
    let mut reader = Reader { settings, lines: &lines, faults: Vec::new() };
    for (name, value) in root.get_ref() {
        reader.section(name, value);
    }
    faults.extend(reader.faults.into_iter().filter(|(line, _)| !broken.contains(line)));
    faults.sort_by_key(|(line, _)| *line);
    faults
}

/// Goes through the tree of a file.
struct Reader<'a> {
    settings: &'a mut Settings,
    lines: &'a Lines,
    faults: Faults,
}

type Key<'i> = Spanned<toml::de::DeString<'i>>;

impl Reader<'_> {
    fn section(&mut self, name: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        let line = self.lines.line(name.span().start);
        let DeValue::Table(entries) = value.get_ref() else {
            self.faults.push((Some(line), not_a_section(name.get_ref())));
            return;
        };
        match table::find_section(name.get_ref()) {
            Ok(section) => {
                for (key, value) in entries {
                    self.setting(section, key, value);
                }
            }
            Err(fault) => self.faults.push((Some(line), fault)),
        }
    }

    fn setting(&mut self, section: &Section, key: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        let (line, fault) = match table::find(section.name, key.get_ref()) {
            Ok(setting) => match setting.set_toml(self.settings, value.get_ref()) {
                Ok(()) => return,
                Err(fault) => (self.lines.line(value.span().start), fault),
            },
            Err(fault) => (self.lines.line(key.span().start), fault),
        };
        self.faults.push((Some(line), fault));
    }
}

fn not_a_section(name: &str) -> Fault {
    let names = || SECTIONS.iter().map(|section| section.name);
    let section = || nearest(name, names()).map(|name| format!("[{name}]"));
    Fault::NotASection {
        name: quote(name),
        nearest: table::homeless(name).or_else(section),
        valid: names().collect::<Vec<_>>().join(", "),
    }
}

/// Where the lines of a text begin, so that a position costs a search and not a walk.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Lines {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines { starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// The line of a byte, counted from 1.
    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }
}
