//! Where two runs of one seed part ways.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use nexus_sim::cluster::ClusterSpec;

use crate::failure::Failure;
use crate::sim::processes;

/// The first event in which two processes differ that run `spec`, in words.
///
/// # Errors
/// [`Failure`] if the two runs cannot be made or read.
pub fn first(spec: &ClusterSpec) -> Result<String, Failure> {
    let folder = std::env::temp_dir();
    let name =
        |run: &str| folder.join(format!("nexus-sim-{}-{}-{run}", std::process::id(), spec.seed));
    let paths = [name("first"), name("second")];
    let found = (|| {
        for path in &paths {
            processes::write_events(spec, path)?;
        }
        compare(&paths[0], &paths[1])
    })();
    for path in &paths {
        // What stays is in the folder for temporary files.
        let _ = std::fs::remove_file(path);
    }
    found
}

fn compare(one: &Path, other: &Path) -> Result<String, Failure> {
    let open = |path: &Path| {
        let file = File::open(path);
        let file = file.map_err(|source| Failure::SimFile { path: path.to_owned(), source });
        Ok::<_, Failure>(BufReader::new(file?).lines().map_while(Result::ok))
    };
    let (mut one, mut other) = (open(one)?, open(other)?);
    let mut number = 0;
    loop {
        number += 1;
        let end = || "(nothing more)".to_owned();
        match (one.next(), other.next()) {
            (None, None) => {
                return Ok("two further runs were the same; what differs comes and goes".to_owned());
            }
            (first, second) if first != second => {
                let (first, second) = (first.unwrap_or_else(end), second.unwrap_or_else(end));
                return Ok(format!(
                    "event {number} is the first that differs:\n    first run:  {first}\n    \
                     second run: {second}"
                ));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[track_caller]
    fn check(first: &str, second: &str, expected: &str) {
        let folder = std::env::temp_dir();
        let paths = ["a", "b"]
            .map(|name| folder.join(format!("nexus-difference-{}-{name}", std::process::id())));
        for (path, text) in paths.iter().zip([first, second]) {
            std::fs::write(path, text).expect("the folder can be written");
        }
        let found = compare(&paths[0], &paths[1]).expect("both can be read");
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn the_first_difference_is_named() {
        check("a\nb\nc\n", "a\nx\nc\n", "event 2 is the first that differs");
        check("a\n", "a\nb\n", "first run:  (nothing more)");
        check("a\n", "a\n", "the same");
    }
}
