//! Inputs worth keeping, in files named for what they come to.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target)
}

/// The inputs of a target, by outcome.
pub fn read(target: &str) -> BTreeMap<String, Vec<u8>> {
    let Ok(files) = fs::read_dir(folder(target)) else { return BTreeMap::new() };
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("the corpus can be listed").path();
        let outcome = path.file_stem().and_then(|name| name.to_str()).expect("a plain name");
        (outcome.to_owned(), fs::read(&path).expect("the corpus can be read"))
    };
    files.map(file).collect()
}

/// Adds an input; where it is now.
pub fn write(target: &str, outcome: &str, bytes: &[u8]) -> String {
    let folder = folder(target);
    let path = folder.join(format!("{outcome}.bin"));
    fs::create_dir_all(&folder).expect("the corpus can be written");
    fs::write(&path, bytes).expect("the corpus can be written");
    path.display().to_string()
}
