//! Which name was meant.
//!
//! Distance is the number of letters typed wrong, left out, put in or swapped
//! (optimal string alignment, from `strsim`, which the command line has anyway).

/// Bytes of a name that may still be a typing error. Comparing takes time in
/// proportion to it, and a file may have a name of a megabyte.
const NAME_BYTES_MAX: usize = 64;

/// The name nearest to what was written, the first of several; `None` if none
/// is near enough to be meant.
pub(crate) fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > NAME_BYTES_MAX {
        return None;
    }
    let written = written.to_ascii_lowercase().replace('-', "_");
    names
        .map(|name| (strsim::osa_distance(&written, name), name))
        // One slip, and one more for every four letters: with more, anything
        // resembles something. A guess.
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
