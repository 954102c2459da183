//! How long requests take, from the usual ones to the rare ones.

use super::axis::Axis;
use super::frame::Frame;
use super::svg::Anchor;
use crate::demo::{Panel, Speeds, Study, curve_levels};
use crate::words::seconds;

/// Shares with a mark of their own; evenly spaced in rareness, from 90 % on.
const MARKS: [(f64, &str); 5] =
    [(0.0, "0 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %")];

/// The chart of one pool.
pub fn chart(study: &Study, panel_index: usize) -> String {
    let panel = &study.panels[panel_index];
    let levels = curve_levels(study.trace.requests().len());
    let mut frame = Frame::new(format!("latency-{panel_index}"));
    let (left, right) = frame.horizontal();
    let (low, high) = frame.vertical();
    let x = Axis::exact(0.0, rareness(levels[levels.len() - 1]).max(1.0), left, right);
    let (shortest, longest) = range(study);
    let y = Axis::log(shortest, longest, low, high);
    frame.y_axis(&y, "seconds from arrival to answer, log scale");
    frame.x_axis(&x, &marks(&levels), "share of requests answered by then");
    objective(&mut frame, &y, study.plan.objective_s, (shortest, longest));
    let curve = |seconds: &[f64]| {
        let points = levels.iter().zip(seconds).skip(usize::from(levels.len() > 1));
        points.map(|(&level, &one)| (x.at(rareness(level)), y.at(one))).collect::<Vec<_>>()
    };
    let curves: Vec<_> =
        panel.results.iter().map(|(strategy, one)| (*strategy, curve(&one.curve_s))).collect();
    frame.curves(&curves);
    frame.svg.figure(caption(panel), &description(panel))
}

/// What a pool is called above a chart.
pub fn caption(panel: &Panel) -> &'static str {
    match panel.speeds {
        Speeds::Equal => "Equal speeds",
        Speeds::Mixed => "Mixed speeds",
    }
}

fn description(panel: &Panel) -> String {
    let one = |strategy: &str, half: f64, most: f64| {
        format!("{strategy}: half within {}, 99 % within {}. ", seconds(half), seconds(most))
    };
    panel.results.iter().map(|(s, figures)| one(s.name(), figures.p50_s, figures.p99_s)).collect()
}

/// 0 for all, 1 for one in ten, 2 for one in a hundred.
fn rareness(level: f64) -> f64 {
    -libm::log10(1.0 - level)
}

fn marks(levels: &[f64]) -> Vec<(f64, String)> {
    let last = levels[levels.len() - 1].max(0.9) + 1e-9;
    let seen = MARKS.into_iter().filter(|&(level, _)| level <= last);
    seen.map(|(level, text)| (rareness(level), text.to_owned())).collect()
}

/// The shortest and the longest time drawn, over all pools: charts side by
/// side are compared.
fn range(study: &Study) -> (f64, f64) {
    let curves =
        || study.panels.iter().flat_map(|panel| &panel.results).map(|(_, one)| &one.curve_s);
    // The very first point, the one quickest request, is not drawn.
    let shortest = curves().filter_map(|curve| curve.get(1).or(curve.first()));
    let longest = curves().filter_map(|curve| curve.last());
    (shortest.copied().fold(f64::INFINITY, f64::min), longest.copied().fold(0.0, f64::max))
}

fn objective(frame: &mut Frame, y: &Axis, objective_s: f64, (shortest, longest): (f64, f64)) {
    if objective_s < shortest || objective_s > longest {
        return;
    }
    let (left, right) = frame.horizontal();
    let place = y.at(objective_s);
    frame.svg.line("objective", (left, place), (right, place));
    let text = format!("objective {objective_s} s");
    frame.svg.text("note", (left + 6.0, place - 5.0), Anchor::Start, &text);
}
