//! What the model promises, without terminal and network.

use std::time::Duration;

use super::key::Key;
use super::model::contact::Report;
use super::model::{Effect, Mode, Model, View};
use super::poll::{Answer, Close, Detail, Poll, Sight};
use crate::client::{AgentName, AgentPage, Event, EventPage, Status, Why};

pub(super) fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}

/// A status after `uptime_s` with these kinds: name, agents, handled, dropped.
pub(super) fn status(uptime_s: f64, kinds: &[(&str, u64, u64, u64)]) -> Status {
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(name, agents, handled, dropped)| {
            format!(
                r#""{name}":{{"agents":{agents},"mailbox":3,"handled":{handled},"dropped":{dropped},
                "restarted":1,"latency_s":{{"count":1,"p50":0.0001,"p99":0.002}}}}"#
            )
        })
        .collect();
    let requests = (uptime_s * 10.0) as u64;
    let text = format!(
        r#"{{"node":"n1","version":"0.1.0","uptime_s":{uptime_s},"agents":7,"workers":2,
        "resident_bytes":1048576,"cpu_percent":12.5,"connections":4,"kinds":{{{}}},
        "latency":{{"bounds_s":[0.001],"counts":[{requests},0]}},
        "slowest":[{{"agent":"kv/42","name":"add","seconds":0.25,"at_s":1.0}}]}}"#,
        kinds.join(",")
    );
    serde_json::from_str(&text).expect("a status")
}

pub(super) const KINDS: &[(&str, u64, u64, u64)] =
    &[("cart", 5, 100, 0), ("kv", 90, 10, 2), ("room", 1, 50, 0)];

