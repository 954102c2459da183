//! Which check this is, so that another process can find it again.

use std::any::type_name;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;

use crate::seeds::SEED;

thread_local! {
    /// How often each place has been passed on this thread: a test may come by
    /// one more than once.
    static PASSED: RefCell<BTreeMap<(String, String), u32>> = const { RefCell::new(BTreeMap::new()) };
}

/// A check: its test, its line, and which time that line is passed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) test: String,
    line: String,
    time: u32,
}

impl Place {
    /// Where `caller` runs a scenario of type `F`.
    pub(super) fn here<F>(caller: &Location<'_>) -> Place {
        let (test, line) = (test_name(type_name::<F>()), caller.to_string());
        let time = PASSED.with_borrow_mut(|passed| {
            let time = passed.entry((test.clone(), line.clone())).or_default();
            *time += 1;
            *time
        });
        Place { test, line, time }
    }

    /// The command that runs `seed` again.
    pub(super) fn command(&self, seed: u64) -> String {
        let package = std::env::var("CARGO_PKG_NAME").map(|name| format!(" -p {name}"));
        let package = package.unwrap_or_default();
        format!("{SEED}={seed} cargo test{package} {} -- --exact --nocapture", self.test)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} time {}", self.test, self.line, self.time)
    }
}

/// The name of the test this thread runs, as the test harness knows it.
///
/// It names its threads so, unless it runs one test only, on the main thread;
/// then it was often started with that name. Else the scenario is taken to be
/// written in the test itself.
fn test_name(scenario: &str) -> String {
    let thread = std::thread::current();
    match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => named_exactly().unwrap_or_else(|| of_scenario(scenario)),
    }
}

/// `path` in `… --exact path …` or `… path --exact …`, as runners start one test.
fn named_exactly() -> Option<String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--exact") {
        return None;
    }
    arguments.into_iter().find(|argument| !argument.starts_with('-'))
}

/// `module::test` of `crate::module::test::{{closure}}`.
fn of_scenario(scenario: &str) -> String {
    let end = scenario.find("::{{closure}}").unwrap_or(scenario.len());
    let path = &scenario[..end];
    path.split_once("::").map_or(path, |(_, path)| path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Place, of_scenario};
    use std::panic::Location;

    fn type_of<T>(_: &T) -> &'static str {
        std::any::type_name::<T>()
    }

    #[test]
    fn a_scenario_names_its_test() {
        let scenario = || 7;
        let name = of_scenario(type_of(&scenario));
        assert_eq!(name, "check::place::tests::a_scenario_names_its_test");
        assert_eq!(scenario(), 7);
        assert_eq!(of_scenario("tests::order::{{closure}}::{{closure}}"), "order");
        assert_eq!(of_scenario("tests::order::scenario"), "order::scenario");
    }

    #[test]
    fn a_line_passed_twice_is_two_places() {
        let caller = Location::caller();
        let places = [(); 2].map(|()| Place::here::<u8>(caller).to_string());
        assert!(places[0].ends_with("time 1") && places[1].ends_with("time 2"), "{places:?}");
    }
}
