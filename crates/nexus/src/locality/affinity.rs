//! Which CPUs the current thread may use: asking the system, and telling it.

use std::collections::BTreeSet;
use std::io;

/// The CPUs this thread may use.
///
/// # Errors
/// What the system said; `Unsupported` where it has no such call.
#[cfg(target_os = "linux")]
pub(crate) fn allowed() -> io::Result<BTreeSet<u32>> {
    use rustix::thread::CpuSet;
    let set = rustix::thread::sched_getaffinity(None)?;
    let numbers = (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu));
    Ok(numbers.map(|cpu| cpu as u32).collect())
}

/// Keeps this thread on `cpus`. Threads that it starts inherit that.
///
/// # Errors
/// What the system said; nothing has changed then.
#[cfg(target_os = "linux")]
pub(crate) fn confine(cpus: &BTreeSet<u32>) -> io::Result<()> {
    use rustix::thread::CpuSet;
    let mut set = CpuSet::new();
    for &cpu in cpus {
        if cpu as usize >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        set.set(cpu as usize);
    }
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn allowed() -> io::Result<BTreeSet<u32>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn confine(_cpus: &BTreeSet<u32>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_told() {
        let before = allowed().expect("Linux tells");
        let one = BTreeSet::from([*before.first().expect("a thread runs somewhere")]);
        let there = one.clone();
        let seen = std::thread::spawn(move || {
            confine(&there).expect("a CPU it may use");
            allowed().expect("Linux tells")
        });
        assert_eq!(seen.join().expect("no panic"), one);
        assert_eq!(allowed().expect("Linux tells"), before, "other threads are as before");
    }

    #[test]
    fn cpus_that_are_not_there_are_an_error() {
        assert!(confine(&BTreeSet::new()).is_err());
        assert!(confine(&BTreeSet::from([1_023])).is_err());
        assert!(confine(&BTreeSet::from([100_000])).is_err());
    }
}
