//! One agent: what it does, waits for, and went through.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::Theme;
use crate::client::Why;
use crate::events;
use crate::layers;
use crate::top::model::Model;
use crate::why::waits_for;
use crate::words::{grouped, printable};

/// Paints the agent called `name` as it was last seen.
pub fn paint(frame: &mut Frame<'_>, area: Rect, model: &Model, name: &str, theme: Theme) {
    let title = format!("agent {}", printable(name));
    let block = Block::new().borders(Borders::TOP).title(title).title_style(theme.title());
    let lines = match (&model.refusal, &model.why) {
        (Some(refusal), _) => vec![Line::styled(printable(refusal), theme.strong())],
        (None, Some(why)) => lines(why, theme),
        (None, None) => vec![Line::from("asking the node")],
    };
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

fn lines<'a>(why: &Why, theme: Theme) -> Vec<Line<'a>> {
    let fact = |name: &'static str, value: &str| {
        Line::from(vec![Span::styled(format!("{name:11}"), theme.faint()), printable(value).into()])
    };
    let mut lines = vec![
        fact("phase", &why.phase),
        fact("handles", why.handler.as_deref().unwrap_or("nothing")),
        fact("waits for", &waits_for(why)),
        fact("mailbox", &grouped(why.mailbox)),
        fact("level", &why.level.words()),
        fact("epoch", &grouped(why.epoch)),
        Line::default(),
    ];
    for section in layers::sections(why) {
        lines.push(Line::styled(section.heading, theme.strong()));
        lines.extend(section.lines.into_iter().map(|line| Line::from(format!("  {line}"))));
    }
    lines.push(Line::styled("last events", theme.strong()));
    // The newest first: it is what one looks for, and what is cut is old.
    for event in why.events.iter().rev() {
        lines.push(Line::from(events::line(event).trim_end().to_owned()));
    }
    lines
}
