//! The ladder for people.

use comfy_table::{CellAlignment, ContentArrangement, Table};
use nexus_intel::measure::Gain;

use super::condition::Condition;
use super::contender::Contender;
use super::study::{Compared, Fall, LevelsStudy};
use super::watched::Noticed;
use crate::demo::table::STYLE;
use crate::words::counted;

/// Everything that is printed.
pub fn text(study: &LevelsStudy) -> String {
    let mut text = format!(
        "Levels compared on the same requests, {}, first {}.\n\
         Ratios are to the reactive level (least connections), with 95 % intervals.\n",
        counted(u64::from(study.seed_count), "seed"),
        study.seed_first,
    );
    for part in study.compared.chunk_by(|a, b| a.condition == b.condition) {
        text += &condition(part);
    }
    text
}

/// One condition: what it is, its table, and what is to be said beside it.
fn condition(part: &[Compared]) -> String {
    let first = &part[0];
    let (name, about) = (first.condition.name(), first.condition.about());
    let mut text = format!(
        "\n{}: {about} ({}, {})\n",
        capitalised(name),
        counted(u64::from(first.server_count), "server"),
        counted(first.request_count as u64, "request"),
    );
    text += &table(part).trim_fmt();
    text.push('\n');
    for sentence in part.iter().filter_map(aside) {
        text += &format!("{sentence}\n");
    }
    text
}

fn table(part: &[Compared]) -> Table {
    let has_deadline = part.iter().any(|one| one.in_time.is_some());
    let has_cost = part.iter().any(|one| one.cost_ns.is_some());
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Disabled);
    let mut headings = vec!["level", "mean", "p99", "mean, ratio", "p99, ratio"];
    headings.extend(has_deadline.then_some("in time"));
    headings.extend(has_cost.then_some("cost, ns"));
    headings.push("bytes/server");
    table.set_header(headings.clone());
    for one in part {
        let mut cells = vec![
            label(one),
            format!("{:.2}", one.mean_s),
            format!("{:.2}", one.p99_s),
            ratio(&one.mean),
            ratio(&one.p99),
        ];
        cells.extend(one.in_time.map(|(share, _)| format!("{:.1} %", share * 100.0)));
        cells.extend(one.cost_ns.map(|ns| format!("{ns:.0}")));
        cells.push(format!("{:.0}", one.bytes));
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Who a row is about.
pub fn label(compared: &Compared) -> String {
    let contender = compared.contender;
    match contender.poison() {
        Some(poison) => format!("{}, {}", contender.name(), poison.name()),
        None => contender.name().to_owned(),
    }
}

fn ratio(gain: &Gain) -> String {
    match (gain.ratio, gain.interval) {
        (Some(ratio), Some([low, high])) => format!("{ratio:.3} [{low:.3}, {high:.3}]"),
        (Some(ratio), None) => format!("{ratio:.3}"),
        (None, _) => "-".to_owned(),
    }
}

/// What a row has to say beyond its figures.
pub fn aside(compared: &Compared) -> Option<String> {
    if let Some(fall) = &compared.fall {
        return Some(fell(&label(compared), fall));
    }
    if let Some((_, missed)) =
        compared.in_time.filter(|_| compared.contender != Contender::Reactive)
    {
        return Some(format!("{}: missed, ratio {}", label(compared), ratio(&missed)));
    }
    noticed(compared)
}

fn fell(name: &str, fall: &Fall) -> String {
    if fall.seeds == 0 {
        return format!("{name}: did not step down");
    }
    let reason = fall.reason.as_deref().unwrap_or("no reason was given");
    format!(
        "{name}: stepped down in {}, after at most {} and {:.0} s; mean until then {}, afterwards \
         {} (p99 {}); {reason}",
        counted(u64::from(fall.seeds), "seed"),
        counted(fall.outcomes_max, "outcome"),
        fall.seconds_max,
        ratio(&fall.before),
        ratio(&fall.after),
        ratio(&fall.after_p99),
    )
}

/// How soon changes of speed were noticed.
fn noticed(compared: &Compared) -> Option<String> {
    let is_adaptive = compared.contender == Contender::ADAPTIVE;
    if compared.condition != Condition::Changing || !is_adaptive {
        return None;
    }
    let changes = Noticed::by_change(&compared.noticed);
    let sentences = changes.iter().map(|change| {
        format!(
            "the change at {:.0} s was noticed after {:.0} s (median of {}), {:.0} s at most",
            change.changed_at.as_secs_f64(),
            change.median_s,
            counted(change.count as u64, "server"),
            change.max_s
        )
    });
    let sentences: Vec<String> = sentences.collect();
    (!sentences.is_empty()).then(|| format!("{}: {}", label(compared), sentences.join("; ")))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
