//! How long requests take, from the usual ones to the rare ones.

use super::axis::Axis;
use super::frame::{Curve, Frame};
use super::reach;
use super::svg::Anchor;
use crate::demo::{Panel, Speeds, Study, curve_levels};
use crate::words::seconds;

/// Shares with a mark of their own; evenly spaced in rareness, from 90 % on.
const MARKS: [(f64, &str); 4] = [(0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %")];

/// The chart of one pool.
pub fn chart(study: &Study, panel_index: usize) -> String {
    let panel = &study.panels[panel_index];
    let levels = curve_levels(study.trace.requests().len());
    let mut frame = Frame::new(format!("latency-{panel_index}"));
    let (left, right) = frame.horizontal();
    let (bottom, top) = frame.vertical();
    let x = Axis::exact(0.0, rareness(levels[levels.len() - 1]).max(1.0), left, right);
    let (lowest, highest) = reach::curves(study);
    let y = Axis::log(lowest, highest, bottom, top);
    frame.y_axis(&y, "seconds from arrival to answer, log scale");
    frame.x_axis(&x, &marks(&levels), "share of requests answered by then");
    if (lowest..=highest).contains(&study.plan.objective_s) {
        objective(&mut frame, &y, study.plan.objective_s);
    }
    let curves = panel.results.iter().map(|(strategy, figures)| {
        let values =
            levels.iter().map(|&level| rareness(level)).zip(figures.curve_s.iter().copied());
        // The very first point is the one quickest request: chance, not habit.
        let values = values.skip(usize::from(levels.len() > 1));
        Curve::new(*strategy, &x, &y, values)
    });
    frame.curves(&curves.collect::<Vec<_>>());
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

fn objective(frame: &mut Frame, y: &Axis, objective_s: f64) {
    let (left, right) = frame.horizontal();
    let place = y.at(objective_s);
    frame.svg.line("objective", (left, place), (right, place));
    let text = format!("objective {objective_s} s");
    frame.svg.text("note", (right - 4.0, place + 14.0), Anchor::End, &text);
}
