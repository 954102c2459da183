//! Keys, as far as they mean something here.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A key that was pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// A character.
    Char(char),
    /// Up.
    Up,
    /// Down.
    Down,
    /// Left, or page up.
    PageBefore,
    /// Right, or page down.
    PageAfter,
    /// To the first row.
    Home,
    /// To the last row.
    End,
    /// Open.
    Enter,
    /// Back.
    Esc,
    /// Take a character away.
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

impl Key {
    /// What the terminal reports, if it means something.
    pub fn new(event: &KeyEvent) -> Option<Key> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        if event.modifiers.contains(KeyModifiers::CONTROL) {
            return (event.code == KeyCode::Char('c')).then_some(Key::Interrupt);
        }
        Some(match event.code {
            KeyCode::Char(one) => Key::Char(one),
            KeyCode::Up => Key::Up,
            KeyCode::Down => Key::Down,
            KeyCode::Left | KeyCode::PageUp => Key::PageBefore,
            KeyCode::Right | KeyCode::PageDown => Key::PageAfter,
            KeyCode::Home => Key::Home,
            KeyCode::End => Key::End,
            KeyCode::Enter => Key::Enter,
            KeyCode::Esc => Key::Esc,
            KeyCode::Backspace => Key::Backspace,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_they_say() {
        let plain = |code| Key::new(&KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(plain(KeyCode::Char('q')), Some(Key::Char('q')));
        assert_eq!(plain(KeyCode::PageDown), Some(Key::PageAfter));
        assert_eq!(plain(KeyCode::F(1)), None);
        let control = |one| Key::new(&KeyEvent::new(KeyCode::Char(one), KeyModifiers::CONTROL));
        assert_eq!((control('c'), control('q')), (Some(Key::Interrupt), None));
        let mut released = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
        released.kind = KeyEventKind::Release;
        assert_eq!(Key::new(&released), None);
    }
}
