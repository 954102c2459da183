//! Filling in a page.

/// Replaces every `{{name}}` in `template` by its value, once: what a value
/// contains is left as it is.
///
/// # Panics
/// If the template names something that has no value; both are ours.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("an opened name is closed");
        let value = values.iter().find(|(one, _)| *one == name);
        page += before;
        page += value.unwrap_or_else(|| panic!("the template names {name}")).1;
        rest = after;
    }
    page + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_filled_in_again() {
        assert_eq!(fill("a{{x}}b{{y}}c", &[("x", "{{y}}"), ("y", "1")]), "a{{y}}b1c");
    }
}
