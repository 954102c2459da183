//! The demo's report: one HTML file that needs nothing but itself.
//!
//! Charts are drawn here as inline SVG, so that the file opens from a disk,
//! prints, and reads the same without scripts or network. Colours follow the
//! reader's light or dark theme.
//!
//! Absent on purpose: anything that changes from run to run, such as a date;
//! equal seeds give equal reports.

mod axis;
mod bars;
mod costs;
mod course;
mod destination;
mod escape;
mod facts;
mod frame;
pub mod ladder;
mod latency;
mod reach;
mod svg;
mod template;

pub use destination::{Destination, ReportError};

use crate::demo::{Study, findings};
use escape::escaped;
use template::fill;

const PAGE: &str = include_str!("report/page.html");
const STYLE: &str = include_str!("report/style.css");

/// The whole report as HTML.
pub fn page(study: &Study) -> String {
    let title = facts::title(study);
    fill(
        PAGE,
        &[
            ("style", STYLE),
            ("title", &escaped(&title)),
            ("facts", &facts::list(study)),
            ("findings", &paragraphs(&findings(study))),
            ("tables", &each(study, |index| facts::table(study, index))),
            ("latency", &each(study, |index| latency::chart(study, index))),
            ("bars", &each(study, |index| bars::chart(study, index))),
            ("course", &course::section(study)),
            ("strategies", &facts::strategies(study)),
            ("objective", &study.plan.objective_s.to_string()),
            ("command", &escaped(&study.plan.command())),
            ("credit", &facts::credit(study)),
            ("version", env!("CARGO_PKG_VERSION")),
        ],
    )
}

/// What `part` makes of each pool, one after the other.
fn each(study: &Study, part: impl Fn(usize) -> String) -> String {
    (0..study.panels.len()).map(part).collect()
}

fn paragraphs(sentences: &[String]) -> String {
    sentences.iter().map(|one| format!("<p>{}</p>\n", escaped(one))).collect()
}
