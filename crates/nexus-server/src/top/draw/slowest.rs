//! The slowest requests of the last minute.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Row, Table};

use super::Theme;
use crate::client::Slow;
use crate::top::model::Model;
use crate::words::{age, printable, seconds};

/// Columns of the terminal that a time takes at most, as in `99.99 ms`.
const TIME_WIDTH: u16 = 8;

/// Paints as many as fit.
pub fn paint(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let block =
        Block::new().borders(Borders::TOP).title("slowest requests").title_style(theme.title());
    let status = model.status.as_ref();
    let uptime_s = status.map_or(0.0, |status| status.uptime_s);
    let slowest = status.map(|status| status.slowest.as_slice()).unwrap_or_default();
    let rows = slowest.iter().map(|slow| row(slow, uptime_s));
    let widths = [
        Constraint::Length(TIME_WIDTH),
        Constraint::Length(TIME_WIDTH),
        Constraint::Fill(2),
        Constraint::Fill(1),
    ];
    let header = Row::new([right("took"), right("ago"), "agent".into(), "request".into()]);
    let table = Table::new(rows, widths).header(header.style(theme.strong())).column_spacing(2);
    frame.render_widget(table.block(block), area);
}

fn row<'a>(slow: &Slow, uptime_s: f64) -> Row<'a> {
    Row::new([
        right(&seconds(slow.seconds)),
        right(&age((uptime_s - slow.at_s).max(0.0))),
        printable(&slow.agent).into(),
        printable(&slow.name).into(),
    ])
}

fn right<'a>(text: &str) -> Line<'a> {
    Line::from(text.to_owned()).alignment(Alignment::Right)
}
