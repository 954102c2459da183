//! "Did you mean": the nearest of a few known names.

/// Texts longer than this are nobody's typing mistake and are not compared.
const COMPARED_CHARS_MAX: usize = 64;

/// The name of `names` nearest to `text`, if it is near: at most a third of the
/// name needs to change. The first one wins a tie.
pub(crate) fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if text.chars().count() > COMPARED_CHARS_MAX {
        return None;
    }
    names
        .into_iter()
        .map(|name| (distance(text, name), name))
        .filter(|&(distance, name)| distance * 3 <= name.len())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// Letters to insert, delete or replace to make `a` into `b`, case aside.
///
/// # Source
/// Levenshtein, 1966, by the usual two-row table (Wagner and Fischer, 1974).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (a_index, from) in a.chars().flat_map(char::to_lowercase).enumerate() {
        let mut diagonal = row[0];
        row[0] = a_index + 1;
        for (b_index, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[b_index + 1];
            row[b_index + 1] = replaced.min(diagonal + 1).min(row[b_index] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_changes() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("Same", "same"), 0);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(nearest("optimised", ["basic", "optimized"]), Some("optimized"));
        assert_eq!(nearest("turbo", ["basic", "optimized"]), None);
    }
}
