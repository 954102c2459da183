//! Tables that are printed page by page.
//!
//! A listing of a million rows is printed as it arrives, so the widths of its
//! columns are not known in advance: they only ever grow.

use unicode_width::UnicodeWidthStr;

/// What stands between two columns.
const GAP: &str = "  ";

/// On which side of its column a cell stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// `N` columns with headings.
#[derive(Debug)]
pub struct Columns<const N: usize> {
    headings: [(&'static str, Side); N],
    widths: [usize; N],
    is_headed: bool,
}

impl<const N: usize> Columns<N> {
    /// Columns with these headings.
    pub fn new(headings: [(&'static str, Side); N]) -> Columns<N> {
        let widths = headings.map(|(heading, _)| heading.width());
        Columns { headings, widths, is_headed: false }
    }

    /// The next rows, each line ended; headings come before the first.
    pub fn page(&mut self, rows: &[[String; N]]) -> String {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let mut text = String::new();
        if !self.is_headed && !rows.is_empty() {
            self.is_headed = true;
            text += &self.line(&self.headings.map(|(heading, _)| heading));
            text += &self.rule();
        }
        for row in rows {
            text += &self.line(&row.each_ref().map(String::as_str));
        }
        text
    }

    fn line(&self, cells: &[&str; N]) -> String {
        let mut line = String::new();
        for (index, cell) in cells.iter().enumerate() {
            let pad = " ".repeat(self.widths[index].saturating_sub(cell.width()));
            let (before, after) = match self.headings[index].1 {
                Side::Left => ("", pad.as_str()),
                Side::Right => (pad.as_str(), ""),
            };
            let gap = if index == 0 { "" } else { GAP };
            line.extend([gap, before, cell, after]);
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    fn rule(&self) -> String {
        let width = self.widths.iter().sum::<usize>() + GAP.len() * N.saturating_sub(1);
        "─".repeat(width) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_grow_from_page_to_page_and_headings_come_once() {
        let mut columns = Columns::new([("agent", Side::Left), ("mailbox", Side::Right)]);
        let row = |name: &str, mailbox: &str| [name.to_owned(), mailbox.to_owned()];
        assert_eq!(columns.page(&[]), "");
        let first = "agent  mailbox\n──────────────\nkv/1         0\nkv/中       12\n";
        assert_eq!(columns.page(&[row("kv/1", "0"), row("kv/中", "12")]), first);
        assert_eq!(columns.page(&[row("kv/longer", "3")]), "kv/longer        3\n");
        assert_eq!(columns.page(&[row("kv/1", "0")]), "kv/1             0\n");
    }
}
