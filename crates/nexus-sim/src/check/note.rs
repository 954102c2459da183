//! What two runs tell each other, as files in a folder of theirs.

use std::fs;
use std::path::{Path, PathBuf};

use super::Came;
use crate::TraceHash;

/// Set for the second run: the folder.
pub(super) const FOLDER: &str = "NEXUS_SIM_SECOND_RUN";

const ASKED: &str = "asked";
const FOUND: &str = "found";

/// What the first run wants to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// Which check.
    pub(super) place: String,
    /// What each seed came to.
    pub(super) firsts: Vec<Came>,
}

/// What the second run found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Every seed came to the same.
    Same,
    /// This one did not.
    Differs {
        seed: u64,
        came: Came,
        /// What happened, in lines.
        records: Vec<String>,
        panic: Option<String>,
    },
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

impl Asked {
    /// What this process was asked; `None` if it is the first run.
    pub(super) fn read() -> Option<Asked> {
        let text = fs::read_to_string(folder()?.join(ASKED)).expect("written by the first run");
        let mut lines = text.lines();
        let place = lines.next()?.to_owned();
        Some(Asked { place, firsts: lines.filter_map(came_of).collect() })
    }

    pub(super) fn write_to(&self, folder: &Path) -> std::io::Result<()> {
        let mut text = format!("{}\n", self.place);
        self.firsts.iter().for_each(|came| text += &line_of(came));
        fs::write(folder.join(ASKED), text)
    }
}

impl Found {
    /// What the second run left in `folder`.
    pub(super) fn read_from(folder: &Path) -> Option<Found> {
        let text = fs::read_to_string(folder.join(FOUND)).ok()?;
        Found::parse(&text)
    }

    fn parse(text: &str) -> Option<Found> {
        let mut lines = text.lines();
        if lines.next()? == "same" {
            return Some(Found::Same);
        }
        let came = came_of(lines.next()?)?;
        let panic = lines.next()?;
        let panic = (!panic.is_empty()).then(|| panic.to_owned());
        let records = lines.map(str::to_owned).collect();
        Some(Found::Differs { seed: came.seed, came, records, panic })
    }

    fn text(&self) -> String {
        match self {
            Found::Same => "same\n".to_owned(),
            Found::Differs { came, records, panic, .. } => {
                let panic = panic.as_deref().unwrap_or_default().replace('\n', " ");
                format!("differs\n{}{panic}\n{}\n", line_of(came), records.join("\n"))
            }
        }
    }

    /// Leaves it for the first run.
    pub(super) fn write(&self) {
        let folder = folder().expect("only the second run answers");
        fs::write(folder.join(FOUND), self.text()).expect("the first run made the folder");
    }
}

fn line_of(came: &Came) -> String {
    format!("{} {} {}\n", came.seed, came.hash, came.events)
}

fn came_of(line: &str) -> Option<Came> {
    let mut words = line.split(' ');
    let seed = words.next()?.parse().ok()?;
    let hash = TraceHash(u64::from_str_radix(words.next()?, 16).ok()?);
    Some(Came { seed, hash, events: words.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let came = Came { seed: u64::MAX, hash: TraceHash(7), events: 3 };
        assert_eq!(came_of(line_of(&came).trim_end()), Some(came));
        for panic in [None, Some("it went wrong".to_owned())] {
            let records = vec!["one".to_owned(), "two".to_owned()];
            let found = Found::Differs { seed: came.seed, came, records, panic };
            assert_eq!(Found::parse(&found.text()), Some(found));
        }
        assert_eq!(Found::parse(&Found::Same.text()), Some(Found::Same));
        assert_eq!(Found::parse(""), None);
    }
}
