//! Pictures of models, as text.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::client::{AgentName, EventPage, Status, Why};
use crate::top::key::Key;
use crate::top::poll::{Answer, Close, Sight};
use crate::top::tests::{KINDS, answer, events, page, polled, press, seconds, seen, status};

/// The picture of `model`, line by line, spaces at line ends cut.
fn picture(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it cannot fail");
    terminal.draw(|frame| paint(frame, model, Theme::plain())).expect("it cannot fail");
    let buffer = terminal.backend().buffer();
    let line = |y| {
        let cells = (0..width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    (0..height).map(line).collect()
}

#[track_caller]
fn check_has(picture: &str, parts: &[&str]) {
    for part in parts {
        assert!(picture.contains(part), "no {part:?} in\n{picture}");
    }
}

#[test]
fn kinds_slowest_requests_and_events_are_seen_at_once() {
    let mut model = seen();
    model.tail.add(events(&[1, 2]));
    let expected = "\
n1  nexus 0.1.0, up 12.0 s, at http://127.0.0.1:7400
agents 7   requests/s 10.0   cpu 12.5 % of 2 workers   memory 1.0 MiB   connections 4

kinds───────────────────────────────────────────────────────────────────────────────────────────────
kind   agents   mailbox   msg/s↓     p50      p99   restarts   dropped
cart         5         3    50.0  0.10 ms  2.00 ms          1         0
room         1         3    25.0  0.10 ms  2.00 ms          1         0
kv          90         3     5.0  0.10 ms  2.00 ms          1         2





slowest requests─────────────────────────────  events───────────────────────────────────────────────
    took       ago  agent            request         1.000 s  agent.started  kv/1
 0.250 s    11.0 s  kv/42            add             2.000 s  agent.started  kv/2









q quit   ↑↓ Enter open   s sort   r reverse   / filter   ? help
";
    assert_eq!(picture(&model, 100, 26), expected);
}

#[test]
fn in_a_small_terminal_the_table_comes_first() {
    let model = seen();
    let small = picture(&model, 60, 12);
    check_has(&small, &["cart", "room", "q quit"]);
    assert!(!small.contains("slowest"), "{small}");
    let narrow = picture(&model, 60, 30);
    assert!(narrow.contains("slowest") && !narrow.contains("events"), "{narrow}");
}

#[test]
fn no_size_is_too_small_to_paint() {
    let mut model = seen();
    for keys in [&[][..], &[Key::Char('?')], &[Key::Esc, Key::Char('/')], &[Key::Esc, Key::Enter]] {
        press(&mut model, 1.2, keys);
        for (width, height) in [(0, 0), (1, 1), (2, 3), (10, 4), (5, 30), (300, 2)] {
            picture(&model, width, height);
        }
    }
}

#[test]
fn a_node_that_was_never_reached_is_shown_as_such() {
    let mut model = Model::new("http://127.0.0.1:7400");
    check_has(&picture(&model, 100, 26), &["nexus top  http://127.0.0.1:7400", "asking the node"]);
    let poll = polled(&mut model, 0.0);
    let result = Err("no answer: connection refused".to_owned());
    model.handle_answer(seconds(0.5), Answer { poll, result });
    model.handle_timeout(seconds(0.9));
    let lost = picture(&model, 100, 26);
    check_has(&lost, &["not reached for 0.9 s (try 1): no answer: connection refused"]);
}

#[test]
fn figures_from_before_are_said_to_be() {
    let mut model = seen();
    let poll = polled(&mut model, 2.0);
    let result = Err("gone \u{1b}[2J".to_owned());
    model.handle_answer(seconds(7.0), Answer { poll, result });
    let lost = picture(&model, 100, 26);
    check_has(&lost, &["all figures are from before: gone \\u{1b}[2J", "cart         5"]);
    check_has(&lost, &["requests/s –"]);
}

#[test]
fn a_draining_node_is_said_to_drain() {
    let mut model = seen();
    let poll = polled(&mut model, 2.0);
    let draining = Status { draining: true, cpu_percent: None, ..status(13.0, KINDS) };
    answer(&mut model, 2.1, poll, draining, Close::Kinds);
    check_has(&picture(&model, 100, 26), &["7400   draining", "cpu – of 2 workers"]);
}

#[test]
fn a_listing_shows_its_page_its_order_and_its_filter() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Enter]);
    check_has(&picture(&model, 100, 26), &["agents of cart, page 1─", "asking the node"]);
    let poll = polled(&mut model, 1.2);
    let close = Close::Agents(page(&["b", "a\u{202e}", "abc"], Some("X")));
    answer(&mut model, 1.3, poll, status(12.5, KINDS), close);
    let listing = picture(&model, 100, 26);
    check_has(&listing, &["agents of cart, page 1, more to the right─", "key↑", "a\\u{202e}"]);
    check_has(&listing, &["←→ page"]);
    press(&mut model, 1.4, &[Key::Char('/'), Key::Char('b'), Key::Char('c')]);
    let filtered = picture(&model, 100, 26);
    check_has(&filtered, &["more to the right with \"bc\"─", "names with: bc█"]);
    assert!(!filtered.contains("a\\u{202e}"), "{filtered}");
    press(&mut model, 1.4, &[Key::Char('x')]);
    check_has(&picture(&model, 100, 26), &["none of this page"]);
}

