//! A table that can be sorted, filtered and walked through.

use std::cmp::Ordering;

use crate::top::key::Key;

/// Rows a jump moves by when there is no page to turn.
const JUMP: isize = 10;

/// One way to look at rows of the type `Row`: a column to show and to sort by.
pub trait Column: Copy + Eq + 'static {
    /// What the table is made of.
    type Row;
    /// All of them, from left to right; the first is the name.
    const ALL: &'static [Self];
    /// What stands above it.
    fn heading(self) -> &'static str;
    /// What stands in it.
    fn cell(self, row: &Self::Row) -> String;
    /// Which of two rows comes first as long as the order is not turned round:
    /// names as in a dictionary, the largest number on top.
    fn compare(self, a: &Self::Row, b: &Self::Row) -> Ordering;
    /// Whether it holds numbers.
    fn is_number(self) -> bool;
    /// The name of a row, by which it is found again after a look.
    fn name(row: &Self::Row) -> &str;
}

/// Order, filter and cursor of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Browser<C> {
    /// What it is sorted by.
    pub column: C,
    /// Whether the order is turned round.
    pub reversed: bool,
    /// What names must contain; empty for all.
    pub filter: String,
    /// The row under the cursor, by name, so that the cursor stays with it
    /// while the order changes.
    name: Option<String>,
    /// Where the cursor was last, for when that row is gone.
    index: usize,
}

impl<C: Column> Browser<C> {
    /// Sorted by `column`, cursor on top.
    pub fn new(column: C) -> Browser<C> {
        Browser { column, reversed: false, filter: String::new(), name: None, index: 0 }
    }

    /// The rows to show, in order. Equal rows are in the order of their names.
    pub fn visible<'a>(&self, rows: &'a [C::Row]) -> Vec<&'a C::Row> {
        let shown = |row: &&C::Row| C::name(row).contains(&self.filter);
        let mut visible: Vec<&C::Row> = rows.iter().filter(shown).collect();
        visible.sort_by(|a, b| {
            let order = self.column.compare(a, b);
            let order = if self.reversed { order.reverse() } else { order };
            order.then_with(|| C::name(a).cmp(C::name(b)))
        });
        visible
    }

    /// Where the cursor stands among the rows to show; `None` without rows.
    pub fn cursor(&self, visible: &[&C::Row]) -> Option<usize> {
        let last = visible.len().checked_sub(1)?;
        let name = self.name.as_deref();
        let found = name.and_then(|name| visible.iter().position(|row| C::name(row) == name));
        Some(found.unwrap_or(self.index.min(last)))
    }

    /// The name of the row under the cursor.
    pub fn selected<'a>(&self, rows: &'a [C::Row]) -> Option<&'a str> {
        let visible = self.visible(rows);
        self.cursor(&visible).map(|index| C::name(visible[index]))
    }

    /// Takes in a key.
    pub fn handle_key(&mut self, key: Key, rows: &[C::Row]) {
        match key {
            Key::Char('s') => self.sort_by_next(),
            Key::Char('r') => self.reversed = !self.reversed,
            Key::Up => self.step(-1, rows),
            Key::Down => self.step(1, rows),
            Key::PageBefore => self.step(-JUMP, rows),
            Key::PageAfter => self.step(JUMP, rows),
            Key::Home => self.step(isize::MIN, rows),
            Key::End => self.step(isize::MAX, rows),
            _ => {}
        }
    }

    fn sort_by_next(&mut self) {
        let at = C::ALL.iter().position(|column| *column == self.column).unwrap_or_default();
        self.column = C::ALL[(at + 1) % C::ALL.len()];
        self.reversed = false;
    }

    fn step(&mut self, by: isize, rows: &[C::Row]) {
        let visible = self.visible(rows);
        let Some(at) = self.cursor(&visible) else { return };
        let to = at.saturating_add_signed(by).min(visible.len() - 1);
        self.index = to;
        self.name = Some(C::name(visible[to]).to_owned());
    }

    /// Puts the cursor on top.
    pub fn go_to_top(&mut self) {
        (self.name, self.index) = (None, 0);
    }
}

/// The largest first; what is unknown last.
pub fn largest<T: PartialOrd>(a: T, b: T) -> Ordering {
    b.partial_cmp(&a).unwrap_or(Ordering::Equal)
}
