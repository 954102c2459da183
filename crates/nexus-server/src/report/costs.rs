//! What each level cost: time for each request, and memory.

use super::svg::{Anchor, Svg};
use crate::demo::levels::{Compared, name};

const WIDTH: f64 = 560.0;
/// Room for the longest name.
const LEFT: f64 = 150.0;
/// Room for a figure behind the longest bar.
const RIGHT: f64 = WIDTH - 90.0;
const HEADING_HEIGHT: f64 = 26.0;
const ROW_HEIGHT: f64 = 20.0;
const BAR_HEIGHT: f64 = 11.0;
/// Between one kind of cost and the next.
const GAP: f64 = 10.0;

/// One kind of cost: its class, its name, and how much of it there was.
type Cost = (&'static str, &'static str, fn(&Compared) -> Option<f64>);

const COSTS: [Cost; 2] = [
    ("mean", "nanoseconds a request", |one| one.cost_ns),
    ("p99", "bytes a server", |one| Some(one.bytes)),
];

/// The chart of one condition, all beyond what the first of it cost; `None` if time
/// was not measured.
pub fn chart(part: &[Compared]) -> Option<String> {
    let beyond = part.get(1..).filter(|beyond| !beyond.is_empty())?;
    if beyond.iter().any(|one| one.cost_ns.is_none()) {
        return None;
    }
    let panel_height = HEADING_HEIGHT + ROW_HEIGHT * beyond.len() as f64 + GAP;
    let condition = part[0].condition.name();
    let height = panel_height * COSTS.len() as f64;
    let mut svg = Svg::new(format!("costs-{condition}"), WIDTH, height);
    for (index, cost) in COSTS.iter().enumerate() {
        panel(&mut svg, panel_height * index as f64, cost, beyond);
    }
    let caption = format!("{condition}: what it cost beyond the {} level", name(&part[0]));
    Some(svg.figure(&caption, &description(beyond)))
}

fn panel(svg: &mut Svg, top: f64, cost: &Cost, beyond: &[Compared]) {
    let (class, words, of) = *cost;
    svg.text("axis", (LEFT, top + 16.0), Anchor::Start, words);
    let first = top + HEADING_HEIGHT;
    // What is cheaper than the first by chance has no bar, and keeps its figure.
    let amount = |one: &Compared| of(one).unwrap_or_default().max(0.0);
    let most = beyond.iter().map(amount).fold(1.0, f64::max);
    for (index, one) in beyond.iter().enumerate() {
        let y = first + ROW_HEIGHT * index as f64;
        let length = (RIGHT - LEFT) * amount(one) / most;
        let value = figure(of(one).unwrap_or_default());
        svg.text("name", (LEFT - 8.0, y + BAR_HEIGHT - 1.0), Anchor::End, &name(one));
        let title = format!("{}: {value} {words}", name(one));
        svg.bar(class, (LEFT, y), (length, BAR_HEIGHT), &title);
        let beside = (LEFT + length + 4.0, y + BAR_HEIGHT - 1.0);
        svg.text("value", beside, Anchor::Start, &value);
    }
    let bottom = first + ROW_HEIGHT * beyond.len() as f64;
    svg.line("base", (LEFT, first - 4.0), (LEFT, bottom));
}

/// A whole number.
fn figure(value: f64) -> String {
    format!("{value:.0}")
}

fn description(beyond: &[Compared]) -> String {
    let one = |compared: &Compared| {
        let costs = COSTS
            .iter()
            .map(|(_, words, of)| format!("{} {words}", figure(of(compared).unwrap_or_default())));
        format!("{}: {}. ", name(compared), costs.collect::<Vec<_>>().join(", "))
    };
    beyond.iter().map(one).collect()
}
