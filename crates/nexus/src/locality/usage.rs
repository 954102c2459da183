//! What this process takes of the machine.

use std::path::Path;
use std::time::Duration;

/// Bytes of a page, where the system does not say otherwise: `statm` counts
/// pages, and every machine this has been tried on has pages of 4 KiB.
const PAGE_BYTES: u64 = 4_096;

/// CPU time this process has had, all its threads together; zero where the
/// system does not tell.
#[cfg(target_os = "linux")]
pub(crate) fn cpu_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn cpu_time() -> Duration {
    Duration::ZERO
}

/// Bytes of this process that are in memory, read from `proc`, a folder like
/// `/proc`; `None` where there is no such thing.
pub(crate) fn resident_bytes(proc: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("self/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(PAGE_BYTES)
}

/// Bytes of memory that programs can still have without anything being thrown
/// out; `None` where the system does not tell.
pub(crate) fn available_bytes(proc: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locality::fake_machine::FakeMachine;

    #[test]
    fn figures_are_read_or_missing() {
        let proc = FakeMachine::empty();
        assert_eq!((resident_bytes(proc.path()), available_bytes(proc.path())), (None, None));
        proc.write("self/statm", "500 20 10 1 0 30 0\n");
        proc.write("meminfo", "MemTotal:       24683932 kB\nMemAvailable:   2048 kB\n");
        assert_eq!(resident_bytes(proc.path()), Some(81_920));
        assert_eq!(available_bytes(proc.path()), Some(2 << 20));
        proc.write("self/statm", "1 99999999999999999999");
        proc.write("meminfo", "MemAvailable: many kB");
        assert_eq!((resident_bytes(proc.path()), available_bytes(proc.path())), (None, None));
    }
}
