//! What the tables show, in plain sentences.

use super::{Figures, Panel, Speeds, Strategy, Study};
use crate::words::{percent, seconds};

/// Shares above which a pool cannot keep up.
const LOAD_FULL: f64 = 1.0;

/// One sentence for each pool, and one more if it cannot keep up.
pub fn findings(study: &Study) -> Vec<String> {
    let mut sentences: Vec<String> = study.panels.iter().map(of_panel).collect();
    if let Some(load) = study.offered_load().filter(|&load| load > LOAD_FULL) {
        sentences.push(format!(
            "The requests ask for {} of what the pool can do, so its lines grow to the end; \
             try more servers.",
            percent(load)
        ));
    }
    sentences
}

fn of_panel(panel: &Panel) -> String {
    let pool = match panel.speeds {
        Speeds::Equal => "With equal speeds",
        Speeds::Mixed => "With mixed speeds",
    };
    let (quickest, best) = least(panel, |one| one.mean_s);
    let (mean, name) = (seconds(best.mean_s), quickest.name());
    if panel.results.len() == 1 {
        let p99 = seconds(best.p99_s);
        return format!("{pool} {name} answers in {mean} on average, 99 in 100 within {p99}.");
    }
    let (calmest, calm) = least(panel, |one| one.p99_s);
    let (p99, calmest) = (seconds(calm.p99_s), calmest.name());
    let gap = || gap(panel, best.mean_s);
    match (is_shared(panel, |one| one.mean_s), is_shared(panel, |one| one.p99_s)) {
        (true, true) => format!("{pool} all are the same: mean {mean}, p99 {p99}."),
        (true, false) => format!(
            "{pool} the mean is the same for all, {mean}, and {calmest} has the shortest p99, \
             {p99}."
        ),
        (false, true) => format!(
            "{pool} {name} has the shortest mean, {mean}, and p99 is the same for all, {p99}; {}.",
            gap()
        ),
        (false, false) => {
            let is_same = seconds(best.p99_s) == p99;
            let whose = if is_same { String::new() } else { format!("{calmest} ") };
            format!(
                "{pool} {name} has the shortest mean, {mean}, and {whose}the shortest p99, {p99}; \
                 {}.",
                gap()
            )
        }
    }
}

/// Whether every strategy shows the same.
fn is_shared(panel: &Panel, of: fn(&Figures) -> f64) -> bool {
    let mut shown = panel.results.iter().map(|(_, one)| seconds(of(one)));
    let first = shown.next();
    shown.all(|one| Some(one) == first)
}

/// How far the longest mean is from the shortest.
fn gap(panel: &Panel, shortest_s: f64) -> String {
    let (slowest, worst) = least(panel, |one| -one.mean_s);
    let name = slowest.name();
    match worst.mean_s / shortest_s {
        _ if shortest_s <= 0.0 => {
            format!("the longest is that of {name}, {}", seconds(worst.mean_s))
        }
        ..1.05 => "no mean is more than 5 % longer".to_owned(),
        times @ ..10.0 => format!("the mean of {name} is {times:.1} times as long"),
        times => format!("the mean of {name} is {times:.0} times as long"),
    }
}

fn least(panel: &Panel, of: fn(&Figures) -> f64) -> (Strategy, &Figures) {
    let all = panel.results.iter().map(|(strategy, one)| (*strategy, one));
    all.min_by(|(_, a), (_, b)| of(a).total_cmp(&of(b))).expect("a plan has a strategy")
}
