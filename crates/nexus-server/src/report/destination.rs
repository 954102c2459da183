//! Where the report goes: tried before the long run, written in one stroke.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

/// The report's name unless told otherwise.
const NAME: &str = "nexus-demo.html";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Found before the first run.
    #[error(
        "cannot write the report to {}\nnothing was run or written\n\
         hint: choose another place with --report FILE", path.display()
    )]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Found after the last run, as when the disk has become full.
    #[error(
        "cannot write the report to {}\nthe table above is complete, and what \
         was at that path before is unchanged", path.display()
    )]
    NotWritten {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A path at which a file could be written a moment ago.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
}

impl Destination {
    /// The path asked for; or else `nexus-demo.html` in the current directory,
    /// or in the one for temporary files if that cannot be written to.
    ///
    /// # Errors
    /// [`ReportError::Unwritable`]; an existing file is unchanged.
    pub fn find(asked: Option<&Path>) -> Result<Destination, ReportError> {
        match asked {
            Some(path) => Destination::at(path.to_owned()),
            None => Destination::at(PathBuf::from(NAME))
                .or_else(|_| Destination::at(env::temp_dir().join(NAME))),
        }
    }

    fn at(path: PathBuf) -> Result<Destination, ReportError> {
        match try_out(&path) {
            Ok(()) => Ok(Destination { path }),
            Err(source) => Err(ReportError::Unwritable { path, source }),
        }
    }

    /// Writes the report and returns its full path. A reader sees the file that
    /// was there before or the whole new one, never a part.
    ///
    /// # Errors
    /// [`ReportError::NotWritten`]; an existing file is unchanged.
    pub fn write(self, html: &str) -> Result<PathBuf, ReportError> {
        match replace(&self.path, html.as_bytes()) {
            Ok(()) => Ok(std::path::absolute(&self.path).unwrap_or(self.path)),
            Err(source) => Err(ReportError::NotWritten { path: self.path, source }),
        }
    }
}

/// Does everything that writing will do, with an empty file that is then removed.
fn try_out(path: &Path) -> io::Result<()> {
    if let Ok(metadata) = fs::metadata(path) {
        // Opening tells of a directory and of a file we may not write;
        // replacing it through its directory would overrule that.
        OpenOptions::new().append(true).open(path)?;
        if !metadata.is_file() {
            return Ok(());
        }
    }
    let (beside, _) = create_beside(&target(path)?)?;
    fs::remove_file(beside)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A device or a pipe is written to; to rename over it would remove it.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return OpenOptions::new().append(true).open(path)?.write_all(bytes);
    }
    let target = target(path)?;
    let (beside, mut file) = create_beside(&target)?;
    let result = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, &target));
    if result.is_err() {
        // The first error is the one to tell of.
        let _ = fs::remove_file(&beside);
    }
    result
}

/// The file itself where `path` is a link to one: the link should remain.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        result => result,
    }
}

/// Creates a file of a name nobody uses in the directory of `path`, so that it
/// can be renamed to `path`.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.tmp", process::id()));
    let beside = path.with_file_name(beside);
    let file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
    Ok((beside, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty directory, removed in the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = env::temp_dir().join(format!("nexus-report-{name}-{}", process::id()));
            fs::create_dir_all(&path).expect("the directory for temporary files can be written");
            Scratch(path)
        }

        fn names(&self) -> Vec<std::ffi::OsString> {
            let entries = fs::read_dir(&self.0).expect("the directory is there");
            entries.map(|entry| entry.expect("it can be read").file_name()).collect()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_report_replaces_the_one_before_and_leaves_nothing_else() {
        let scratch = Scratch::new("replace");
        let path = scratch.0.join("r.html");
        for text in ["first", "second"] {
            let destination = Destination::find(Some(&path)).expect("it can be written");
            assert_eq!(destination.write(text).expect("it can be written"), path);
            assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
        }
        assert_eq!(scratch.names(), ["r.html"]);
    }

    #[test]
    fn an_unwritable_place_is_told_before_the_run() {
        let scratch = Scratch::new("unwritable");
        for path in [scratch.0.clone(), scratch.0.join("no/such/r.html"), PathBuf::new()] {
            let error = Destination::find(Some(&path)).expect_err("it cannot be written");
            assert!(error.to_string().contains("nothing was run or written"), "{error}");
        }
        assert!(scratch.names().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_and_a_device_stay_what_they_are() {
        let scratch = Scratch::new("link");
        let (file, link) = (scratch.0.join("file.html"), scratch.0.join("link.html"));
        fs::write(&file, "old").expect("it can be written");
        std::os::unix::fs::symlink(&file, &link).expect("links can be made");
        Destination::find(Some(&link)).expect("writable").write("new").expect("writable");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "new");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        let null = Path::new("/dev/null");
        Destination::find(Some(null)).expect("writable").write("gone").expect("writable");
        assert!(!fs::metadata(null).expect("it is there").is_file());
    }
}
