//! The terminal, given back as it was found.

use std::io::{self, IsTerminal, Stdin};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event};
use ratatui::{DefaultTerminal, Frame};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::key::Key;

/// The terminal while it is ours. It is given back when this goes, and before
/// the text of a panic is printed.
pub struct Screen {
    terminal: DefaultTerminal,
}

/// Gives the terminal back, also if it was only taken by half.
struct GiveBack;

/// Waits until there is something to read, `wait` at most. Returns how long to wait from
/// then on: not at all.
///
/// Where a terminal is gone its end can be read without end, and so does `event::poll`.
fn await_input(terminal: &Stdin, wait: Duration) -> io::Result<Duration> {
    let mut looked_at = [PollFd::new(terminal, PollFlags::IN)];
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(&mut looked_at, Some(&wait)) {
        // A signal; whoever is asked to end looks for that.
        Err(Errno::INTR) => return Ok(Duration::ZERO),
        looked => looked?,
    };
    let found = looked_at[0].revents();
    if found.intersects(PollFlags::HUP | PollFlags::ERR) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is gone"));
    }
    Ok(Duration::ZERO)
}

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
    /// What the system says; and that the terminal is gone.
    pub fn key(&mut self, wait: Duration) -> io::Result<Option<Key>> {
        let stdin = io::stdin();
        let wait = if stdin.is_terminal() { await_input(&stdin, wait)? } else { wait };
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
