//! Settings from the environment.

use std::ffi::OsString;

use super::error::{Fault, Place, Problems};
use super::table::{PREFIX, SECTIONS, Section, Settings, unknown_key};

/// Puts what the environment says into `settings`, and what is wrong with it
/// into `problems`.
pub(super) fn apply<K: Into<OsString>, V: Into<OsString>>(
    env: impl IntoIterator<Item = (K, V)>,
    settings: &mut Settings,
    problems: &mut Problems,
) {
    let mut variables: Vec<(String, OsString)> = env
        .into_iter()
        // A name that is no text is not one of ours, or not written as ours are.
        .map(|(name, value)| (name.into().to_string_lossy().into_owned(), value.into()))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    // The system gives them in no order.
    variables.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, value) in variables {
        if let Some((section, key)) = split(&name) {
            let outcome = set(settings, section, &name, key, value);
            problems.note(Place::Variable { name }, outcome);
        }
    }
}

/// The section that a variable names, and its key in capitals.
fn split(name: &str) -> Option<(&'static Section, &str)> {
    let (section, key) = name.strip_prefix(PREFIX)?.split_once('_')?;
    let section = SECTIONS.iter().find(|known| known.name.to_ascii_uppercase() == section)?;
    Some((section, key))
}

fn set(
    settings: &mut Settings,
    section: &Section,
    name: &str,
    key: &str,
    value: OsString,
) -> Result<(), Fault> {
    let Some(setting) = section.settings.iter().find(|setting| setting.variable() == name) else {
        return Err(as_variables(unknown_key(section, &key.to_ascii_lowercase())));
    };
    let value =
        value.into_string().map_err(|_| setting.fault("not UTF-8 text".to_owned(), None))?;
    setting.set_text(settings, &value)
}

/// The hint in the form in which it can be typed again.
fn as_variables(fault: Fault) -> Fault {
    let Fault::UnknownKey { section, key, nearest, valid } = fault else { return fault };
    let elsewhere = |name: String| match name.strip_prefix('[') {
        Some(name) => name.replace("] ", "_"),
        None => format!("{section}_{name}"),
    };
    let nearest = nearest.map(|name| format!("{PREFIX}{}", elsewhere(name).to_ascii_uppercase()));
    Fault::UnknownKey { section, key, nearest, valid }
}
