//! How busy the CPUs are that this process may use.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use nexus_base::Time;

use super::control_group::{ControlGroup, GroupCpu};
use super::{nearest_to_limit, share};
use crate::cpu_ticks::CpuTicks;
use crate::locality::affinity;

/// What was counted when it was last looked at.
#[derive(Debug)]
pub(super) struct CpuGauge {
    /// A folder like `/proc`.
    proc: PathBuf,
    /// The CPUs that this process may use.
    cpus: BTreeSet<u32>,
    ticks: Option<CpuTicks>,
    groups: Vec<(ControlGroup, Option<GroupCpu>)>,
    at: Time,
}

impl CpuGauge {
    /// Counts from `now` on, by folders like `/proc` and `/sys/fs/cgroup`.
    pub(super) fn new(proc: &Path, root: &Path, now: Time) -> CpuGauge {
        let cpus = affinity::allowed().unwrap_or_default();
        let groups = ControlGroup::of_this_process(proc, root, "cpu").into_iter();
        let groups = groups.map(|group| (group, None)).collect();
        let mut gauge = CpuGauge { proc: proc.to_owned(), cpus, ticks: None, groups, at: now };
        gauge.read(now);
        gauge
    }

    /// The share in use since the last time, of whatever is nearer to its limit:
    /// the CPUs there are for us, or what a control group may use.
    pub(super) fn read(&mut self, now: Time) -> Option<f64> {
        let passed_ns = now.since(self.at).as_nanos() as f64;
        self.at = now;
        let machine = self.machine();
        let groups = self.groups.iter_mut().filter_map(|(group, before)| {
            let (before, after) = (std::mem::replace(before, group.cpu())?, (*before)?);
            let used_ns = after.used_ns.saturating_sub(before.used_ns);
            share(used_ns as f64, after.cpus * passed_ns)
        });
        nearest_to_limit(machine.into_iter().chain(groups))
    }

    fn machine(&mut self) -> Option<f64> {
        let stat = read_to_string(self.proc.join("stat")).unwrap_or_default();
        let before = std::mem::replace(&mut self.ticks, CpuTicks::read(&stat, &self.cpus));
        let (before, after) = (before?, self.ticks?);
        let busy = after.busy.saturating_sub(before.busy);
        share(busy as f64, after.all().saturating_sub(before.all()) as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::locality::fake_machine::FakeMachine;

    /// A machine whose first CPU for us was busy for `busy` of 100 ticks, and a
    /// group that used so many milliseconds of the one CPU it may use, in a second.
    #[cfg(target_os = "linux")]
    fn check(busy: u64, group_ms: Option<u64>, expected: f64) {
        let machine = FakeMachine::empty();
        let cpu = *affinity::allowed().expect("Linux tells").first().expect("one at least");
        let write = |busy: u64, idle: u64, group_ms: Option<u64>| {
            machine.write("stat", format!("cpu{cpu} {busy} 0 0 {idle} 0 0 0 0\n"));
            if let Some(group_ms) = group_ms {
                machine.write("cpu.stat", format!("usage_usec {}\n", group_ms * 1_000));
            }
        };
        machine.write("self/cgroup", "0::/\n");
        machine.write("cpu.max", "100000 100000\n");
        write(1_000, 5_000, group_ms.map(|_| 77));
        let mut gauge = CpuGauge::new(machine.path(), machine.path(), Time::ZERO);
        write(1_000 + busy, 5_100 - busy, group_ms.map(|used| 77 + used));
        let share = gauge.read(Time::ZERO.after(Duration::from_secs(1)));
        assert_eq!(share, Some(expected), "{busy} {group_ms:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn whichever_is_nearer_to_its_limit_is_shown() {
        check(0, None, 0.0);
        check(25, None, 0.25);
        check(100, None, 1.0);
        check(25, Some(500), 0.5);
        check(75, Some(500), 0.75);
        check(25, Some(1_500), 1.0);
    }

    #[test]
    fn without_figures_there_is_no_reading() {
        let machine = FakeMachine::empty();
        let mut gauge = CpuGauge::new(machine.path(), machine.path(), Time::ZERO);
        assert_eq!(gauge.read(Time::ZERO.after(Duration::from_secs(1))), None);
        machine.write("stat", "cpu0 nonsense");
        assert_eq!(gauge.read(Time::ZERO.after(Duration::from_secs(2))), None);
    }
}
