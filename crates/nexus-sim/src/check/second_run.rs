//! Starting the same test in another process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use super::note::{Asked, FOLDER, Found};
use super::place::Place;

/// Lines of the second run's own output that are shown if it came to nothing.
const OUTPUT_LINES: usize = 20;

/// Numbers the folders of this process.
static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A second run that is to be.
pub(super) struct SecondRun<'a> {
    place: &'a Place,
}

impl SecondRun<'_> {
    /// The second run of the check at `place`.
    pub(super) fn of(place: &Place) -> SecondRun<'_> {
        SecondRun { place }
    }

    /// Has it happen; what it found.
    ///
    /// # Errors
    /// Why it did not happen, in words.
    pub(super) fn ask(&self, asked: &Asked) -> Result<Found, String> {
        let folder = Folder::make().map_err(|error| format!("no folder for it: {error}"))?;
        asked.write_to(&folder.0).map_err(|error| format!("no note for it: {error}"))?;
        let output = self.run(&folder.0).map_err(|error| format!("it did not start: {error}"))?;
        Found::read_from(&folder.0).ok_or_else(|| self.nothing_found(&output))
    }

    fn run(&self, folder: &Path) -> io::Result<Output> {
        Command::new(std::env::current_exe()?)
            .args(["--exact", &self.place.test, "--nocapture", "--include-ignored"])
            .env(FOLDER, folder)
            .output()
    }

    fn nothing_found(&self, output: &Output) -> String {
        let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        let said: Vec<&str> = said.iter().flat_map(|text| text.lines()).collect();
        let last = said[said.len().saturating_sub(OUTPUT_LINES)..].join("\n");
        format!(
            "this program, started with `--exact {}`, did not come by {}. Call `check` from the \
             test itself, on its own thread, or do with one run by `Check::once`. It said:\n{last}",
            self.place.test, self.place
        )
    }
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Folder> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("nexus-sim-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it: the next process of this number writes over it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
