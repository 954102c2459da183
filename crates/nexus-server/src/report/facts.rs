//! What was run, and its figures, in words and tables.

use super::escape::escaped;
use super::latency::caption;
use crate::demo::{Column, Figures, Panel, Study};
use crate::words::{counted, grouped, percent, span};

/// The report's heading.
pub fn title(study: &Study) -> String {
    let count = study.plan.strategies.len();
    let ways = if count == 1 { "one way" } else { "ways" };
    let how_many = if count == 1 { String::new() } else { format!("{count} ") };
    let requests = counted(study.trace.requests().len() as u64, "request");
    format!("{requests}, {how_many}{ways} to share them out")
}

/// The facts at the top, as list items.
pub fn list(study: &Study) -> String {
    let plan = &study.plan;
    let mut facts = vec![
        ("requests", grouped(study.trace.requests().len() as u64)),
        ("time they arrived in", span(study.trace.span())),
        ("servers", grouped(u64::from(plan.server_count))),
    ];
    facts.extend(study.offered_load().map(|load| ("load on the pool", percent(load))));
    facts.push(("to answer within (objective)", format!("{} s", plan.objective_s)));
    facts.push((
        "runs behind each mean",
        format!("{} ({})", plan.seed_count, plan.seeds_in_words()),
    ));
    let item = |(name, value): &(&str, String)| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value))
    };
    facts.iter().map(item).collect()
}

/// One pool's table.
pub fn table(study: &Study, panel_index: usize) -> String {
    let panel = &study.panels[panel_index];
    let columns = Column::all(panel, study.plan.objective_s);
    let heads: String = columns
        .iter()
        .map(|column| format!("<th scope=\"col\">{}</th>", escaped(&column.heading)))
        .collect();
    let rows: String = panel
        .results
        .iter()
        .map(|(strategy, figures)| {
            let cells = row(&columns, panel, figures);
            format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", strategy.name())
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table>\n<caption>{}, seconds</caption>\n\
         <thead><tr><th scope=\"col\">strategy</th>{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>\n",
        caption(panel)
    )
}

fn row(columns: &[Column], panel: &Panel, figures: &Figures) -> String {
    let cell = |column: &Column| {
        let text = column.cell(figures);
        let best = if column.best(panel).as_ref() == Some(&text) { " class=\"best\"" } else { "" };
        format!("<td{best}>{text}</td>")
    };
    columns.iter().map(cell).collect()
}

/// What each strategy does, as items of a list of terms.
pub fn strategies(study: &Study) -> String {
    let strategies = study.plan.strategies.iter();
    strategies
        .map(|one| {
            format!("<div><dt>{}</dt><dd>{}</dd></div>\n", one.name(), escaped(&one.about()))
        })
        .collect()
}

/// Where the requests come from, as HTML.
pub fn credit(study: &Study) -> String {
    if study.trace.is_shipped() {
        return "The requests are one hour of production traffic to a large-language-model \
                conversation service, 2023-11-16: <cite>Azure LLM inference trace</cite>, from \
                Patel et al., <cite>Splitwise: Efficient generative LLM inference using phase \
                splitting</cite>, ISCA 2024, Microsoft Azure, licensed \
                <a href=\"https://creativecommons.org/licenses/by/4.0/\">CC-BY-4.0</a>."
            .to_owned();
    }
    format!("The requests were read from <code>{}</code>.", escaped(study.trace.name()))
}
