use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::*;

/// Runs requests written as `(kind, name, args)` and compares each answer, or
/// the text of the error and of its cause.
fn check(reactive: &Reactive, steps: &[(RequestKind, &str, Value, Result<Value, &str>)]) {
    let mut state = State::default();
    for (kind, name, args, expected) in steps {
        let before = bits(&state);
        let request = Request::new(*kind, name, args.clone());
        match (reactive.handle_request(&mut state, &request), expected) {
            (Ok(answer), Ok(expected)) => assert_eq!(answer, *expected, "{request:?}"),
            (Err(error), Err(expected)) => {
                assert_eq!(chain(&error), *expected, "{request:?}");
                assert_eq!(bits(&state), before, "an error changed the state");
            }
            (answer, expected) => panic!("{request:?}: {answer:?}, expected {expected:?}"),
        }
    }
}

/// The state as text: unlike `==`, tells 0 from -0.
fn bits(state: &State) -> String {
    serde_json::to_string(state).expect("a state is JSON")
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map_or(String::new(), |cause| format!(": {}", chain(cause)));
    format!("{error}{cause}")
}

use RequestKind::{Action, Query, Update};

#[test]
fn kv_reads_writes_compares_and_adds() {
    let steps = [
        (Query, "get", json!({"key": "a"}), Ok(json!(null))),
        (Query, "get", json!({"key": "a", "default": [1]}), Ok(json!([1]))),
        (Update, "put", json!({"key": "a", "value": {"x": 1}}), Ok(json!({"x": 1}))),
        (Query, "get", json!({"key": "a", "default": 7}), Ok(json!({"x": 1}))),
        (Update, "cas", json!({"key": "b", "expect": null, "value": 1}), Ok(json!(1))),
        (
            Update,
            "cas",
            json!({"key": "b", "expect": 2, "value": 3}),
            Err("key \"b\" does not hold the expected value"),
        ),
        (Update, "cas", json!({"key": "b", "expect": 1, "value": 3}), Ok(json!(3))),
        (Action, "add", json!({"key": "n", "by": 5}), Ok(json!(5))),
        (Action, "add", json!({"key": "n", "by": -7}), Ok(json!(-2))),
        (Query, "get", json!({"key": "n"}), Ok(json!(-2))),
    ];
    check(&Reactive::kv(), &steps);
}

#[test]
fn kv_says_what_is_wrong() {
    let long = "k".repeat(10_000);
    let max = i64::MAX;
    let steps = [
        (Update, "put", json!({"key": "s", "value": "text"}), Ok(json!("text"))),
        (Update, "put", json!({"key": "m", "value": max}), Ok(json!(max))),
        (Action, "add", json!({"key": "m", "by": 1}), Err("adding 1 to key \"m\" would overflow")),
        (
            Action,
            "add",
            json!({"key": "s", "by": 1}),
            Err("key \"s\" does not hold a 64-bit integer"),
        ),
        (
            Action,
            "add",
            json!({"key": "s", "by": 0.5}),
            Err("the arguments of add do not fit at `by`: \
                 invalid type: floating point `0.5`, expected i64"),
        ),
        (Action, "ad", json!({}), Err("there is no action called \"ad\", did you mean `add`?")),
        (Query, "put", json!({}), Err("there is no query called \"put\"; `put` is an update")),
        (
            Update,
            "put",
            json!({"key": "a"}),
            Err("the arguments of put do not fit: missing field `value`"),
        ),
        (
            Update,
            "put",
            json!({"key": "a", "value": 1, "ttl": 2}),
            Err("the arguments of put do not fit at `ttl`: \
                 unknown field `ttl`, expected `key` or `value`"),
        ),
        (
            Update,
            "cas",
            json!({"key": "a", "value": 1}),
            Err("the arguments of cas do not fit: missing field `expect`"),
        ),
        (
            Update,
            "put",
            json!({"key": long, "value": 1}),
            Err("the key has 10000 bytes, must have between 1 and 1024"),
        ),
        (
            Update,
            "put",
            json!({"key": "", "value": 1}),
            Err("the key has 0 bytes, must have between 1 and 1024"),
        ),
    ];
    check(&Reactive::kv(), &steps);
}