#[test]
fn one_agent_shows_why_it_is_as_it_is() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Enter]);
    let poll = polled(&mut model, 1.2);
    answer(&mut model, 1.3, poll, status(12.5, KINDS), Close::Agents(page(&["42"], None)));
    press(&mut model, 1.4, &[Key::Enter]);
    check_has(&picture(&model, 100, 26), &["agent cart/42", "asking the node"]);
    let poll = polled(&mut model, 1.4);
    let why = Why {
        phase: "suspended".to_owned(),
        handler: Some("Add".to_owned()),
        waiting_on: vec!["kv/7".to_owned()],
        events: events(&[1, 2]).events,
        pool: serde_json::json!({"used": "adaptive", "ladder": {"rungs": 3}}),
        ..Why::default()
    };
    answer(&mut model, 1.5, poll.clone(), status(12.6, KINDS), Close::Agent(Box::new(why)));
    let shown = picture(&model, 100, 26);
    check_has(
        &shown,
        &["handles    Add", "waits for  kv/7", "phase      suspended", "last events"],
    );
    check_has(&shown, &["layers of the pool", "  rungs  3"]);
    let newest = shown.find("2.000 s").expect("the second event");
    assert!(newest < shown.find("1.000 s").expect("the first event"), "{shown}");
    assert_eq!(model.view, View::Agent(AgentName::new("cart", "42")));
    let close = Err("no cart/42 (unknown_agent, 404)".to_owned());
    let sight = Sight { status: status(13.0, KINDS), events: EventPage::default(), close };
    model.handle_answer(seconds(1.6), Answer { poll, result: Ok(sight) });
    check_has(&picture(&model, 100, 26), &["no cart/42 (unknown_agent, 404)"]);
}

#[test]
fn help_stands_above_everything() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Char('?')]);
    let help = picture(&model, 100, 26);
    check_has(&help, &["┌keys─", "s           sort by the next column", "any key closes this"]);
}

#[test]
fn the_cursor_is_seen() {
    let mut model = seen();
    press(&mut model, 1.2, &[Key::Down]);
    let mut terminal = Terminal::new(TestBackend::new(100, 26)).expect("it cannot fail");
    terminal.draw(|frame| paint(frame, &model, Theme::plain())).expect("it cannot fail");
    let buffer = terminal.backend().buffer();
    let reversed = |y| buffer[(0, y)].modifier.contains(ratatui::style::Modifier::REVERSED);
    assert_eq!((5..8).map(reversed).collect::<Vec<_>>(), [false, true, false]);
}
