//! What the control groups of a process allow it, and what they have used.
//!
//! Each group up to the root may have a limit, and the tightest one holds. In a
//! container the root that is seen is the container's own group.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Groups above each other that are looked at. A guess: nobody nests deeper.
const DEPTH_MAX: usize = 16;

/// One group, of either version of Linux's control groups.
#[derive(Clone, Debug)]
pub(super) struct ControlGroup {
    folder: PathBuf,
    names: &'static Names,
}

/// What files and words are called.
#[derive(Debug)]
struct Names {
    memory_max: &'static str,
    memory_used: &'static str,
    /// In `memory.stat`: files in memory that can be dropped at once.
    memory_files: &'static str,
}

const VERSION_1: Names = Names {
    memory_max: "memory.limit_in_bytes",
    memory_used: "memory.usage_in_bytes",
    memory_files: "total_inactive_file",
};

const VERSION_2: Names = Names {
    memory_max: "memory.max",
    memory_used: "memory.current",
    memory_files: "inactive_file",
};

/// CPU time of a group.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct GroupCpu {
    /// CPUs' worth of time that it may use.
    pub(super) cpus: f64,
    /// What it has used so far, in nanoseconds.
    pub(super) used_ns: u64,
}

/// Memory of a group, in bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct GroupMemory {
    /// What it may use.
    pub(super) max: u64,
    /// What it uses, files left out that can be dropped at once.
    pub(super) used: u64,
}

impl ControlGroup {
    /// The groups of this process that have to do with `controller`, by a folder
    /// like `/proc` and one like `/sys/fs/cgroup`, from its own to the root.
    pub(super) fn of_this_process(proc: &Path, root: &Path, controller: &str) -> Vec<ControlGroup> {
        let text = read_to_string(proc.join("self/cgroup")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| member_of(line, controller));
        lines.flat_map(|(names, path)| upwards(root, names, controller, path)).collect()
    }

    fn read(&self, file: &str) -> Option<String> {
        read_to_string(self.folder.join(file)).ok()
    }

    /// `None` if it has no limit, or the system does not tell.
    pub(super) fn memory(&self) -> Option<GroupMemory> {
        let number = |file: &str| self.read(file)?.trim().parse::<u64>().ok();
        let max = number(self.names.memory_max)?;
        let used = number(self.names.memory_used)?;
        let stat = self.read("memory.stat").unwrap_or_default();
        let files = word(&stat, self.names.memory_files).unwrap_or(0);
        Some(GroupMemory { max, used: used.saturating_sub(files) })
    }

    /// `None` if it has no limit, or the system does not tell.
    pub(super) fn cpu(&self) -> Option<GroupCpu> {
        if let Some(limit) = self.read("cpu.max") {
            let used_us = word(&self.read("cpu.stat")?, "usage_usec")?;
            return Some(GroupCpu { cpus: cpus(&limit)?, used_ns: used_us.checked_mul(1_000)? });
        }
        let (quota, period) = (self.read("cpu.cfs_quota_us")?, self.read("cpu.cfs_period_us")?);
        let used_ns = self.read("cpuacct.usage")?.trim().parse().ok()?;
        Some(GroupCpu { cpus: cpus(&format!("{} {}", quota.trim(), period.trim()))?, used_ns })
    }
}

