//! Painting a model. Nothing here decides anything.

mod agent;
mod events;
mod footer;
mod header;
mod help;
mod slowest;
mod table;
#[cfg(test)]
mod tests;
mod theme;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::model::{Mode, Model, View};

pub use theme::Theme;

/// Lines above the table.
const HEADER_LINES: u16 = 3;
/// Lines of the table below which slowest requests and events make way for it.
const TABLE_LINES_MIN: u16 = 8;
/// Lines for slowest requests and events: ten requests, a title and headings.
const BELOW_LINES: u16 = 12;
/// Columns of the terminal below which events make way for slowest requests.
const WIDTH_FOR_BOTH: u16 = 90;

/// Paints `model` onto the whole of `frame`.
pub fn paint(frame: &mut Frame<'_>, model: &Model, theme: Theme) {
    let area = frame.area();
    let [head, middle, foot] = Layout::vertical([
        Constraint::Length(HEADER_LINES),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    header::paint(frame, head, model, theme);
    body(frame, middle, model, theme);
    footer::paint(frame, foot, model, theme);
    if model.mode == Mode::Help {
        help::paint(frame, area, theme);
    }
}

fn body(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    // One agent has events of its own, which want the room.
    let is_one = matches!(model.view, View::Agent(_));
    if is_one || area.height < TABLE_LINES_MIN + BELOW_LINES {
        return main(frame, area, model, theme);
    }
    let [top, below] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(BELOW_LINES)]).areas(area);
    main(frame, top, model, theme);
    if area.width < WIDTH_FOR_BOTH {
        return slowest::paint(frame, below, model, theme);
    }
    let [left, right] = Layout::horizontal([Constraint::Percentage(45), Constraint::Fill(1)])
        .spacing(2)
        .areas(below);
    slowest::paint(frame, left, model, theme);
    events::paint(frame, right, model, theme);
}

fn main(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    match &model.view {
        View::Kinds => {
            let rows = model.kind_rows();
            let title = title("kinds", &model.kinds.filter);
            let empty = if model.status.is_some() { "no kinds" } else { "" };
            table::paint(frame, area, &title, (&model.kinds, &rows), empty, theme);
        }
        View::Agents => agents(frame, area, model, theme),
        View::Agent(name) => agent::paint(frame, area, model, &name.to_string(), theme),
    }
}

fn agents(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let Some(agents) = &model.agents else { return };
    let more = if agents.has_next() { ", more to the right" } else { "" };
    let name = format!("agents of {}, page {}{more}", agents.kind, agents.page());
    let title = title(&name, &agents.browser.filter);
    let empty = match &model.refusal {
        Some(refusal) => refusal.as_str(),
        None if !agents.is_seen() => "asking the node",
        None if agents.rows.is_empty() => "no agents on this page",
        None => "none of this page",
    };
    table::paint(frame, area, &title, (&agents.browser, &agents.rows), empty, theme);
}

fn title(name: &str, filter: &str) -> String {
    if filter.is_empty() { name.to_owned() } else { format!("{name} with \"{filter}\"") }
}
