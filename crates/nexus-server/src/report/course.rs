//! The course of the trace: arrivals, and how many requests were in the system.

use super::axis::{Axis, label};
use super::frame::{Curve, Frame};
use super::latency::caption;
use super::svg::{Anchor, Svg};
use crate::demo::{Study, arrivals};

const WIDTH: f64 = 1140.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = HEIGHT - 44.0;

/// The charts of one trace; empty if all requests arrived at once.
pub fn section(study: &Study) -> String {
    if study.trace.span().is_zero() {
        return String::new();
    }
    let pools: String = (0..study.panels.len()).map(|index| in_system(study, index)).collect();
    format!(
        "<section>\n<h2>Over the time of the trace</h2>\n{}\
         <div class=\"pair\">\n{pools}</div>\n</section>\n",
        arriving(study)
    )
}

/// The time axis in a unit that gives few digits.
struct Clock {
    end: f64,
    unit: &'static str,
}

impl Clock {
    fn of(study: &Study) -> Clock {
        let seconds = study.trace.span().as_secs_f64();
        let (unit, length) = match seconds {
            ..300.0 => ("seconds", 1.0),
            300.0..18_000.0 => ("minutes", 60.0),
            18_000.0..432_000.0 => ("hours", 3_600.0),
            _ => ("days", 86_400.0),
        };
        Clock { end: seconds / length, unit }
    }

    fn axis(&self, from: f64, to: f64) -> Axis {
        Axis::exact(0.0, self.end, from, to)
    }

    fn title(&self) -> String {
        format!("{} since the first request", self.unit)
    }
}

fn arriving(study: &Study) -> String {
    let clock = Clock::of(study);
    let counts = arrivals(&study.trace);
    let slice_s = study.trace.span().as_secs_f64() / counts.len() as f64;
    let rates: Vec<f64> = counts.iter().map(|&count| f64::from(count) / slice_s).collect();
    let highest = rates.iter().copied().fold(0.0, f64::max);
    let (x, y) = (clock.axis(LEFT, RIGHT), Axis::linear(highest, BOTTOM, TOP));
    let mut svg = Svg::new("arrivals".to_owned(), WIDTH, HEIGHT);
    for tick in y.ticks() {
        svg.line("grid", (LEFT, y.at(tick)), (RIGHT, y.at(tick)));
        svg.text("tick", (LEFT - 6.0, y.at(tick) + 4.0), Anchor::End, &label(tick));
    }
    let width = (RIGHT - LEFT) / rates.len() as f64;
    for (index, rate) in rates.iter().enumerate() {
        let corner = (LEFT + width * index as f64 + 0.5, y.at(*rate));
        let title = format!("{rate:.1} requests a second");
        svg.bar("arrivals", corner, (width - 1.0, BOTTOM - corner.1), &title);
    }
    for tick in x.ticks() {
        svg.text("tick", (x.at(tick), BOTTOM + 16.0), Anchor::Middle, &label(tick));
    }
    svg.line("base", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    svg.text("axis", (4.0, 12.0), Anchor::Start, "requests a second");
    svg.text("axis", ((LEFT + RIGHT) / 2.0, HEIGHT - 8.0), Anchor::Middle, &clock.title());
    let description = format!("At most {highest:.1} requests a second arrive.");
    svg.figure("Requests arriving", &description)
}

fn in_system(study: &Study, panel_index: usize) -> String {
    let panel = &study.panels[panel_index];
    let clock = Clock::of(study);
    let mut frame = Frame::new(format!("in-system-{panel_index}"));
    let ((left, right), (low, high)) = (frame.horizontal(), frame.vertical());
    let (fewest, most) = extremes(study);
    let (x, y) = (clock.axis(left, right), Axis::log(fewest, most, low, high));
    frame.y_axis(&y, "requests waiting or being answered, log scale");
    let ticks: Vec<_> = x.ticks().into_iter().map(|tick| (tick, label(tick))).collect();
    frame.x_axis(&x, &ticks, &clock.title());
    let curves = panel.results.iter().map(|(strategy, figures)| {
        // A slice's mean stands at its middle.
        let slice = clock.end / figures.in_system.len() as f64;
        let places = (0..).map(|index| (f64::from(index) + 0.5) * slice);
        Curve::new(*strategy, &x, &y, places.zip(figures.in_system.iter().copied()))
    });
    frame.curves(&curves.collect::<Vec<_>>());
    let caption = format!("In the system, {}", caption(panel).to_lowercase());
    frame.svg.figure(&caption, &description(study, panel_index))
}

/// The fewest and the most of all pools: charts side by side are compared.
/// Less than one request is as good as none.
fn extremes(study: &Study) -> (f64, f64) {
    let all = study.panels.iter().flat_map(|panel| &panel.results);
    let counts = all.flat_map(|(_, one)| one.in_system.iter().copied());
    let both = |(fewest, most): (f64, f64), count: f64| (fewest.min(count), most.max(count));
    let (fewest, most) = counts.fold((f64::INFINITY, 0.0), both);
    (fewest.max(1.0), most.max(1.0))
}

fn description(study: &Study, panel_index: usize) -> String {
    let results = &study.panels[panel_index].results;
    let one = |name: &str, counts: &[f64]| {
        let most = counts.iter().copied().fold(0.0, f64::max);
        format!("{name}: at most {most:.0}. ")
    };
    results.iter().map(|(strategy, figures)| one(strategy.name(), &figures.in_system)).collect()
}
