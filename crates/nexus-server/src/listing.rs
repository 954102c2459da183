//! Facts about one thing: a heading and one line for each fact.

use unicode_width::UnicodeWidthStr;

use crate::words::printable;

/// A heading and facts below it, their values below one another.
#[derive(Debug)]
pub struct Listing {
    heading: String,
    facts: Vec<(&'static str, String)>,
}

impl Listing {
    /// Begins with `heading`.
    pub fn new(heading: &str) -> Listing {
        Listing { heading: printable(heading), facts: Vec::new() }
    }

    /// Adds a fact. Its lines are kept apart, and harmless to a terminal.
    pub fn fact(mut self, name: &'static str, value: impl AsRef<str>) -> Listing {
        let lines: Vec<String> = value.as_ref().lines().map(printable).collect();
        self.facts.push((name, lines.join("\n")));
        self
    }

    /// Adds a fact, if there is one.
    pub fn fact_if(self, name: &'static str, value: Option<String>) -> Listing {
        match value {
            Some(value) => self.fact(name, value),
            None => self,
        }
    }

    /// All of it, each line ended.
    pub fn text(&self) -> String {
        let width = self.facts.iter().map(|(name, _)| name.width()).max().unwrap_or_default();
        let mut text = format!("{}\n", self.heading);
        for (name, value) in &self.facts {
            let indent = format!("\n{:width$}", "", width = width + 4);
            let value = value.replace('\n', &indent);
            text += format!("  {name:width$}  {value}").trim_end();
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_below_one_another() {
        let listing = Listing::new("kv/\u{1b}1").fact("phase", "idle").fact("id", "a\nb");
        let text = listing.fact_if("x", None).fact("state", "").text();
        assert_eq!(text, "kv/\\u{1b}1\n  phase  idle\n  id     a\n         b\n  state\n");
    }
}