pub(super) fn page(keys: &[&str], next: Option<&str>) -> AgentPage {
    let agents = keys.iter().map(|key| {
        let text = format!(r#"{{"kind":"kv","key":"{key}","phase":"idle","mailbox":2}}"#);
        serde_json::from_str(&text).expect("an agent")
    });
    AgentPage { agents: agents.collect(), next: next.map(str::to_owned), scanned: 0 }
}

pub(super) fn events(numbers: &[u64]) -> EventPage {
    let event = |seq: &u64| Event {
        seq: *seq,
        at_s: Some(*seq as f64),
        name: "agent.started".to_owned(),
        agent: Some(format!("kv/{seq}")),
        detail: None,
    };
    EventPage { events: numbers.iter().map(event).collect(), next: numbers.last().copied() }
}

/// The poll that the model wants at `now`.
#[track_caller]
pub(super) fn polled(model: &mut Model, now: f64) -> Poll {
    model.handle_timeout(seconds(now));
    match model.poll_effect() {
        Some(Effect::Ask(poll)) => poll,
        other => panic!("{other:?} instead of a poll"),
    }
}

pub(super) fn answer(model: &mut Model, now: f64, poll: Poll, status: Status, close: Close) {
    let sight = Sight { status, events: EventPage::default(), close: Ok(close) };
    model.handle_answer(seconds(now), Answer { poll, result: Ok(sight) });
}

pub(super) fn press(model: &mut Model, now: f64, keys: &[Key]) {
    keys.iter().for_each(|key| model.handle_key(seconds(now), *key));
}

/// A model that has looked twice, at 0 s and at 2 s of the node.
pub(super) fn seen() -> Model {
    let mut model = Model::new("http://127.0.0.1:7400");
    let poll = polled(&mut model, 0.0);
    let before: Vec<_> = KINDS.iter().map(|(name, ..)| (*name, 1, 0, 0)).collect();
    answer(&mut model, 0.1, poll, status(10.0, &before), Close::Kinds);
    let poll = polled(&mut model, 1.0);
    answer(&mut model, 1.1, poll, status(12.0, KINDS), Close::Kinds);
    model
}

/// Names of the kinds from top to bottom, and the one under the cursor.
fn kinds(model: &Model) -> (String, String) {
    use super::model::browser::Column;
    use super::model::kinds::KindColumn;
    let rows = model.kind_rows();
    let names: Vec<&str> = model.kinds.visible(&rows).into_iter().map(KindColumn::name).collect();
    (names.join(" "), model.kinds.selected(&rows).unwrap_or_default().to_owned())
}

#[track_caller]
fn check_kinds(model: &Model, order: &str, cursor: &str) {
    assert_eq!(kinds(model), (order.to_owned(), cursor.to_owned()));
}

#[test]
fn the_node_is_asked_every_second_and_never_twice_at_once() {
    let mut model = Model::new("http://a");
    let poll = polled(&mut model, 0.0);
    assert_eq!(poll, Poll { events_after: None, detail: Detail::Kinds });
    assert_eq!(model.next_timeout(), None, "an answer is due");
    model.handle_timeout(seconds(5.0));
    assert_eq!(model.poll_effect(), None);
    answer(&mut model, 5.2, poll, status(1.0, KINDS), Close::Kinds);
    assert_eq!(model.next_timeout(), Some(seconds(1.0)), "overdue");
    let poll = polled(&mut model, 5.2);
    answer(&mut model, 5.3, poll, status(2.0, KINDS), Close::Kinds);
    model.handle_timeout(seconds(6.1));
    assert_eq!(model.poll_effect(), None, "a second has not passed");
    assert_eq!(model.next_timeout(), Some(seconds(6.2)));
}

#[test]
fn rates_are_reckoned_in_the_time_of_the_node() {
    let model = seen();
    assert_eq!(model.rates.of_kind("cart"), Some(50.0));
    assert_eq!(model.rates.requests(), Some(10.0));
    assert_eq!(model.rates.of_kind("none"), None);
}

#[test]
fn another_process_at_the_same_place_begins_anew() {
    let mut model = seen();
    model.tail.add(events(&[1, 2]));
    let poll = polled(&mut model, 2.0);
    assert_eq!(poll.events_after, Some(2));
    answer(&mut model, 2.1, poll, status(0.5, KINDS), Close::Kinds);
    assert_eq!(model.rates.of_kind("cart"), None);
    assert_eq!(polled(&mut model, 3.0).events_after, None);
}

#[test]
fn kinds_are_sorted_by_any_column_and_turned_round() {
    let mut model = seen();
    check_kinds(&model, "cart room kv", "cart");
    press(&mut model, 1.2, &[Key::Char('r')]);
    check_kinds(&model, "kv room cart", "kv");
    // p50, p99 and restarts are equal: the order is that of names.
    press(&mut model, 1.2, &[Key::Char('s')]);
    check_kinds(&model, "cart kv room", "cart");
    press(&mut model, 1.2, &[Key::Char('s'), Key::Char('s'), Key::Char('s')]);
    check_kinds(&model, "kv cart room", "kv");
    press(&mut model, 1.2, &[Key::Char('s')]);
    check_kinds(&model, "cart kv room", "cart");
    press(&mut model, 1.2, &[Key::Char('s')]);
    check_kinds(&model, "kv cart room", "kv");
}

#[test]
fn the_cursor_stays_with_its_row() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Down]);
    check_kinds(&model, "cart room kv", "room");
    press(&mut model, 1.2, &[Key::Char('r'), Key::Char('s')]);
    check_kinds(&model, "cart kv room", "room");
    press(&mut model, 1.2, &[Key::Down, Key::Down]);
    check_kinds(&model, "cart kv room", "room");
    press(&mut model, 1.2, &[Key::Home]);
    check_kinds(&model, "cart kv room", "cart");
    press(&mut model, 1.2, &[Key::End, Key::Up]);
    check_kinds(&model, "cart kv room", "kv");
}

