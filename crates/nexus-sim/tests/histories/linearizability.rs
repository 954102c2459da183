use std::fs;
use std::time::{Duration, Instant};

use nexus_sim::linearizability::check;

use crate::data;

/// What one history may take, on any machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn known_verdicts_are_found_and_in_time() {
    let Some(folder) = data::folder("linearizability") else { return };
    let table = fs::read_to_string(folder.join("verdicts.csv")).expect("it is with the data");
    let mut right = 0;
    for line in table.lines().skip(1) {
        let (file, is_linearizable) = line.split_once(',').expect("two columns");
        let expected = if is_linearizable == "true" { "ok" } else { "violated" };
        let bytes = fs::read(folder.join(file)).expect("it is with the data");
        let start = Instant::now();
        let verdict = check(file, &bytes).unwrap_or_else(|error| panic!("{error}"));
        assert!(start.elapsed() < PATIENCE, "{file} took {:?}", start.elapsed());
        assert_eq!(verdict.word(), expected, "{file}: {verdict:?}");
        right += 1;
    }
    assert_eq!(right, 30);
}
