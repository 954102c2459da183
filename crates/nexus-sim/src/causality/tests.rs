//! What the checker promises, on small logs.

use super::*;

/// Lines `host a:1 b:2` as a log; expects a verdict whose text begins so.
#[track_caller]
fn check_log(lines: &str, expected: &str) {
    let mut log = String::new();
    for line in lines.lines() {
        let (host, clock) = line.trim().split_once(' ').expect("a host and its clock");
        let entry = |entry: &str| {
            let (host, count) = entry.split_once(':').expect("a host and its count");
            format!("\"{host}\":{count}")
        };
        let entries: Vec<String> = clock.split(' ').map(entry).collect();
        log += &format!("what happened\n{host} {{{}}}\n", entries.join(", "));
    }
    let verdict = check("t", log.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let found = format!("{} {}", verdict.word(), verdict.reason());
    assert_eq!(found.trim_end(), expected, "{log}");
}

#[track_caller]
fn check_text(text: &str, expected: &str) {
    let found = match check("t", text.as_bytes()) {
        Ok(verdict) => format!("{} {}", verdict.word(), verdict.reason()),
        Err(error) => error.to_string(),
    };
    assert_eq!(found.trim_end(), expected, "{text:?}");
}

#[test]
fn clocks_of_one_story_are_ok_in_any_order_of_lines() {
    check_log("a a:1\na a:2\nb b:1 a:2\na a:3 b:1", "ok");
    check_log("a a:3 b:1\nb b:1 a:2\na a:2\na a:1", "ok");
    check_log("a a:1 b:0", "ok");
}

#[test]
fn own_entries_grow_by_one() {
    check_log(
        "a a:2",
        "violated host \"a\", its first event (line 2): its own entry is 2 where 1 was expected",
    );
    check_log(
        "a a:1\na a:3",
        "violated host \"a\", event 2 (line 4): its own entry is 3 where 2 was expected, one more \
         than that of the event before it (line 2)",
    );
    check_log(
        "a a:1\nb b:1\na a:1",
        "violated host \"a\", event 2 (line 6): its own entry is 1 where 2 was expected, one more \
         than that of the event before it (line 2)",
    );
    check_log(
        "b b:1\na b:1",
        "violated host \"a\", its first event (line 4): its own entry is 0 where 1 was expected",
    );
}

#[test]
fn nobody_knows_of_events_that_were_not_logged() {
    check_log(
        "a a:1\nb b:1 a:2",
        "violated host \"b\", event 1 (line 4): it knows of event 2 of host \"a\", which logged \
         only 1",
    );
    check_log(
        "a a:1 c:1",
        "violated host \"a\", event 1 (line 2): it knows of event 1 of host \"c\", which logged none",
    );
}

#[test]
fn no_event_happened_before_itself() {
    check_log(
        "a a:1 b:1\nb b:1 a:1",
        "violated host \"a\", event 1 (line 2): it happened before itself: it knows of host \"b\", \
         event 1 (line 4), which knows of the first",
    );
    check_log(
        "a a:1 b:2\na a:2 b:2\nb b:1 a:2\nb b:2 a:2",
        "violated host \"a\", event 1 (line 2): it happened before itself: it knows of host \"b\", \
         event 2 (line 8), which knows of host \"a\", event 2 (line 4), which knows of the first",
    );
}

#[test]
fn nobody_forgets_and_nobody_knows_less_than_what_it_knows_of() {
    check_log(
        "b b:1\na a:1 b:1\na a:2",
        "violated host \"a\", event 2 (line 6): it knows of 0 events of host \"b\", but the event \
         of its host before it, host \"a\", event 1 (line 4), of 1",
    );
    check_log(
        "c c:1\nb b:1 c:1\na a:1 b:1",
        "violated host \"a\", event 1 (line 6): it knows of 0 events of host \"c\", but one that it \
         knows of, host \"b\", event 1 (line 4), of 1",
    );
}

#[test]
fn a_long_log_does_not_exhaust_the_stack() {
    let events = 200_000;
    let mut log = String::new();
    for one in 1..=events {
        log += &format!("a {{\"a\":{one}, \"b\":{}}}\nb {{\"b\":{one}, \"a\":{one}}}\n", one - 1);
    }
    check_text(&log, "ok");
    // A cycle as long as the log.
    let log = log.replacen("\"b\":0", &format!("\"b\":{events}"), 1);
    let verdict = check("t", log.as_bytes()).expect("it is well formed");
    assert!(verdict.reason().contains("happened before itself"), "{verdict:?}");
}

#[test]
fn host_and_clock_may_stand_within_a_line() {
    let text = "[1] [x/user/a1] {\"a1\" : 1} hears {\"a1\":\"\n[2] a1] b: {\"b\":1,\"a1\":1}\n";
    check_text(text, "ok");
    check_text("it is about x {\"a\":1} so", NO_EVENT);
    let nobody = "[3] c] {\"a1\":2} .";
    let names_none = "has text before its clock that names no host of it";
    check_text(&format!("{text}{nobody}"), &bad(3, names_none, nobody));
    check_text(
        &format!("{text}and more"),
        &bad(3, "has no vector clock; expected one, as in line 1", "and more"),
    );
    check_text(
        &format!("head\n{text}"),
        &bad(1, "has no vector clock; expected one, as in line 2", "head"),
    );
    // A name that ends with another is taken whole.
    check_text("at 1 xa {\"a\":1, \"xa\":1} .\nat 1 a {\"a\":1} .", "ok");
}

#[test]
fn text_may_speak_of_clocks() {
    check_text("sent it {\"a\":1}\na {\"a\":1}\nset {x}\na {\"a\":2}\nis {\"a\":7} now", "ok");
}

const NO_EVENT: &str = "t: has no event with a vector clock; expected lines that begin with, or \
                        hold, host {\"host\":1, \"other\":2}\nnothing was checked";

fn bad(line: u64, wrong: &str, shown: &str) -> String {
    format!("t:{line}: {wrong}\n  {shown}\nnothing was checked")
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    check_text("", NO_EVENT);
    check_text("\n\nhello\n", NO_EVENT);
    let clock = |wrong: &str| format!("has a clock that cannot be read: {wrong}");
    for (line, wrong) in [
        ("a {\"a\":-1}", "expected a whole number from 0 to 18446744073709551615, found \"-1\""),
        ("a {\"a\":x}", "expected a whole number from 0 to 18446744073709551615, found \"x\""),
        (
            "a {\"a\":99999999999999999999}",
            "expected a whole number from 0 to 18446744073709551615, found \"99999999999999999999\"",
        ),
        ("a {\"a\" 1}", "expected a colon after the name of a host"),
        ("a {\"a\":1", "expected a comma or the closing brace of the clock"),
        ("a {\"a\":1.5}", "expected a comma or the closing brace of the clock"),
        ("a {\"a\":1,}", "expected the name of a host in double quotes"),
        ("a {\"a", "expected the name of a host in double quotes"),
    ] {
        check_text(&format!("a {{\"a\":1}}\n{line}"), &bad(2, &clock(wrong), line));
    }
    let twice = "a {\"a\":1, \"a\":2}";
    check_text(twice, &bad(1, "has two entries for host \"a\"; expected one", twice));
    assert_eq!(
        check("t", b"a {\"a\":1}\nb\xff").expect_err("it is no text").to_string(),
        bad(2, "is not UTF-8 text at byte 2 of the line", "b")
    );
}

#[test]
fn hostile_bytes_are_an_error_or_a_verdict() {
    let log = b"a {\"a\":1, \"b\\\"\":2}\ntext [x/b] {\"b\":1}\nb {\"b\" : 18446744073709551615}\n";
    let mut rng = nexus_base::Rng::new(1);
    for _ in 0..20_000 {
        let mut bytes = log.to_vec();
        for _ in 0..=rng.below(4) {
            let at = rng.below(bytes.len() as u64) as usize;
            match rng.below(3) {
                0 => bytes[at] = rng.below(256) as u8,
                1 => bytes[at] = b"{}\":,1 \n\\"[rng.below(9) as usize],
                _ => bytes.truncate(at + 1),
            }
        }
        let _ = check("t", &bytes);
    }
}
