//! Rows for scripts: one JSON object a line.

use serde::Serialize;

use super::{Figures, Panel, Strategy, Study};

/// Decimals of seconds and shares: microseconds, finer than anything measured.
const DECIMALS: i32 = 6;
/// Decimals of wall-clock nanoseconds.
const DECIMALS_NS: i32 = 1;

/// One strategy in one pool.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// The strategy's name.
    pub strategy: &'static str,
    /// The pool's name.
    pub speeds: &'static str,
    /// Servers in the pool.
    pub servers: u32,
    /// Requests in one run.
    pub requests: usize,
    /// Mean seconds from arrival to answer.
    pub mean_s: f64,
    /// Seconds within which 50 in 100 requests were answered.
    pub p50_s: f64,
    /// … 95 in 100.
    pub p95_s: f64,
    /// … 99 in 100.
    pub p99_s: f64,
    /// Share of requests answered within the objective, from 0 to 1.
    pub within_objective: f64,
    /// Runs behind each mean.
    pub seeds: u32,
    /// Mean nanoseconds of one balancing decision; only with `--timing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_ns: Option<f64>,
}

impl Row {
    fn new(study: &Study, panel: &Panel, strategy: Strategy, figures: &Figures) -> Row {
        Row {
            strategy: strategy.name(),
            speeds: panel.speeds.name(),
            servers: study.plan.server_count,
            requests: study.trace.requests().len(),
            mean_s: rounded(figures.mean_s, DECIMALS),
            p50_s: rounded(figures.p50_s, DECIMALS),
            p95_s: rounded(figures.p95_s, DECIMALS),
            p99_s: rounded(figures.p99_s, DECIMALS),
            within_objective: rounded(figures.within_objective, DECIMALS),
            seeds: study.plan.seed_count,
            decision_ns: figures.decision_ns.map(|nanos| rounded(nanos, DECIMALS_NS)),
        }
    }
}

/// All rows of `study`, in the order of its plan.
pub fn json_lines(study: &Study) -> String {
    let mut text = String::new();
    for panel in &study.panels {
        for (strategy, figures) in &panel.results {
            let row = Row::new(study, panel, *strategy, figures);
            text += &serde_json::to_string(&row).expect("a row has only names and numbers");
            text.push('\n');
        }
    }
    text
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let unit = 10f64.powi(decimals);
    (value * unit).round() / unit
}
