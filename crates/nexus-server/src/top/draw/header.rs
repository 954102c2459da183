//! The node, its load, and whether it answers.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Theme;
use crate::client::Status;
use crate::status::cpu;
use crate::top::model::Model;
use crate::top::model::contact::Report;
use crate::words::{NOTHING, age, bytes, grouped, printable, rate, span};

/// Paints three lines.
pub fn paint(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let mut lines = match &model.status {
        Some(status) => vec![node(model, status, theme), load(model, status)],
        None => {
            vec![Line::styled(format!("nexus top  {}", model.url), theme.strong()), Line::default()]
        }
    };
    lines.push(contact(model, theme));
    frame.render_widget(Paragraph::new(lines), area);
}

fn node<'a>(model: &Model, status: &Status, theme: Theme) -> Line<'a> {
    let mut line = Line::from(vec![
        Span::styled(printable(&status.node), theme.title()),
        Span::raw(format!(
            "  nexus {}, up {}, at {}",
            printable(&status.version),
            age(status.uptime_s),
            model.url
        )),
    ]);
    if status.draining {
        line.push_span(Span::raw("  "));
        line.push_span(Span::styled(" draining ", theme.alarm()));
    }
    line
}

fn load<'a>(model: &Model, status: &Status) -> Line<'a> {
    let requests = model.rates.requests().map_or(NOTHING.to_owned(), rate);
    Line::from(format!(
        "agents {}   requests/s {requests}   cpu {} of {} workers   memory {}   connections {}",
        grouped(status.agents),
        cpu(status),
        grouped(status.workers),
        bytes(status.resident_bytes),
        grouped(status.connections),
    ))
}

fn contact<'a>(model: &Model, theme: Theme) -> Line<'a> {
    match model.contact.report() {
        Report::Good => Line::default(),
        Report::Asking => Line::from("asking the node"),
        Report::Silent(silence) => {
            Line::styled(format!(" no answer for {} ", span(silence)), theme.alarm())
        }
        Report::Lost { span: lost, tries, reason, has_figures } => {
            let old = if has_figures { "; all figures are from before" } else { "" };
            let text = format!(
                " not reached for {} (try {tries}){old}: {} ",
                span(lost),
                printable(&reason)
            );
            Line::styled(text, theme.alarm())
        }
    }
}