#[test]
fn a_row_that_goes_leaves_the_cursor_where_it_was() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Down]);
    check_kinds(&model, "cart room kv", "room");
    let poll = polled(&mut model, 2.0);
    answer(&mut model, 2.1, poll, status(13.0, &KINDS[..2]), Close::Kinds);
    check_kinds(&model, "cart kv", "kv");
}

#[test]
fn a_filter_is_typed_kept_and_given_up() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Char('/'), Key::Char('r'), Key::Char('q'), Key::Backspace]);
    assert_eq!(model.mode, Mode::Filter);
    check_kinds(&model, "cart room", "cart");
    press(&mut model, 1.2, &[Key::Enter]);
    assert_eq!((model.mode, model.poll_effect()), (Mode::Browse, None));
    check_kinds(&model, "cart room", "cart");
    press(&mut model, 1.2, &[Key::Esc]);
    check_kinds(&model, "cart room kv", "cart");
    press(&mut model, 1.2, &[Key::Char('/'), Key::Char('x'), Key::Esc]);
    check_kinds(&model, "cart room kv", "cart");
    let long = [Key::Char('x'); 200];
    press(&mut model, 1.2, &[&[Key::Char('/')], &long[..]].concat());
    assert_eq!(model.kinds.filter.len(), 80);
    check_kinds(&model, "", "");
    press(&mut model, 1.2, &[Key::Enter, Key::Down, Key::Enter]);
    assert_eq!(model.view, View::Kinds, "there is nothing to open");
}

#[test]
fn opening_goes_from_kinds_to_agents_to_one_agent_and_back() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::End, Key::Enter]);
    assert_eq!(model.view, View::Agents);
    // At once, although a second has not passed.
    let poll = polled(&mut model, 1.2);
    assert_eq!(poll.detail, Detail::Agents { kind: "kv".to_owned(), after: None });
    answer(&mut model, 1.3, poll, status(12.2, KINDS), Close::Agents(page(&["b", "a"], None)));
    press(&mut model, 1.4, &[Key::Down, Key::Enter]);
    let name = AgentName::new("kv", "b");
    assert_eq!(model.view, View::Agent(name.clone()));
    let poll = polled(&mut model, 1.4);
    assert_eq!(poll.detail, Detail::Agent(name));
    let why = Why { phase: "idle".to_owned(), ..Why::default() };
    answer(&mut model, 1.5, poll, status(12.4, KINDS), Close::Agent(Box::new(why.clone())));
    assert_eq!(model.why, Some(why));
    press(&mut model, 1.6, &[Key::Enter, Key::Char('/'), Key::Char('s'), Key::Esc]);
    assert_eq!((&model.view, &model.why), (&View::Agents, &None));
    press(&mut model, 1.6, &[Key::Esc]);
    assert_eq!(model.view, View::Kinds);
    // Nothing was handled meanwhile, so the order is that of names.
    check_kinds(&model, "cart kv room", "kv");
    assert_eq!(polled(&mut model, 1.6).detail, Detail::Kinds);
}

#[test]
fn an_answer_about_what_is_no_longer_open_counts_for_the_rest() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Enter]);
    let poll = polled(&mut model, 1.2);
    press(&mut model, 1.3, &[Key::Esc, Key::Down, Key::Enter]);
    answer(&mut model, 1.4, poll, status(12.5, KINDS), Close::Agents(page(&["old"], None)));
    let agents = model.agents.as_ref().expect("a kind is open");
    assert!(agents.rows.is_empty() && !agents.is_seen());
    assert_eq!(model.status.as_ref().expect("seen").uptime_s, 12.5);
    let poll = polled(&mut model, 1.4);
    assert_eq!(poll.detail, Detail::Agents { kind: "room".to_owned(), after: None });
}

