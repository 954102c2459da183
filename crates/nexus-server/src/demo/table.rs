//! Tables for people.

use comfy_table::{
    CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle,
};

use super::{Figures, Panel, Study, findings};
use crate::words::{counted, percent, span};

/// One line under the headings and none else: figures are compared downwards.
pub const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none());

/// Everything the demo prints, but for the report's path.
pub fn text(study: &Study) -> String {
    let mut text = heading(study);
    for panel in &study.panels {
        text += &format!("\n{} speeds, seconds from arrival to answer:\n", title(panel));
        text += &table(panel, study.plan.objective_s).trim_fmt();
        text.push('\n');
    }
    let has_best =
        |panel| Column::all(panel, study.plan.objective_s).iter().any(|c| c.best(panel).is_some());
    text += if study.panels.iter().any(has_best) { "* best in its column\n\n" } else { "\n" };
    for sentence in findings(study) {
        text += &sentence;
        text.push('\n');
    }
    text
}

fn heading(study: &Study) -> String {
    let (trace, plan) = (&study.trace, &study.plan);
    let load = study.offered_load().map(|load| format!(", {} busy", percent(load)));
    let credit = if trace.is_shipped() {
        " (Patel et al., Splitwise, ISCA 2024, Microsoft Azure; CC-BY-4.0)"
    } else {
        ""
    };
    format!(
        "{} in {} from {}{credit}\n{}{}; {}{}\n",
        counted(trace.requests().len() as u64, "request"),
        span(trace.span()),
        trace.name(),
        counted(u64::from(plan.server_count), "server"),
        load.unwrap_or_default(),
        if plan.seed_count > 1 { "means over " } else { "" },
        plan.seeds_in_words(),
    )
}

/// The pool's name as a sentence begins.
pub fn title(panel: &Panel) -> &'static str {
    match panel.speeds {
        super::Speeds::Equal => "Equal",
        super::Speeds::Mixed => "Mixed",
    }
}

/// One column: its heading, how a figure is written, and the figure itself.
pub struct Column {
    /// What stands above it.
    pub heading: String,
    /// How many decimals.
    decimals: usize,
    /// What stands behind a number.
    unit: &'static str,
    /// The figure, such that less is better.
    cost: fn(&Figures) -> f64,
    /// What to multiply the cost with to show it.
    shown: f64,
}

impl Column {
    /// The columns for `panel`: seconds have two decimals, or four if all are short.
    pub fn all(panel: &Panel, objective_s: f64) -> Vec<Column> {
        let longest = panel.results.iter().map(|(_, one)| one.p99_s).fold(0.0, f64::max);
        let decimals = if longest < 1.0 { 4 } else { 2 };
        let seconds = |heading: &str, cost| Column {
            heading: heading.to_owned(),
            decimals,
            unit: "",
            cost,
            shown: 1.0,
        };
        let mut columns = vec![
            seconds("mean", |one| one.mean_s),
            seconds("p50", |one| one.p50_s),
            seconds("p95", |one| one.p95_s),
            seconds("p99", |one| one.p99_s),
            Column {
                heading: format!("within {objective_s} s"),
                decimals: 1,
                unit: " %",
                cost: |one| -one.within_objective,
                shown: -100.0,
            },
        ];
        if panel.results.iter().all(|(_, one)| one.decision_ns.is_some()) {
            columns.push(Column {
                heading: "decision, ns".to_owned(),
                decimals: 0,
                unit: "",
                cost: |one| one.decision_ns.unwrap_or_default(),
                shown: 1.0,
            });
        }
        columns
    }

    /// The figure as it is shown.
    pub fn cell(&self, figures: &Figures) -> String {
        format!("{:.*}{}", self.decimals, (self.cost)(figures) * self.shown, self.unit)
    }

    /// The best figure of `panel` as it is shown: whoever shows the same is as
    /// good. `None` if all do, since none is better then.
    pub fn best(&self, panel: &Panel) -> Option<String> {
        let all = || panel.results.iter().map(|(_, one)| one);
        let best = all().min_by(|a, b| (self.cost)(a).total_cmp(&(self.cost)(b)))?;
        let cell = self.cell(best);
        all().any(|one| self.cell(one) != cell).then_some(cell)
    }
}

fn table(panel: &Panel, objective_s: f64) -> Table {
    let columns = Column::all(panel, objective_s);
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Disabled);
    let headings = columns.iter().map(|column| format!("{}  ", column.heading));
    table.set_header(std::iter::once("strategy".to_owned()).chain(headings));
    for (strategy, figures) in &panel.results {
        let cells = columns.iter().map(|column| marked(column, panel, figures));
        table.add_row(std::iter::once(strategy.name().to_owned()).chain(cells));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn marked(column: &Column, panel: &Panel, figures: &Figures) -> String {
    let cell = column.cell(figures);
    let mark = if column.best(panel).as_ref() == Some(&cell) { "*" } else { " " };
    format!("{cell} {mark}")
}
