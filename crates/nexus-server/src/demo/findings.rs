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
    let (calmest, calm) = least(panel, |one| one.p99_s);
    let (slowest, worst) = most(panel, |one| one.mean_s);
    let begin =
        format!("{pool} {} answers in {} on average", quickest.name(), seconds(best.mean_s));
    if panel.results.len() == 1 {
        return format!("{begin} and 99 in 100 requests within {}.", seconds(best.p99_s));
    }
    let tail = if quickest == calmest {
        format!("99 in 100 within {}", seconds(calm.p99_s))
    } else {
        format!("{} answers 99 in 100 soonest, within {}", calmest.name(), seconds(calm.p99_s))
    };
    let times = worst.mean_s / best.mean_s;
    let end = if times < 1.05 {
        "no strategy is more than 5 % slower".to_owned()
    } else {
        format!("{} takes {times:.1} times as long on average", slowest.name())
    };
    format!("{begin}, {tail}; {end}.")
}

fn least(panel: &Panel, of: fn(&Figures) -> f64) -> (Strategy, &Figures) {
    let all = panel.results.iter().map(|(strategy, one)| (*strategy, one));
    all.min_by(|(_, a), (_, b)| of(a).total_cmp(&of(b))).expect("a plan has a strategy")
}

fn most(panel: &Panel, of: fn(&Figures) -> f64) -> (Strategy, &Figures) {
    let all = panel.results.iter().map(|(strategy, one)| (*strategy, one));
    all.max_by(|(_, a), (_, b)| of(a).total_cmp(&of(b))).expect("a plan has a strategy")
}
