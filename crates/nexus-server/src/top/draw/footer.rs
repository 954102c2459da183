//! What keys do now.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::Theme;
use crate::top::model::{Mode, Model, View};

/// Paints one line.
pub fn paint(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let line = match model.mode {
        Mode::Filter => Line::styled(
            format!("names with: {}\u{2588}   Enter keep   Esc show all", filter(model)),
            theme.strong(),
        ),
        Mode::Help => Line::styled("any key closes this", theme.faint()),
        Mode::Browse => Line::styled(keys(&model.view), theme.faint()),
    };
    frame.render_widget(line, area);
}

fn filter(model: &Model) -> &str {
    match (&model.view, &model.agents) {
        (View::Agents, Some(agents)) => &agents.browser.filter,
        _ => &model.kinds.filter,
    }
}

const fn keys(view: &View) -> &'static str {
    match view {
        View::Kinds => "q quit   ↑↓ Enter open   s sort   r reverse   / filter   ? help",
        View::Agents => {
            "q quit   ↑↓ Enter open   ←→ page   s sort   r reverse   / filter   Esc back   ? help"
        }
        View::Agent(_) => "q quit   Esc back   ? help",
    }
}
