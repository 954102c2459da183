use std::time::Duration;

use proptest::prelude::*;

use super::*;

const ON: CacheKnobs =
    CacheKnobs { entries_max: 3, bytes_max: 10_000, ttl: Duration::from_secs(5) };

type Cache = AnswerCache<u32, u64>;

fn at(seconds: u64) -> Time {
    Time::ZERO.after(Duration::from_secs(seconds))
}

fn key(agent: u32, query: &str) -> AnswerKey<u32> {
    AnswerKey::new(agent, query, "{}")
}

/// Runs one line a step: `get SECOND AGENT QUERY`, which keeps an answer if there
/// is none, `update AGENT`, `off`, `on`; and compares what the gets met.
fn check(script: &str, expected: &str) {
    let mut cache = Cache::new(Some(ON));
    let mut met = Vec::new();
    for line in script.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| words[index].parse::<u32>().expect("a number");
        match words[0] {
            "get" => {
                let (now, key) = (at(u64::from(number(1))), key(number(2), words[3]));
                let missed = match cache.get(now, &key) {
                    Lookup::Hit(_) => None,
                    Lookup::Miss(ticket) => Some(ticket),
                };
                met.push(if missed.is_some() { "miss" } else { "hit" });
                missed.map(|ticket| cache.insert(now, key, ticket, 0, 8));
            }
            "update" => drop(cache.invalidate(&number(1))),
            "off" => cache.set_limits(None),
            "on" => cache.set_limits(Some(ON)),
            other => panic!("{other}?"),
        }
    }
    assert_eq!(met.join(" "), expected, "{script}");
}

#[test]
fn an_answer_is_given_again_until_it_is_too_old() {
    check(
        "get 0 1 total
         get 4 1 total
         get 5 1 total
         get 9 1 total",
        "miss hit miss hit",
    );
}

#[test]
fn an_update_takes_all_answers_of_its_agent_and_no_others() {
    check(
        "get 0 1 total
         get 0 1 lines
         get 0 2 total
         update 1
         get 1 2 total
         get 1 1 total
         get 1 1 lines",
        "miss miss miss hit miss miss",
    );
}

#[test]
fn who_was_not_asked_for_longest_makes_room() {
    check(
        "get 0 1 a
         get 0 2 a
         get 0 3 a
         get 1 1 a
         get 1 4 a
         get 2 1 a
         get 2 3 a
         get 2 2 a",
        "miss miss miss hit miss hit hit miss",
    );
}

#[test]
fn a_cache_that_is_off_keeps_nothing_and_forgets_all() {
    check(
        "get 0 1 a
         off
         get 1 1 a
         get 1 1 a
         on
         get 1 1 a
         get 1 1 a",
        "miss miss miss miss hit",
    );
}

#[test]
fn an_answer_that_an_update_overtook_is_not_kept() {
    let mut cache = Cache::new(Some(ON));
    let Lookup::Miss(ticket) = cache.get(at(0), &key(1, "a")) else { panic!("it is empty") };
    cache.invalidate(&1);
    assert_eq!(cache.insert(at(0), key(1, "a"), ticket, 7, 8), Err(InsertError::Outdated));
    assert_eq!(cache.insert(at(0), key(2, "a"), ticket, 7, 8), Ok(()), "it was not updated");
    // Nor if its update is too long ago to be remembered by itself.
    let Lookup::Miss(ticket) = cache.get(at(0), &key(1, "a")) else { panic!("not kept") };
    for agent in 1..=UPDATED_MAX as u32 + 1 {
        cache.invalidate(&agent);
    }
    assert_eq!(cache.insert(at(0), key(1, "a"), ticket, 7, 8), Err(InsertError::Outdated));
    assert!(cache.updates.last.len() <= UPDATED_MAX && cache.updates.by_age.len() <= UPDATED_MAX);
}

#[test]
fn one_that_is_too_large_is_refused_and_drives_nobody_out() {
    let mut cache = Cache::new(Some(ON));
    let Lookup::Miss(ticket) = cache.get(at(0), &key(1, "a")) else { panic!("it is empty") };
    cache.insert(at(0), key(1, "a"), ticket, 7, 8).expect("there is room");
    let error = cache.insert(at(0), key(2, "a"), ticket, 7, u64::MAX).expect_err("too large");
    assert!(matches!(error, InsertError::TooLarge { bytes_max: 10_000, .. }));
    assert_eq!(cache.len(), 1);
    let counts = CacheCounts { misses: 1, inserted: 1, refused: 1, ..CacheCounts::default() };
    assert_eq!(cache.counts(), counts);
}

proptest! {
    /// Whatever is asked, kept and updated: what is found was kept by the latest
    /// insert after the latest update, and all bounds hold.
    #[test]
    fn what_is_found_is_what_was_kept_last(
        steps in prop::collection::vec((0u8..4, 0u32..4, 0u8..3, 0u64..3, 0u64..4_000), 1..200),
    ) {
        let mut cache = Cache::new(Some(ON));
        let mut model: BTreeMap<AnswerKey<u32>, (u64, u64)> = BTreeMap::new();
        let mut now = 0;
        for (number, (what, agent, query, passed, bytes)) in (1u64..).zip(steps) {
            now += passed;
            let key = key(agent, ["a", "b", "c"][usize::from(query)]);
            if what == 0 {
                cache.invalidate(&agent);
                model.retain(|key, _| key.agent != agent);
            } else {
                let ticket = match cache.get(at(now), &key) {
                    Lookup::Hit(value) => {
                        let (kept, kept_at) = model[&key];
                        prop_assert_eq!(*value, kept);
                        prop_assert!(now - kept_at < 5);
                        continue;
                    }
                    Lookup::Miss(ticket) => ticket,
                };
                cache.insert(at(now), key.clone(), ticket, number, bytes).expect("it fits");
                model.insert(key, (number, now));
            }
            prop_assert!(cache.len() <= 3 && cache.bytes() <= 10_000);
            prop_assert_eq!(cache.len(), cache.by_use.len());
            let bytes: u64 = cache.entries.values().map(|entry| entry.bytes).sum();
            prop_assert_eq!(cache.bytes(), bytes);
            let counts = cache.counts();
            let gone = counts.evicted + counts.expired + counts.invalidated;
            prop_assert_eq!(counts.inserted, gone + cache.len() as u64);
        }
    }
}
