//! Rows for scripts: one JSON object a line.

use nexus_intel::measure::Gain;
use serde::Serialize;

use super::study::{Compared, Fall, LevelsStudy};
use super::watched::Noticed;

/// Decimals of seconds, shares and ratios.
const DECIMALS: i32 = 6;
/// Decimals of wall-clock nanoseconds and of bytes.
const DECIMALS_COST: i32 = 1;

/// One level under one condition.
#[derive(Serialize)]
struct Row {
    condition: &'static str,
    level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    poison: Option<&'static str>,
    servers: u32,
    requests: usize,
    seeds: u32,
    mean_s: f64,
    p99_s: f64,
    ratio_mean: Option<f64>,
    ratio_p99: Option<f64>,
    ci95_mean: Option<[f64; 2]>,
    ci95_p99: Option<[f64; 2]>,
    cost_ns: Option<f64>,
    bytes: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio_missed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci95_missed: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    noticed: Vec<NoticedRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stepped_down: Option<FallRow>,
}

/// How long after one change of speed it was noticed, over servers and seeds.
#[derive(Serialize)]
struct NoticedRow {
    changed_s: f64,
    count: usize,
    median_s: f64,
    max_s: f64,
}

/// How a poisoned layer stepped down.
#[derive(Serialize)]
struct FallRow {
    seeds: u32,
    outcomes_max: u64,
    seconds_max: f64,
    ratio_before: Option<f64>,
    ratio_after: Option<f64>,
    ratio_after_p99: Option<f64>,
    reason: Option<String>,
}

/// All rows of `study`, in its order.
pub fn json_lines(study: &LevelsStudy) -> String {
    let lines = study.compared.iter().map(|compared| {
        let row = row(study, compared);
        serde_json::to_string(&row).expect("a row has only names and numbers") + "\n"
    });
    lines.collect()
}

fn row(study: &LevelsStudy, compared: &Compared) -> Row {
    let missed = compared.in_time.map(|(_, missed)| missed);
    Row {
        condition: compared.condition.name(),
        level: compared.contender.name(),
        poison: compared.contender.poison().map(|poison| poison.name()),
        servers: compared.server_count,
        requests: compared.request_count,
        seeds: study.seed_count,
        mean_s: rounded(compared.mean_s, DECIMALS),
        p99_s: rounded(compared.p99_s, DECIMALS),
        ratio_mean: ratio(&compared.mean),
        ratio_p99: ratio(&compared.p99),
        ci95_mean: interval(&compared.mean),
        ci95_p99: interval(&compared.p99),
        cost_ns: compared.cost_ns.map(|ns| rounded(ns, DECIMALS_COST)),
        bytes: rounded(compared.bytes, DECIMALS_COST),
        in_time: compared.in_time.map(|(share, _)| rounded(share, DECIMALS)),
        ratio_missed: missed.as_ref().and_then(ratio),
        ci95_missed: missed.as_ref().and_then(interval),
        noticed: noticed(&compared.noticed),
        stepped_down: compared.fall.as_ref().map(fall),
    }
}

fn fall(fall: &Fall) -> FallRow {
    FallRow {
        seeds: fall.seeds,
        outcomes_max: fall.outcomes_max,
        seconds_max: rounded(fall.seconds_max, DECIMALS),
        ratio_before: ratio(&fall.before),
        ratio_after: ratio(&fall.after),
        ratio_after_p99: ratio(&fall.after_p99),
        reason: fall.reason.clone(),
    }
}

fn noticed(all: &[Noticed]) -> Vec<NoticedRow> {
    let changes = Noticed::by_change(all).into_iter();
    let row = changes.map(|change| NoticedRow {
        changed_s: change.changed_at.as_secs_f64(),
        count: change.count,
        median_s: rounded(change.median_s, DECIMALS),
        max_s: rounded(change.max_s, DECIMALS),
    });
    row.collect()
}

fn ratio(gain: &Gain) -> Option<f64> {
    gain.ratio.map(|ratio| rounded(ratio, DECIMALS))
}

fn interval(gain: &Gain) -> Option<[f64; 2]> {
    gain.interval.map(|interval| interval.map(|end| rounded(end, DECIMALS)))
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let unit = 10f64.powi(decimals);
    (value * unit).round() / unit
}
