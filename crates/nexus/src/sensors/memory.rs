//! How much of the memory is in use that this process may use.

use std::fs::read_to_string;
use std::path::Path;

use super::control_group::ControlGroup;
use super::{nearest_to_limit, share};

/// The share in use, by a folder like `/proc`, of whatever is nearer to its
/// limit: the machine's memory, or what one of `groups` may use.
pub(super) fn share_of(proc: &Path, groups: &[ControlGroup]) -> Option<f64> {
    let meminfo = read_to_string(proc.join("meminfo")).unwrap_or_default();
    let groups = groups.iter().filter_map(|group| {
        let memory = group.memory()?;
        share(memory.used as f64, memory.max as f64)
    });
    nearest_to_limit(machine(&meminfo).into_iter().chain(groups))
}

/// The share of the machine's memory that cannot be had without anything being
/// thrown out, by a text like `/proc/meminfo`.
fn machine(meminfo: &str) -> Option<f64> {
    let kib = |name: &str| {
        let mut lines = meminfo.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    };
    let (total, available) = (kib("MemTotal")?, kib("MemAvailable")?);
    share(total.saturating_sub(available) as f64, total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locality::fake_machine::FakeMachine;

    #[test]
    fn memory_in_use_is_read_or_missing() {
        let check = |text: &str, expected| assert_eq!(machine(text), expected, "{text:?}");
        check("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:   250 kB\n", Some(0.75));
        check("MemTotal:  1000 kB\nMemAvailable:   2500 kB\n", Some(0.0));
        check("MemTotal:  1000 kB\n", None);
        check("MemTotal:  0 kB\nMemAvailable: 0 kB\n", None);
        check("MemTotal:  1000 kB\nMemAvailable: many kB\n", None);
        check("", None);
    }

    #[test]
    fn whichever_is_nearer_to_its_limit_is_shown() {
        let machine = FakeMachine::empty();
        let share = || {
            let groups = ControlGroup::of_this_process(machine.path(), machine.path(), "memory");
            share_of(machine.path(), &groups)
        };
        assert_eq!(share(), None);
        machine.write("meminfo", "MemTotal:  1000 kB\nMemAvailable:   500 kB\n");
        assert_eq!(share(), Some(0.5));
        machine.write("self/cgroup", "0::/a\n");
        machine.write("a/memory.max", "1000");
        machine.write("a/memory.current", "800");
        assert_eq!(share(), Some(0.8));
        machine.write("a/memory.current", "200");
        assert_eq!(share(), Some(0.5));
    }
}
