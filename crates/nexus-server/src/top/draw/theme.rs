//! Colours, or none.

use ratatui::style::{Color, Modifier, Style};

/// How things look. Nothing is told by colour alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Theme {
    is_colored: bool,
}

impl Theme {
    /// Without colours if `NO_COLOR` is set.
    pub fn of_environment() -> Theme {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Theme { is_colored: !no_color }
    }

    /// Without colours.
    #[cfg(test)]
    pub fn plain() -> Theme {
        Theme { is_colored: false }
    }

    fn colored(self, color: Color) -> Style {
        if self.is_colored { Style::new().fg(color) } else { Style::new() }
    }

    /// Titles.
    pub fn title(self) -> Style {
        self.colored(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// What matters most.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What matters least.
    pub fn faint(self) -> Style {
        self.colored(Color::DarkGray)
    }

    /// What is wrong.
    pub fn alarm(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// The row under the cursor.
    pub fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
