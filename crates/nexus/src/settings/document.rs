//! The table of settings as text: for a file to begin with, and for the manual.

use super::rule::Value;
#[cfg(test)]
use super::table::Section;
use super::table::{SECTIONS, Setting, Settings};

/// Columns of a line of comment.
const COLUMNS: usize = 80;

/// See [`Settings::commented_default`].
pub(super) fn commented_default() -> String {
    let mut text = String::from(
        "# Settings of a Nexus node, each at its default. Remove the # to change one.\n\
         # The environment goes before this file: NEXUS_HTTP_LISTEN is listen of [http].\n",
    );
    let defaults = Settings::default();
    for section in SECTIONS {
        text.push('\n');
        comment(&mut text, section.about);
        text.push_str(&format!("[{}]\n", section.name));
        for setting in section.settings {
            comment(&mut text, setting.doc);
            comment(&mut text, &format!("Valid: {}.", setting.rule.valid()));
            text.push_str(&format!("#{} = {}\n", setting.key, default(setting, &defaults)));
        }
    }
    text
}

/// Appends words as lines of comment. A space follows the `#`: in front of a
/// setting there is none, so that the two can be told apart.
fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.len() + 1 + word.len() > COLUMNS {
            text.push_str(&line);
            text.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

fn default(setting: &Setting, defaults: &Settings) -> String {
    match setting.value(defaults) {
        Value::Text(text) => basic_string(&text),
        Value::Whole(number) => number.to_string(),
        // Always with a point: `1.0`.
        Value::Fraction(number) => format!("{number:?}"),
        Value::Switch(on) => on.to_string(),
        Value::List(entries) => {
            let entries: Vec<String> = entries.iter().map(|entry| basic_string(entry)).collect();
            format!("[{}]", entries.join(", "))
        }
    }
}

fn basic_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(letter)));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// The tables of `docs/configuration.md`.
#[cfg(test)]
pub(super) fn markdown() -> String {
    let defaults = Settings::default();
    SECTIONS.iter().map(|section| markdown_section(section, &defaults)).collect()
}

#[cfg(test)]
fn markdown_section(section: &Section, defaults: &Settings) -> String {
    let mut text = format!(
        "\n### [{}]\n\n{}\n\n| key | default | valid | meaning |\n|---|---|---|---|\n",
        section.name,
        section.about.trim()
    );
    for setting in section.settings {
        let (value, valid) = (default(setting, defaults), setting.rule.valid());
        let doc = setting.doc.trim();
        text.push_str(&format!("| `{}` | `{value}` | {valid} | {doc} |\n", setting.key));
    }
    text
}
