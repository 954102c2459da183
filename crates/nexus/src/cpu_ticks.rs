//! What CPUs did with their time, as Linux counts it in `/proc/stat`.

use std::collections::BTreeSet;

/// Time of some CPUs together since the machine started, in ticks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct CpuTicks {
    /// With nothing to do, or nothing but to wait for a disk.
    pub(crate) idle: u64,
    /// At work. Time that was taken by another virtual machine is among it: it is
    /// not there for us.
    pub(crate) busy: u64,
}

impl CpuTicks {
    /// Of `cpus`, by a text like `/proc/stat`. `None` if it tells of none of them, or
    /// of one what cannot be read.
    pub(crate) fn read(stat: &str, cpus: &BTreeSet<u32>) -> Option<CpuTicks> {
        let mut sum = None;
        for line in stat.lines() {
            let mut words = line.split_ascii_whitespace();
            let number = words.next().and_then(|name| name.strip_prefix("cpu")?.parse().ok());
            if number.is_none_or(|number: u32| !cpus.contains(&number)) {
                continue;
            }
            // user, nice, system, idle, iowait, irq, softirq, steal; what guests take
            // comes after and is in the first two already.
            let counts = words.take(8).map(|word| word.parse::<u64>().ok());
            let counts: Vec<u64> = counts.collect::<Option<_>>()?;
            let idle = counts.get(3)? + counts.get(4)?;
            let busy = counts.iter().sum::<u64>() - idle;
            let before: CpuTicks = sum.unwrap_or_default();
            sum = Some(CpuTicks { idle: before.idle + idle, busy: before.busy + busy });
        }
        sum
    }

    /// All of it.
    pub(crate) fn all(self) -> u64 {
        self.idle + self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  1 2 3 400 5 6 7 8 9 10\n\
        cpu0 1 2 3 100 10 4 5 6 7 8\n\
        cpu1 0 0 0 50 0 0 0 0 0 0\n\
        cpu10 9 9 9 9 9 9 9 9 9 9\n\
        intr 5 6 7 8 9\n";

    #[test]
    fn time_is_counted_of_the_cpus_there_are_for_us() {
        let of = |cpus: &[u32]| CpuTicks::read(STAT, &cpus.iter().copied().collect());
        assert_eq!(of(&[0]), Some(CpuTicks { idle: 110, busy: 21 }));
        assert_eq!(of(&[0, 1]), Some(CpuTicks { idle: 160, busy: 21 }));
        assert_eq!(of(&[0, 1]).map(CpuTicks::all), Some(181));
        assert_eq!(of(&[7]), None, "none of ours is in it");
        for text in ["", "cpu0", "cpu0 1 2 3", "cpu0 1 2 x 4 5", "cpu0 1 2 -3 4 5"] {
            assert_eq!(CpuTicks::read(text, &BTreeSet::from([0])), None, "{text:?}");
        }
    }
}
