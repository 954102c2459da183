//! Lists of CPUs and nodes as the kernel writes them: `0-3,8,10-11`.
//!
//! # Source
//! Linux, `Documentation/admin-guide/cputopology.rst` and `bitmap_parselist`.

use std::collections::BTreeSet;

/// Numbers in one list, at most, and the greatest number plus one. As many CPUs
/// as the system call that pins threads takes in one mask.
pub(crate) const NUMBERS_MAX: u32 = 1_024;

/// The numbers in `text`; why not, if it is no such list.
pub(crate) fn parse(text: &str) -> Result<BTreeSet<u32>, String> {
    let mut numbers = BTreeSet::new();
    // The kernel writes an empty line for an empty list.
    for part in text.trim().split(',').filter(|_| !text.trim().is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("{part:?} ends before it begins"));
        }
        numbers.extend(first..=last);
    }
    Ok(numbers)
}

fn number(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    let number: u32 = number.ok_or_else(|| format!("{text:?} is no number"))?;
    if number < NUMBERS_MAX {
        Ok(number)
    } else {
        Err(format!("{number} is beyond {}, the greatest this takes", NUMBERS_MAX - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&[u32], &str>) {
        match (parse(text), expected) {
            (Ok(found), Ok(numbers)) => assert!(found.iter().eq(numbers), "{text:?}: {found:?}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{text:?}: {found}"),
            (found, _) => panic!("{text:?}: {found:?}"),
        }
    }

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        check("0\n", Ok(&[0]));
        check("0-3,8,10-11\n", Ok(&[0, 1, 2, 3, 8, 10, 11]));
        check("3,1,1-2", Ok(&[1, 2, 3]));
        check("", Ok(&[]));
        check("\n", Ok(&[]));
        check("1023", Ok(&[1_023]));
    }

    #[test]
    fn what_is_no_list_says_why() {
        check("a", Err("\"a\" is no number"));
        check("1,,2", Err("\"\" is no number"));
        check("-1", Err("is no number"));
        check("1-", Err("is no number"));
        check("+1", Err("is no number"));
        check("1-2-3", Err("is no number"));
        check("3-1", Err("ends before it begins"));
        check("0-4294967295", Err("beyond"));
        check("1024", Err("beyond 1023"));
        check("99999999999999999999", Err("is no number"));
        check("1 2", Err("is no number"));
    }
}