/// Moves `by` from one key to another, failing half-way if told to.
fn transfer(staged: &mut Staged<'_>, args: &Value) -> Result<Value, ReactiveError> {
    let held =
        |key: &str, staged: &Staged<'_>| staged.get(key).and_then(Value::as_i64).unwrap_or(0);
    let by = args["by"].as_i64().ok_or_else(|| ReactiveError::refused("by is missing"))?;
    let (from, to) =
        (held("from", staged).saturating_sub(by), held("to", staged).saturating_add(by));
    staged.put("from", Value::from(from))?;
    staged.remove("note");
    match args["fail"].as_str() {
        Some("error") => return Err(ReactiveError::refused("told to")),
        Some("panic") => panic!("told to"),
        _ => staged.put("to", Value::from(to))?,
    }
    Ok(Value::Null)
}

fn bank() -> Reactive {
    Reactive::kv().with_action("transfer", transfer).with_validator(|candidate| {
        let from = candidate.get("from").and_then(Value::as_i64).unwrap_or(0);
        if from < -10 { Err(format!("from would be {from}")) } else { Ok(()) }
    })
}

#[test]
fn an_action_that_fails_half_way_changes_nothing() {
    let steps = [
        (Update, "put", json!({"key": "note", "value": -0.0}), Ok(json!(-0.0))),
        (Action, "transfer", json!({"by": 4, "fail": "error"}), Err("refused: told to")),
        (Action, "transfer", json!({}), Err("refused: by is missing")),
        (Action, "transfer", json!({"by": 11}), Err("the change is not valid: from would be -11")),
        (
            Update,
            "put",
            json!({"key": "from", "value": -20}),
            Err("the change is not valid: from would be -20"),
        ),
        (Query, "get", json!({"key": "note"}), Ok(json!(-0.0))),
        (Action, "transfer", json!({"by": 10}), Ok(json!(null))),
        (Query, "get", json!({"key": "from"}), Ok(json!(-10))),
        (Query, "get", json!({"key": "to"}), Ok(json!(10))),
        (Query, "get", json!({"key": "note", "default": "gone"}), Ok(json!("gone"))),
    ];
    check(&bank(), &steps);
}

#[test]
fn an_action_that_panics_changes_nothing() {
    let (bank, mut state) = (bank(), State::default());
    let put = Request::new(Update, "put", json!({"key": "note", "value": 1}));
    bank.handle_request(&mut state, &put).expect("it is valid");
    let before = bits(&state);
    let panics = Request::new(Action, "transfer", json!({"by": 1, "fail": "panic"}));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        bank.handle_request(&mut state, &panics)
    }));
    assert!(caught.is_err());
    assert_eq!(bits(&state), before);
}

/// A report in three variants, and an action in two.
fn varied() -> Reactive {
    let say = |what: &'static str| move |_: &State, _: &Value| Ok(json!(what));
    let set = |to: i64| {
        move |staged: &mut Staged<'_>, _: &Value| staged.put("n", json!(to)).map(|()| json!(to))
    };
    Reactive::kv()
        .with_query("report", say("usual"))
        .with_query_variant("report", Variant::Quick, say("quick"))
        .with_query_variant("report", Variant::Thorough, say("thorough"))
        .with_action("close", set(1))
        .with_action_variant("close", Variant::Quick, set(2))
        .with_validator(|state| match state.get("n") {
            Some(n) if *n == json!(2) => Err("n is 2".to_owned()),
            _ => Ok(()),
        })
}

#[test]
fn the_variant_that_is_asked_for_runs_and_the_usual_one_where_there_is_none() {
    let (rules, mut state) = (varied(), State::default());
    let mut check = |kind, name, variant, says: Result<Value, &str>| {
        let done =
            rules.handle_request_as(&mut state, &Request::new(kind, name, json!({})), variant);
        let told = done.map_err(|error| error.to_string());
        assert_eq!(told, says.map_err(str::to_owned), "{name} {variant}");
    };
    for variant in Variant::ALL {
        check(Query, "report", variant, Ok(json!(variant.as_str())));
    }
    check(Action, "close", Variant::Thorough, Ok(json!(1)));
    check(Action, "close", Variant::Quick, Err("the change is not valid: n is 2"));
    check(
        Query,
        "close",
        Variant::Quick,
        Err("there is no query called \"close\"; `close` is an action"),
    );
    assert_eq!(state.get("n"), Some(&json!(1)), "a variant is validated like any other");

    let has =
        |kind, name, variant| rules.has_variant(&Request::new(kind, name, json!({})), variant);
    assert!(has(Query, "report", Variant::Thorough) && has(Action, "close", Variant::Usual));
    assert!(!has(Action, "close", Variant::Thorough) && !has(Query, "close", Variant::Usual));
}

