//! The last events.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph};

use super::Theme;
use crate::events;
use crate::top::model::Model;

/// Paints as many as fit, the newest at the bottom.
pub fn paint(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let block = Block::new().borders(Borders::TOP).title("events").title_style(theme.title());
    let room = usize::from(block.inner(area).height);
    let lines: Vec<Line<'_>> = model
        .tail
        .last(room)
        .map(|event| Line::from(events::line(event).trim_end().to_owned()))
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
