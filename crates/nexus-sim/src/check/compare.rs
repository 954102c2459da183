//! Where two runs part ways.

/// Lines shown from before the difference.
const CONTEXT_LINES: usize = 5;

/// The first event in which two runs differ, with what led up to it.
pub(super) fn first_difference(first: &[String], second: &[String]) -> String {
    let same = first.iter().zip(second).take_while(|(one, other)| one == other).count();
    if same == first.len() && same == second.len() {
        return "the events that were kept are the same; what differs came later, or differs \
                from run to run"
            .to_owned();
    }
    let mut text = String::new();
    for line in &first[same.saturating_sub(CONTEXT_LINES)..same] {
        text += &format!("    both runs:  {line}\n");
    }
    let end = || "(nothing more)".to_owned();
    text += &format!("    first run:  {}\n", first.get(same).cloned().unwrap_or_else(end));
    text += &format!("    second run: {}", second.get(same).cloned().unwrap_or_else(end));
    format!("event {} is the first that differs:\n{text}", same + 1)
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[track_caller]
    fn check(first: &str, second: &str, expected: &str) {
        let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let found = first_difference(&lines(first), &lines(second));
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn the_first_difference_is_named() {
        check("a b c", "a x c", "event 2 is the first that differs");
        check("a b c", "a x c", "second run: x");
        check("a b", "a b c", "first run:  (nothing more)");
        check("a b", "a", "second run: (nothing more)");
        check("a b", "a b", "the same");
        check("0 1 2 3 4 5 6 7", "0 1 2 3 4 5 6 8", "differs:\n    both runs:  2\n");
    }
}