#[test]
fn a_variant_of_nothing_and_a_second_one_are_refused_at_set_up() {
    let none = |_: &State, _: &Value| Ok(Value::Null);
    let check = |build: &dyn Fn() -> Reactive, says: &str| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(build));
        let panic = caught.expect_err("it is refused");
        let text = panic.downcast_ref::<String>().expect("a text");
        assert_eq!(text, says);
    };
    check(
        &|| varied().with_query_variant("close", Variant::Quick, none),
        "there is no query close to have a quick variant: register that first",
    );
    check(
        &|| varied().with_query_variant("report", Variant::Quick, none),
        "the quick variant of query report is there already",
    );
    check(
        &|| varied().with_query_variant("report", Variant::Usual, none),
        "the usual variant of query report is there already",
    );
}

#[test]
fn a_staged_state_reads_as_it_would_be() {
    let mut state = State::default();
    state.apply([("a".to_owned(), Some(json!(1))), ("b".to_owned(), Some(json!(2)))].into());
    let mut staged = Staged::new(&state);
    assert!(staged.remove("a") && !staged.remove("a") && !staged.remove("c"));
    staged.put("d", json!(4)).expect("there is room");
    staged.put("d", json!(5)).expect("there is room");
    assert_eq!(
        (staged.get("a"), staged.get("b"), staged.get("d")),
        (None, Some(&json!(2)), Some(&json!(5)))
    );
    assert_eq!((staged.len(), state.len()), (2, 2));
    let changes: Vec<_> = staged.changes().collect();
    assert_eq!(changes, [("a", None), ("d", Some(&json!(5)))]);
}

#[test]
fn a_state_has_a_bound() {
    let keys = (0..KEYS_MAX).map(|key| (key.to_string(), Some(Value::Null)));
    let mut state = State::default();
    state.apply(keys.collect());
    let (kv, before) = (Reactive::kv(), state.clone());
    let one_more = Request::new(Update, "put", json!({"key": "one more", "value": 1}));
    let error = kv.handle_request(&mut state, &one_more).expect_err("it is full");
    assert_eq!(error.to_string(), "the state is full at 65536 keys");
    assert!(state == before);
    let known = Request::new(Update, "put", json!({"key": "7", "value": 1}));
    kv.handle_request(&mut state, &known).expect("the key is there already");
}

fn any_args() -> impl Strategy<Value = Value> {
    let key = prop_oneof![Just("from"), Just("to"), Just("note"), Just("")];
    let number = prop_oneof![-30i64..30, Just(i64::MAX), Just(i64::MIN)];
    let fail = prop_oneof![Just(json!(null)), Just(json!("error"))];
    (key, number, fail, any::<u8>()).prop_map(|(key, number, fail, shape)| match shape % 5 {
        0 => json!({"key": key, "value": number}),
        1 => json!({"key": key, "by": number}),
        2 => json!({"by": number, "fail": fail}),
        3 => json!({"key": key, "expect": number, "value": "text"}),
        _ => json!({"key": key, "extra": number}),
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let kind = prop_oneof![Just(Query), Just(Update), Just(Action)];
    let name = prop_oneof![
        Just("get"),
        Just("put"),
        Just("cas"),
        Just("add"),
        Just("transfer"),
        Just("nothing")
    ];
    (kind, name, any_args()).prop_map(|(kind, name, args)| Request::new(kind, name, args))
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..ProptestConfig::default()
    })]

    /// With the failing requests left out, the state comes out the same.
    #[test]
    fn failing_requests_leave_no_trace(
        requests in proptest::collection::vec(any_request(), 0..60)
    ) {
        let bank = bank();
        let (mut all, mut only_done) = (State::default(), State::default());
        for request in &requests {
            let before = bits(&all);
            if bank.handle_request(&mut all, request).is_ok() {
                bank.handle_request(&mut only_done, request).expect("it was done on an equal state");
            } else {
                prop_assert_eq!(bits(&all), before);
            }
        }
        prop_assert_eq!(bits(&all), bits(&only_done));
    }
}
