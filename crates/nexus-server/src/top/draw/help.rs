//! What keys do, all of them.

use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use super::Theme;

const TEXT: &str = "\
↑ ↓         move the cursor
Home End    to the first and the last row
← →         turn the page of a listing
Enter       open a kind, then one of its agents
Esc         go back; in the table of kinds, show all
s           sort by the next column
r           turn the order round
/           show only names that contain a text
q, Ctrl-C   quit

Rates are taken between two looks, a second apart;
p50 and p99 since the node started. A listing of
agents is sorted and filtered within its page.";

/// Paints a box in the middle of `area`.
pub fn paint(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let lines = TEXT.lines().count() as u16 + 2;
    let columns = TEXT.lines().map(|line| line.chars().count()).max().unwrap_or(0) as u16 + 4;
    let [middle] = Layout::vertical([Constraint::Length(lines)]).flex(Flex::Center).areas(area);
    let [middle] =
        Layout::horizontal([Constraint::Length(columns)]).flex(Flex::Center).areas(middle);
    let block =
        Block::bordered().title("keys").title_style(theme.title()).padding(Padding::horizontal(1));
    frame.render_widget(Clear, middle);
    frame.render_widget(Paragraph::new(TEXT).block(block), middle);
}
