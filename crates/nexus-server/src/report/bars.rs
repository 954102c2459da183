//! Mean, p95 and p99 of every strategy side by side.

use super::axis::{Axis, label};
use super::latency::caption;
use super::reach;
use super::svg::{Anchor, Svg};
use crate::demo::{Figures, Strategy, Study};
use crate::words::seconds;

const WIDTH: f64 = 560.0;
/// Room for the longest strategy name.
const LEFT: f64 = 176.0;
/// Room for a figure behind the longest bar.
const RIGHT: f64 = WIDTH - 56.0;
/// Room for the legend.
const TOP: f64 = 34.0;
const BAR_HEIGHT: f64 = 11.0;
const GAP: f64 = 12.0;
/// Room for the axis.
const FOOT: f64 = 40.0;

/// A statistic: its class, its name and where it stands.
type Statistic = (&'static str, &'static str, fn(&Figures) -> f64);

const STATISTICS: [Statistic; 3] = [
    ("mean", "mean", |one| one.mean_s),
    ("p95", "p95", |one| one.p95_s),
    ("p99", "p99", |one| one.p99_s),
];

const GROUP_HEIGHT: f64 = BAR_HEIGHT * STATISTICS.len() as f64 + GAP;

/// The chart of one pool.
pub fn chart(study: &Study, panel_index: usize) -> String {
    let panel = &study.panels[panel_index];
    let bottom = TOP + GROUP_HEIGHT * panel.results.len() as f64;
    let mut svg = Svg::new(format!("bars-{panel_index}"), WIDTH, bottom + FOOT);
    let x = Axis::linear(reach::bars(study), LEFT, RIGHT);
    legend(&mut svg);
    for tick in x.ticks() {
        svg.line("grid", (x.at(tick), TOP), (x.at(tick), bottom));
        svg.text("tick", (x.at(tick), bottom + 16.0), Anchor::Middle, &label(tick));
    }
    for (index, (strategy, figures)) in panel.results.iter().enumerate() {
        group(&mut svg, &x, TOP + GROUP_HEIGHT * index as f64, *strategy, figures);
    }
    svg.line("base", (LEFT, TOP), (LEFT, bottom));
    let middle = (LEFT + RIGHT) / 2.0;
    svg.text("axis", (middle, bottom + 34.0), Anchor::Middle, "seconds from arrival to answer");
    svg.figure(caption(panel), &description(&panel.results))
}

fn legend(svg: &mut Svg) {
    for (index, (class, name, _)) in STATISTICS.iter().enumerate() {
        let x = LEFT + 64.0 * index as f64;
        svg.bar(class, (x, 8.0), (12.0, BAR_HEIGHT), name);
        svg.text("tick", (x + 17.0, 17.5), Anchor::Start, name);
    }
}

fn group(svg: &mut Svg, x: &Axis, top: f64, strategy: Strategy, figures: &Figures) {
    let first = top + GAP / 2.0;
    let middle = top + GROUP_HEIGHT / 2.0;
    svg.text("name", (LEFT - 8.0, middle + 4.0), Anchor::End, strategy.name());
    for (index, (class, name, of)) in STATISTICS.iter().enumerate() {
        let y = first + BAR_HEIGHT * index as f64;
        let end = x.at(of(figures));
        let title = format!("{}, {name}: {}", strategy.name(), seconds(of(figures)));
        svg.bar(class, (LEFT, y + 0.5), (end - LEFT, BAR_HEIGHT - 1.0), &title);
        if of(figures) > x.high() {
            // A torn end says that the bar goes on.
            svg.line("cut", (end - 16.0, y + BAR_HEIGHT + 1.0), (end - 10.0, y - 1.0));
        }
        let value = (end + 4.0, y + BAR_HEIGHT - 1.5);
        svg.text("value", value, Anchor::Start, &seconds(of(figures)));
    }
}

fn description(results: &[(Strategy, Figures)]) -> String {
    let one = |(strategy, figures): &(Strategy, Figures)| {
        let values = STATISTICS.map(|(_, name, of)| format!("{name} {}", seconds(of(figures))));
        format!("{}: {}. ", strategy.name(), values.join(", "))
    };
    results.iter().map(one).collect()
}
