//! Where the report goes: tried before the long run, written in one stroke.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;

/// The report's name unless told otherwise.
const NAME: &str = "nexus-demo.html";

/// Links followed on the way to a file, as many as Linux itself follows.
const LINKS_MAX: usize = 40;

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
        "cannot write the report to {}\nall figures have been printed, and what \
         was at that path before is unchanged", path.display()
    )]
    NotWritten {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The same for a device or a pipe: what it has taken cannot be taken back.
    #[error(
        "cannot write the report to {}\nall figures have been printed; \
         part of the report may have been written", path.display()
    )]
    Broken {
        /// The device or the pipe.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A place to which something could be written a moment ago.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A file, replaced as a whole.
    File,
    /// A new file in a directory where others may write as well.
    Shared,
    /// A device, a pipe, or a file somebody opened for us: written to, since to
    /// rename over it would remove it or whatever else was sent there. Held
    /// open, as the reader of a pipe takes its closing for the end.
    Stream(File),
    /// Wherever standard output goes. Opened anew, the two would write over
    /// each other.
    Output,
    /// Wherever standard error goes.
    Error,
}

impl Destination {
    /// The path asked for; or else `nexus-demo.html` in the current directory,
    /// or if that cannot be written a new file in the one for temporary files.
    ///
    /// Waits where `asked` is a pipe, until somebody reads from it.
    ///
    /// # Errors
    /// [`ReportError::Unwritable`]; an existing file is unchanged.
    pub fn find(asked: Option<&Path>) -> Result<Destination, ReportError> {
        match asked {
            Some(path) => Destination::at(path.to_owned()),
            None => Destination::at(PathBuf::from(NAME))
                .or_else(|error| Destination::shared(env::temp_dir()).map_err(|_| error)),
        }
    }

    fn at(path: PathBuf) -> Result<Destination, ReportError> {
        match try_out(&path) {
            Ok(place) => Ok(Destination { path, place }),
            Err(source) => Err(ReportError::Unwritable { path, source }),
        }
    }

    /// A file in `directory`, whose name is made up when it is written: a name
    /// known earlier could by then be somebody else's link.
    fn shared(directory: PathBuf) -> io::Result<Destination> {
        let (path, _) = create_new(&directory)?;
        fs::remove_file(path)?;
        Ok(Destination { path: directory, place: Place::Shared })
    }

    /// Whether writing may have to wait for somebody else.
    pub fn may_wait(&self) -> bool {
        !matches!(self.place, Place::File | Place::Shared)
    }

    /// Writes the report and returns its full path, or nothing if it went where
    /// the standard streams go. The reader of a file sees the one that was there
    /// before or the whole new one, never a part.
    ///
    /// # Errors
    /// [`ReportError::NotWritten`], with an existing file unchanged, or
    /// [`ReportError::Broken`].
    pub fn write(self, html: &str) -> Result<Option<PathBuf>, ReportError> {
        let Destination { path, place } = self;
        let bytes = html.as_bytes();
        let broken = |source| ReportError::Broken { path: path.clone(), source };
        let written = match place {
            Place::File => replace(&path, bytes).map(|()| path.clone()),
            Place::Shared => write_new(&path, bytes),
            Place::Stream(mut file) => {
                file.write_all(bytes).map_err(broken)?;
                Ok(path.clone())
            }
            Place::Output => return pass(io::stdout(), bytes).map_err(broken),
            Place::Error => return pass(io::stderr(), bytes).map_err(broken),
        };
        match written {
            Ok(path) => Ok(Some(std::path::absolute(&path).unwrap_or(path))),
            Err(source) => Err(ReportError::NotWritten { path, source }),
        }
    }
}

/// Does everything that writing will do, with an empty file that is then removed.
fn try_out(path: &Path) -> io::Result<Place> {
    if let Ok(metadata) = fs::metadata(path) {
        if is_same(path, "/dev/stdout") {
            return Ok(Place::Output);
        }
        if is_same(path, "/dev/stderr") {
            return Ok(Place::Error);
        }
        // Opening tells of a directory and of a file we may not write;
        // replacing it through its directory would overrule that.
        let file = OpenOptions::new().append(true).open(path)?;
        if !metadata.is_file() || is_descriptor(path)? {
            return Ok(Place::Stream(file));
        }
    }
    let (beside, _) = create_beside(&target(path)?)?;
    fs::remove_file(beside)?;
    Ok(Place::File)
}

