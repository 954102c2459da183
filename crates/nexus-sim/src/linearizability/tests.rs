//! What the checker promises: on small histories told in lines, and against
//! every order there is.

mod oracle;

use super::*;
use crate::Verdict;
use oracle::Told;

/// Tells `history`, in lines such as `1 put 3`, `1 -> done`, `2 get`, `2 -> 3`,
/// all at once and while checking; expects a verdict whose text begins so.
#[track_caller]
fn check_told(history: &str, expected: &str) {
    let told = Told::parse(history);
    for verdict in [told.history(History::complete()).check(), told.eager().check()] {
        let found = format!("{} {}", verdict.word(), verdict.reason());
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_read_may_not_go_back_in_time() {
    check_told("1 put 3\n1 -> done\n2 get\n2 -> 3\n2 get\n2 -> 3", "ok");
    check_told(
        "1 put 3\n1 -> done\n2 get\n2 -> nothing",
        "violated key \"k\": the first answer by itself has an order",
    );
    check_told("1 put 3\n2 get\n2 -> 3\n3 get\n3 -> nothing\n1 -> done", "violated");
    check_told("1 put 3\n2 get\n2 -> nothing\n3 get\n3 -> 3\n1 -> done", "ok");
}

#[test]
fn an_unknown_operation_may_take_effect_at_any_later_time_once_or_never() {
    let unknown = "1 put 3\n1 -> done\n2 put 4\n2 -> unknown\n";
    for (after, expected) in [
        ("1 get\n1 -> 3\n1 get\n1 -> 3", "ok"),
        ("1 get\n1 -> 3\n1 get\n1 -> 4", "ok"),
        ("1 get\n1 -> 4\n1 get\n1 -> 3", "violated"),
        ("1 get\n1 -> 4\n1 put 5\n1 -> done\n1 get\n1 -> 4", "violated"),
        ("3 put 4\n3 -> unknown\n1 get\n1 -> 4\n1 put 5\n1 -> done\n1 get\n1 -> 4", "ok"),
    ] {
        check_told(&format!("{unknown}{after}"), expected);
    }
    // Not before it began.
    check_told("1 get\n1 -> 4\n2 put 4\n2 -> unknown", "violated");
    // One that never ends is unknown too.
    check_told("2 put 4\n1 get\n1 -> 4\n1 get\n1 -> 4", "ok");
    check_told("2 put 4\n1 get\n1 -> 4\n1 get\n1 -> nothing", "violated");
}

#[test]
fn a_failed_operation_had_no_effect() {
    check_told("1 put 3\n1 -> fail\n2 get\n2 -> nothing", "ok");
    check_told("1 put 3\n1 -> fail\n2 get\n2 -> 3", "violated");
    check_told("1 put 3\n2 get\n1 -> fail\n2 -> 3", "violated");
}

#[test]
fn each_call_answers_as_one_copy_would() {
    check_told("1 cas nothing 3\n1 -> done\n1 cas 3 4\n1 -> done\n1 get\n1 -> 4", "ok");
    check_told("1 cas 3 4\n1 -> done", "violated");
    check_told("1 put 3\n1 -> done\n1 cas 3 4\n1 -> refused", "violated");
    check_told("1 put 3\n1 -> done\n1 cas 4 5\n1 -> 3\n1 get\n1 -> 3", "ok");
    check_told("1 put 3\n1 -> done\n1 cas 4 5\n1 -> 2", "violated");
    check_told("1 add 2\n1 -> 2\n1 add 3\n1 -> 5\n1 get\n1 -> 5", "ok");
    check_told("1 add 2\n1 -> 2\n2 add 2\n2 -> 2", "violated");
    check_told("1 add 2\n2 add 2\n1 -> 4\n2 -> 2", "ok");
    check_told("1 put 9223372036854775807\n1 -> done\n1 add 1\n1 -> done", "violated");
    check_told(
        "1 get\n1 -> \"\"\n1 append a\n1 -> done\n1 append b\n1 -> done\n1 get\n1 -> \"ab\"",
        "ok",
    );
    check_told("1 append a\n2 append b\n1 -> done\n2 -> done\n1 get\n1 -> \"ba\"", "ok");
    check_told("1 put 3\n1 -> done\n1 append b\n1 -> done", "violated");
}

#[test]
fn what_is_told_of_a_violation_is_enough_to_find_it() {
    let verdict = Told::parse(
        "1 put 3\n1 -> done\n2 put 4\n2 -> unknown\n3 get\n1 cas 3 5\n3 -> 9\n1 -> done",
    );
    let verdict = verdict.history(History::complete()).check();
    assert_eq!(
        verdict.reason(),
        "key \"k\": the first answer by itself has an order, but none goes on to get by client 3 \
         (lines 5 to 7), which answered 9 where 3, 5, 4 were possible; under way at the same \
         time: cas 3 to 5 by client 1 (lines 6 to 8)"
    );
}

#[test]
fn a_write_of_what_is_held_already_may_still_be_needed_later() {
    let told = "1 add 1\n1 -> 1\n2 add 2\n3 put 1\n2 -> 3\n3 -> done\n1 get\n1 -> 1";
    check_told(told, "ok");
}

#[test]
fn of_several_keys_the_first_to_break_is_named() {
    let mut history = History::complete();
    let at = |line| Place::Line(line);
    for (line, key) in [(1, "b"), (3, "a")] {
        let get = history.invoke(at(line), 1, key, Call::Get);
        history.ok(get, at(line + 1), Answer::Found(Some(1.into())));
    }
    let verdict = history.check();
    assert!(verdict.reason().starts_with("key \"b\""), "{verdict:?}");
}

#[test]
fn every_verdict_is_that_of_trying_all_orders() {
    let mut counts = [0; 2];
    for seed in 0..3_000 {
        let told = Told::draw(seed);
        let expected = told.is_linearizable_by_trying_all();
        counts[usize::from(expected)] += 1;
        let complete = told.history(History::complete()).check();
        let eager = told.eager().check();
        for verdict in [complete, eager] {
            let word = if expected { "ok" } else { "violated" };
            assert_eq!(verdict.word(), word, "seed {seed}: {verdict:?}\n{told:#?}");
        }
    }
    assert!(counts.iter().all(|&count| count > 500), "both are to be seen often: {counts:?}");
}

/// A client that counts up, beside one whose operations overlap with everything.
fn long(count: i64, mut step: impl FnMut(&History)) -> History {
    let mut history = History::incremental();
    let mut slow = None;
    for value in 0..count {
        let at = Place::Line(value as u64);
        if value % 20 == 0 {
            slow.replace(history.invoke(at, 2, "k", Call::Get)).into_iter().for_each(|get| {
                history.ok(get, at, Answer::Found(Some((value - 7).into())));
            });
        }
        if value % 1_000 == 999 {
            let lost = history.invoke(at, 3, "k", Call::Put((-value).into()));
            history.unknown(lost);
        }
        let put = history.invoke(at, 1, "k", Call::Put(value.into()));
        history.ok(put, at, Answer::Done);
        step(&history);
    }
    slow.into_iter().for_each(|get| history.unknown(get));
    history
}

#[test]
fn an_incremental_history_holds_little_and_forgets_nothing() {
    let mut held_max = 0;
    let history = long(20_000, |history| held_max = held_max.max(history.held("k")));
    assert!(history.check().is_ok(), "{:?}", history.check());
    assert!(held_max < 256, "{held_max}");
}

#[test]
fn a_violation_is_known_while_the_history_is_told() {
    let mut history = long(1_000, |_| {});
    let get = history.invoke(Place::Line(1_001), 4, "k", Call::Get);
    history.ok(get, Place::Line(1_001), Answer::Found(Some(17.into())));
    for line in 1_002..1_200 {
        assert_eq!(history.violation().is_some(), history.held("k") == 0);
        let get = history.invoke(Place::Line(line), 5, "k", Call::Get);
        history.ok(get, Place::Line(line), Answer::Found(Some(999.into())));
    }
    let violation = history.violation().expect("it was seen");
    assert!(violation.reason().contains("get by client 4 (lines 1001 to 1001)"), "{violation:?}");
    assert_eq!(*violation, history.check());
}

#[test]
fn what_takes_too_long_is_unknown_and_says_why() {
    let limits = Limits { configurations_max: 1_000, ..Limits::default() };
    let mut history = History::of(Store, limits);
    let at = Place::Line(1);
    for one in 0..40 {
        let add = history.invoke(at, one, "k", Call::Add(1 << one));
        history.unknown(add);
    }
    let get = history.invoke(at, 0, "k", Call::Get);
    history.ok(get, at, Answer::Found(Some((-1).into())));
    let verdict = history.check();
    assert_eq!(
        verdict,
        Verdict::Unknown(
            "key \"k\": no order was found within the limits of the search: 1 answer, 40 \
             operations of unknown outcome"
                .to_owned()
        )
    );
}

#[test]
fn each_limit_makes_the_verdict_unknown() {
    let limits = Limits { keys_max: 1, window_max: 2, unknown_max: 1, ..Limits::default() };
    let check = |operations: &[(&str, bool)], expected: &str| {
        let mut history = History::of(Store, limits);
        for (key, is_known) in operations {
            let put = history.invoke(Place::Line(1), 1, key, Call::Put(1.into()));
            match is_known {
                true => history.ok(put, Place::Line(1), Answer::Done),
                false => history.unknown(put),
            }
        }
        let verdict = history.check();
        assert!(verdict.word() == "unknown" && verdict.reason().contains(expected), "{verdict:?}");
    };
    check(&[("a", true), ("b", true)], "more than 1 keys");
    check(&[("a", true), ("a", true), ("a", true)], "more than 2 operations");
    check(&[("a", false), ("a", false)], "more than 1 operations have an unknown outcome");
}