/// The path of the group in a line like those of `/proc/self/cgroup`, if it has
/// to do with `controller`.
fn member_of<'a>(line: &'a str, controller: &str) -> Option<(&'static Names, &'a str)> {
    let (number, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    if number == "0" && controllers.is_empty() {
        return Some((&VERSION_2, path));
    }
    controllers.split(',').any(|name| name == controller).then_some((&VERSION_1, path))
}

/// The group at `path` and all those above it.
fn upwards(root: &Path, names: &'static Names, controller: &str, path: &str) -> Vec<ControlGroup> {
    let top = if std::ptr::eq(names, &VERSION_1) { root.join(controller) } else { root.to_owned() };
    // Paths that lead out of the root belong to groups that are not seen here.
    let steps = path.split('/').filter(|step| !step.is_empty() && *step != "..");
    let mut folders = vec![top];
    for step in steps.take(DEPTH_MAX - 1) {
        let above = folders.last().expect("the top is there");
        folders.push(above.join(step));
    }
    folders.into_iter().rev().map(|folder| ControlGroup { folder, names }).collect()
}

/// CPUs' worth of time by a quota and a period; `None` if there is no limit.
fn cpus(quota_and_period: &str) -> Option<f64> {
    let mut words = quota_and_period.split_whitespace();
    let quota: u64 = words.next()?.parse().ok()?;
    let period: u64 = words.next()?.parse().ok()?;
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// The number after `name` in a text of names and numbers.
fn word(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(word, _)| *word == name)?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locality::fake_machine::FakeMachine;

    fn groups(machine: &FakeMachine, controller: &str) -> Vec<ControlGroup> {
        ControlGroup::of_this_process(machine.path(), machine.path(), controller)
    }

    #[test]
    fn limits_of_version_2_are_read() {
        let machine = FakeMachine::empty();
        machine.write("self/cgroup", "0::/shop/carts\n");
        machine.write("shop/memory.max", "1000\n");
        machine.write("shop/memory.current", "700\n");
        machine.write("shop/memory.stat", "anon 400\ninactive_file 200\nactive_file 100\n");
        machine.write("shop/carts/cpu.max", "150000 100000\n");
        machine.write("shop/carts/cpu.stat", "usage_usec 42\nuser_usec 2\n");
        machine.write("cpu.max", "max 100000\n");
        let memory: Vec<_> = groups(&machine, "memory").iter().map(ControlGroup::memory).collect();
        assert_eq!(memory, [None, Some(GroupMemory { max: 1_000, used: 500 }), None]);
        let cpu: Vec<_> = groups(&machine, "cpu").iter().map(ControlGroup::cpu).collect();
        assert_eq!(cpu, [Some(GroupCpu { cpus: 1.5, used_ns: 42_000 }), None, None]);
    }

    #[test]
    fn limits_of_version_1_are_read() {
        let machine = FakeMachine::empty();
        machine.write("self/cgroup", "4:memory:/a\n2:cpu,cpuacct:/a\n1:cpuset:/b\n");
        machine.write("memory/a/memory.limit_in_bytes", "1000");
        machine.write("memory/a/memory.usage_in_bytes", "700");
        machine.write("memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 200\n");
        machine.write("cpu/cpu.cfs_quota_us", "-1");
        machine.write("cpu/cpu.cfs_period_us", "100000");
        machine.write("cpu/cpuacct.usage", "7");
        machine.write("cpu/a/cpu.cfs_quota_us", "50000");
        machine.write("cpu/a/cpu.cfs_period_us", "100000");
        machine.write("cpu/a/cpuacct.usage", "7");
        let memory: Vec<_> = groups(&machine, "memory").iter().map(ControlGroup::memory).collect();
        assert_eq!(memory, [Some(GroupMemory { max: 1_000, used: 500 }), None]);
        let cpu: Vec<_> = groups(&machine, "cpu").iter().map(ControlGroup::cpu).collect();
        assert_eq!(cpu, [Some(GroupCpu { cpus: 0.5, used_ns: 7 }), None]);
    }

    #[test]
    fn what_is_not_told_is_missing() {
        let machine = FakeMachine::empty();
        assert!(groups(&machine, "memory").is_empty());
        machine.write("self/cgroup", "nonsense\n0:\n0::/../../x\n");
        machine.write("x/memory.max", "max");
        machine.write("x/memory.current", "7");
        machine.write("x/cpu.max", "many 100000");
        machine.write("x/cpu.stat", "usage_usec 42");
        assert_eq!(groups(&machine, "memory").len(), 2);
        for group in groups(&machine, "memory") {
            assert_eq!((group.memory(), group.cpu()), (None, None));
        }
        assert_eq!((cpus("0 100"), cpus("100 0"), cpus("100")), (None, None, None));
        let deep = format!("0::{}", "/a".repeat(1_000));
        machine.write("self/cgroup", deep);
        assert_eq!(groups(&machine, "memory").len(), DEPTH_MAX);
    }
}
