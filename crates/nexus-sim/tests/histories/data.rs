//! Test data that does not come with the repository.

use std::path::PathBuf;

/// The folder `name` of the test data. Where it is absent, says that the test
/// is skipped; under `CI=true` that is a failure.
pub fn folder(name: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let root = std::env::var_os("NEXUS_TEST_DATA").map_or_else(|| default.into(), PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "there is no {}: set NEXUS_TEST_DATA", folder.display());
    println!("skipped: there is no {}; set NEXUS_TEST_DATA", folder.display());
    None
}
