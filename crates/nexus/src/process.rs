//! What the system says of this process.

use std::time::Duration;

/// Clock ticks a second in which `/proc` counts CPU time: fixed by the kernel's
/// interface on every architecture Linux runs on today.
const TICKS_PER_S: u64 = 100;

/// Bytes of a page, as `/proc/self/statm` counts.
const PAGE_BYTES: u64 = 4_096;

/// A look at this process; what the system does not tell is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    /// Memory that is really there.
    pub(crate) resident_bytes: Option<u64>,
    /// CPU time since it began, user's and system's, of all threads.
    pub(crate) cpu: Option<Duration>,
}

impl Process {
    /// Looks, where there is `/proc`.
    pub(crate) fn read() -> Process {
        Process { resident_bytes: resident_bytes(), cpu: cpu() }
    }

    /// The share of one CPU it took over `uptime`, in percent.
    pub(crate) fn cpu_percent(&self, uptime: Duration) -> Option<f64> {
        let cpu = self.cpu?.as_secs_f64();
        (uptime > Duration::ZERO).then(|| 100.0 * cpu / uptime.as_secs_f64())
    }
}

fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

fn cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in brackets and may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let ticks: u64 =
        fields.next()?.parse::<u64>().ok()?.checked_add(fields.next()?.parse().ok()?)?;
    Some(Duration::from_millis(ticks * (1_000 / TICKS_PER_S)))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_takes_time() {
        let process = Process::read();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 100_000));
        assert!(process.cpu.is_some());
        assert!(process.cpu_percent(Duration::from_secs(1)).is_some());
    }
}