#[test]
fn a_listing_is_turned_page_by_page() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Enter]);
    let poll = polled(&mut model, 1.2);
    answer(&mut model, 1.3, poll, status(12.2, KINDS), Close::Agents(page(&["a"], Some("A"))));
    press(&mut model, 1.3, &[Key::PageAfter, Key::PageAfter]);
    let after = |poll: &Poll| match &poll.detail {
        Detail::Agents { after, .. } => after.clone(),
        other => panic!("{other:?}"),
    };
    let poll = polled(&mut model, 1.3);
    assert_eq!(after(&poll), Some("A".to_owned()));
    answer(&mut model, 1.4, poll, status(12.3, KINDS), Close::Agents(page(&["b"], None)));
    assert_eq!(model.agents.as_ref().map(|agents| agents.page()), Some(2));
    press(&mut model, 1.4, &[Key::PageAfter]);
    model.handle_timeout(seconds(1.4));
    assert_eq!(model.poll_effect(), None, "there is no third page");
    press(&mut model, 1.4, &[Key::PageBefore, Key::PageBefore]);
    assert_eq!(after(&polled(&mut model, 1.4)), None);
}

#[test]
fn a_node_that_is_lost_is_reported_and_comes_back() {
    let mut model = seen();
    assert_eq!(model.contact.report(), Report::Good);
    for (asked, failed) in [(2.0, 2.1), (3.0, 3.5)] {
        let poll = polled(&mut model, asked);
        let result = Err("connection refused".to_owned());
        model.handle_answer(seconds(failed), Answer { poll, result });
    }
    let expected = Report::Lost {
        span: seconds(1.5),
        tries: 2,
        reason: "connection refused".to_owned(),
        has_figures: true,
    };
    assert_eq!(model.contact.report(), expected);
    assert!(model.status.is_some(), "the last figures stay");
    assert_eq!(model.rates.requests(), None, "but they are no rates of now");
    let poll = polled(&mut model, 4.0);
    answer(&mut model, 4.1, poll, status(15.0, KINDS), Close::Kinds);
    assert_eq!(model.contact.report(), Report::Good);
}

#[test]
fn a_node_that_is_silent_is_reported() {
    let mut model = Model::new("http://a");
    polled(&mut model, 0.0);
    assert_eq!(model.contact.report(), Report::Asking);
    model.handle_timeout(seconds(4.0));
    assert_eq!(model.contact.report(), Report::Silent(seconds(4.0)));
}

#[test]
fn a_refusal_to_show_what_is_open_is_kept_until_it_is_shown() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Enter]);
    let poll = polled(&mut model, 1.2);
    let sight = Sight {
        status: status(12.2, KINDS),
        events: EventPage::default(),
        close: Err("no such kind".to_owned()),
    };
    model.handle_answer(seconds(1.3), Answer { poll, result: Ok(sight) });
    assert_eq!(model.refusal.as_deref(), Some("no such kind"));
    assert_eq!(model.contact.report(), Report::Good);
    press(&mut model, 1.4, &[Key::Esc]);
    assert_eq!(model.refusal, None);
}

#[test]
fn events_are_kept_up_to_a_number() {
    let mut model = seen();
    let numbers: Vec<u64> = (1..=500).collect();
    model.tail.add(events(&numbers));
    assert_eq!(model.tail.last(1_000).count(), 200);
    assert_eq!(model.tail.last(2).map(|event| event.seq).collect::<Vec<_>>(), [499, 500]);
    model.tail.add(EventPage::default());
    assert_eq!(model.tail.after(), Some(500));
}

#[test]
fn help_opens_and_any_key_closes_it() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Char('?')]);
    assert_eq!(model.mode, Mode::Help);
    press(&mut model, 1.2, &[Key::Char('q')]);
    assert_eq!((model.mode, model.poll_effect()), (Mode::Browse, None));
}

#[test]
fn q_and_control_c_quit() {
    for keys in [&[Key::Char('q')][..], &[Key::Interrupt], &[Key::Char('/'), Key::Interrupt]] {
        let mut model = seen();
        press(&mut model, 1.2, keys);
        assert_eq!(model.poll_effect(), Some(Effect::Quit), "{keys:?}");
    }
}
