//! The terminal, given back as it was found.

use std::io;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event};
use ratatui::{DefaultTerminal, Frame};

use super::key::Key;

/// The terminal while it is ours. It is given back when this goes, and before
/// the text of a panic is printed.
pub struct Screen {
    terminal: DefaultTerminal,
}

/// Gives the terminal back, also if it was only taken by half.
struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        // Nothing is left to try if this fails.
        let _ = ratatui::try_restore();
    }
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// What the system says; the terminal is then as it was.
    pub fn open() -> io::Result<Screen> {
        let give_back = GiveBack;
        let terminal = ratatui::try_init()?;
        std::mem::forget(give_back);
        Ok(Screen { terminal })
    }

    /// Paints a picture; only what has changed is sent.
    ///
    /// # Errors
    /// What the system says.
    pub fn paint(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(paint).map(drop)
    }

    /// Waits for a key, `wait` at most. The picture may have another size then.
    ///
    /// # Errors
    /// What the system says.
    pub fn key(&mut self, wait: Duration) -> io::Result<Option<Key>> {
        if !event::poll(wait)? {
            return Ok(None);
        }
        Ok(match event::read()? {
            Event::Key(event) => Key::new(&event),
            _ => None,
        })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(GiveBack);
    }
}