/// Whether both paths lead to one and the same file or device.
#[cfg(unix)]
fn is_same(path: &Path, other: &str) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()));
    matches!((identity(path), identity(Path::new(other))), (Ok(a), Ok(b)) if a == b)
}

#[cfg(not(unix))]
fn is_same(_: &Path, _: &str) -> bool {
    false
}

/// Whether `path` is a file that a process has opened, as `/dev/fd/3` is, or a
/// link to one.
fn is_descriptor(path: &Path) -> io::Result<bool> {
    let mut path = std::path::absolute(path)?;
    for _ in 0..LINKS_MAX {
        let Some(directory) = path.parent() else { return Ok(false) };
        let directory = fs::canonicalize(directory)?;
        if directory.starts_with("/proc") && directory.ends_with("fd") {
            return Ok(true);
        }
        match fs::read_link(&path) {
            Ok(next) => path = directory.join(next),
            Err(_) => return Ok(false),
        }
    }
    Ok(false)
}

/// Prints to a standard stream; a reader that has left is no error, as for tables.
fn pass(mut stream: impl Write, bytes: &[u8]) -> io::Result<Option<PathBuf>> {
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(None),
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
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

fn write_new(directory: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let (path, mut file) = create_new(directory)?;
    let result = file.write_all(bytes).and_then(|()| file.sync_all());
    if result.is_err() {
        let _ = fs::remove_file(&path);
    }
    result.map(|()| path)
}

/// Creates a file of a name that nobody can guess, through no link.
fn create_new(directory: &Path) -> io::Result<(PathBuf, File)> {
    // Keyed by the system's chance; a name in use is an error, never opened.
    let chance = RandomState::new().hash_one(process::id());
    let path = directory.join(format!("nexus-demo-{chance:016x}.html"));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    Ok((path, file))
}

/// The file itself where `path` is a link to one: the link should remain.
fn target(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        result => result,
    }
}

/// Creates a file of a name nobody uses in the directory of `path`, so that it
/// can be renamed to `path`.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or_else(|| io::Error::from(ErrorKind::IsADirectory))?;
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
            assert_eq!(destination.write(text).expect("it can be written").as_ref(), Some(&path));
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

    #[test]
    fn a_report_among_temporary_files_is_new_and_takes_no_known_name() {
        let scratch = Scratch::new("shared");
        let find = || Destination::shared(scratch.0.clone()).expect("it can be written");
        let destination = find();
        assert!(scratch.names().is_empty(), "no name is known before the end");
        let path = destination.write("first").expect("writable").expect("it is a file");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "first");
        let other = find().write("second").expect("writable").expect("it is a file");
        assert_ne!(path, other);
        assert_eq!(scratch.names().len(), 2);
        assert!(Destination::shared(scratch.0.join("no/such")).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_open_file_is_written_to_and_not_replaced() {
        use std::os::fd::AsRawFd;
        let scratch = Scratch::new("descriptor");
        let (path, link) = (scratch.0.join("out"), scratch.0.join("link"));
        let mut file = File::create(&path).expect("writable");
        file.write_all(b"tables\n").expect("writable");
        let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
        std::os::unix::fs::symlink(&descriptor, &link).expect("links can be made");
        for name in [Path::new(&descriptor), &link] {
            Destination::find(Some(name)).expect("writable").write("report\n").expect("writable");
        }
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "tables\nreport\nreport\n");
        assert_eq!(scratch.names().len(), 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_not_called_unchanged() {
        let full = Destination::find(Some(Path::new("/dev/full"))).expect("it can be opened");
        let error = full.write("gone").expect_err("it is full").to_string();
        assert!(error.contains("may have been written") && !error.contains("unchanged"), "{error}");
    }
}
