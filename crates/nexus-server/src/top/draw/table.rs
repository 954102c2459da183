//! A table of anything that can be browsed.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table, TableState};
use unicode_width::UnicodeWidthStr;

use super::Theme;
use crate::top::model::browser::{Browser, Column};
use crate::words::printable;

/// Columns of the terminal between two columns of the table.
const GAP: u16 = 2;
/// Columns of the terminal that a name may take before it is cut.
const NAME_WIDTH_MAX: u16 = 60;

/// Paints rows as their browser orders them; `empty` stands where there are none.
pub fn paint<C: Column>(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    (browser, rows): (&Browser<C>, &[C::Row]),
    empty: &str,
    theme: Theme,
) {
    let block =
        Block::new().borders(Borders::TOP).title(printable(title)).title_style(theme.title());
    let visible = browser.visible(rows);
    let Some(cursor) = browser.cursor(&visible) else {
        return frame.render_widget(Paragraph::new(printable(empty)).block(block), area);
    };
    let cells: Vec<Vec<String>> = visible
        .iter()
        .map(|row| C::ALL.iter().map(|column| printable(&column.cell(row))).collect())
        .collect();
    let headings: Vec<String> = C::ALL.iter().map(|column| heading(*column, browser)).collect();
    let widths = widths(&headings, &cells);
    let table = Table::new(cells.into_iter().map(line::<C>), widths)
        .header(line::<C>(headings).style(theme.strong()))
        .column_spacing(GAP)
        .row_highlight_style(theme.cursor())
        .block(block);
    let mut state = TableState::default().with_selected(Some(cursor));
    frame.render_stateful_widget(table, area, &mut state);
}

/// Every heading keeps room for the arrow, so that sorting moves nothing.
fn heading<C: Column>(column: C, browser: &Browser<C>) -> String {
    let downwards = column.is_number() != browser.reversed;
    let arrow = match (column == browser.column, downwards) {
        (false, _) => " ",
        (true, true) => "↓",
        (true, false) => "↑",
    };
    format!("{}{arrow}", column.heading())
}

fn widths(headings: &[String], cells: &[Vec<String>]) -> Vec<Constraint> {
    let widest = |index: usize| {
        let column = cells.iter().map(|row| &row[index]).chain([&headings[index]]);
        let width = column.map(|cell| cell.width()).max().unwrap_or_default();
        u16::try_from(width).unwrap_or(u16::MAX).min(NAME_WIDTH_MAX)
    };
    (0..headings.len()).map(|index| Constraint::Length(widest(index))).collect()
}

fn line<'a, C: Column>(cells: Vec<String>) -> Row<'a> {
    let aligned = cells.into_iter().zip(C::ALL).map(|(cell, column)| {
        let side = if column.is_number() { Alignment::Right } else { Alignment::Left };
        Line::from(cell).alignment(side)
    });
    Row::new(aligned)
}
