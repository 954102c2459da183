//! What each level buys under each condition, as intervals around ratios, and what it costs.

use nexus_intel::measure::Gain;

use super::axis::{Axis, label};
use super::costs;
use super::escape::escaped;
use super::svg::{Anchor, Svg};
use super::template::fill;
use crate::demo::levels::{Compared, LevelsStudy, aside, name};
use crate::words::counted;

const PAGE: &str = include_str!("ladder.html");

const WIDTH: f64 = 560.0;
/// Room for the longest name.
const LEFT: f64 = 150.0;
/// Room for a figure behind the longest interval.
const RIGHT: f64 = WIDTH - 60.0;
/// Room for the legend.
const TOP: f64 = 34.0;
const ROW_HEIGHT: f64 = 40.0;
const MARK: f64 = 9.0;
/// Room for the axis.
const FOOT: f64 = 40.0;

/// The whole report as HTML.
pub fn page(study: &LevelsStudy) -> String {
    let parts: Vec<&[Compared]> =
        study.compared.chunk_by(|a, b| a.condition == b.condition).collect();
    let charts: String = parts.iter().map(|part| section(part)).collect();
    let seeds = counted(u64::from(study.seed_count), "seed");
    fill(
        PAGE,
        &[
            ("style", super::STYLE),
            ("seeds", &escaped(&seeds)),
            ("conditions", &charts),
            ("command", &escaped(&study.command)),
            ("version", env!("CARGO_PKG_VERSION")),
        ],
    )
}

/// One condition: its charts, and what is to be said beside them.
fn section(part: &[Compared]) -> String {
    let asides = part.iter().filter_map(aside);
    let asides: String =
        asides.map(|one| format!("<p class=\"small\">{}</p>\n", escaped(&one))).collect();
    let costs = costs::chart(part).unwrap_or_default();
    format!("<section>\n{}{asides}{costs}</section>\n", chart(part))
}

fn chart(part: &[Compared]) -> String {
    let bottom = TOP + ROW_HEIGHT * part.len() as f64;
    let condition = part[0].condition.name();
    let mut svg = Svg::new(format!("ladder-{condition}"), WIDTH, bottom + FOOT);
    let x = Axis::linear(part.iter().map(highest).fold(1.0, f64::max), LEFT, RIGHT);
    for (index, (class, words)) in [("mean", "mean"), ("p99", "p99")].into_iter().enumerate() {
        let at = LEFT + 64.0 * index as f64;
        svg.bar(class, (at, 8.0), (12.0, 11.0), words);
        svg.text("tick", (at + 17.0, 17.5), Anchor::Start, words);
    }
    for tick in x.ticks() {
        svg.line("grid", (x.at(tick), TOP), (x.at(tick), bottom));
        svg.text("tick", (x.at(tick), bottom + 16.0), Anchor::Middle, &label(tick));
    }
    for (index, compared) in part.iter().enumerate() {
        row(&mut svg, &x, TOP + ROW_HEIGHT * index as f64, compared);
    }
    svg.line("base", (x.at(1.0), TOP), (x.at(1.0), bottom));
    let middle = (LEFT + RIGHT) / 2.0;
    let axis = "time in system, as a ratio to the reactive level";
    svg.text("axis", (middle, bottom + 34.0), Anchor::Middle, axis);
    let caption = format!("{condition}: {}", part[0].condition.about());
    svg.figure(&caption, &description(part))
}

fn highest(compared: &Compared) -> f64 {
    let end = |gain: &Gain| gain.interval.map_or(1.0, |[_, high]| high);
    f64::max(end(&compared.mean), end(&compared.p99))
}

/// One contender: a line from end to end of each interval, and a mark at the ratio.
fn row(svg: &mut Svg, x: &Axis, top: f64, compared: &Compared) {
    let middle = top + ROW_HEIGHT / 2.0;
    svg.text("name", (LEFT - 8.0, middle + 4.0), Anchor::End, &name(compared));
    let gains = [("mean", &compared.mean, -MARK), ("p99", &compared.p99, MARK)];
    for (class, gain, offset) in gains {
        let (Some(ratio), y) = (gain.ratio, middle + offset) else { continue };
        let [low, high] = gain.interval.unwrap_or([ratio, ratio]);
        svg.line("interval", (x.at(low), y), (x.at(high), y));
        let title = format!("{}, {class}: {gain}", name(compared));
        svg.bar(class, (x.at(ratio) - MARK / 2.0, y - MARK / 2.0), (MARK, MARK), &title);
        let beside = x.at(high.max(ratio)) + MARK;
        svg.text("value", (beside, y + 4.0), Anchor::Start, &format!("{ratio:.3}"));
    }
}

fn description(part: &[Compared]) -> String {
    let one = |compared: &Compared| {
        format!("{}: mean {}, p99 {}. ", name(compared), compared.mean, compared.p99)
    };
    part.iter().map(one).collect()
}
