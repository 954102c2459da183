//! Text as HTML text.

/// `text` such that a browser shows it and obeys none of it, inside an element
/// or a quoted attribute. Control characters become visible.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c if c.is_control() => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        let expected = "&lt;script&gt;&quot;&#39;&amp;\u{fffd}é";
        assert_eq!(escaped("<script>\"'&\u{1b}é"), expected);
    }
}
