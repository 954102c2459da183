//! How much is held and tried before the verdict is `unknown`.

/// How much is held and tried before the verdict is `unknown`.
///
/// To tell whether a history is linearizable is NP-complete (Gibbons and
/// Korach, "Testing shared memories", 1997), so without limits some would take
/// longer than anyone waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Keys of one history. A guess: more than a campaign uses.
    pub keys_max: usize,
    /// Operations of one key that are held. In an incremental history the older
    /// ones are let go once what they lead to is known. A guess.
    pub window_max: usize,
    /// Operations of one key that may have taken effect or not. A guess: each
    /// makes the search wider for good.
    pub unknown_max: usize,
    /// Configurations (which operations are in the order so far, and what is
    /// held then) reached in one check, over all keys, also those that had been
    /// reached before. A guess.
    pub configurations_max: usize,
    /// Memory for what was tried, in bytes, counted roughly. Measured in November
    /// 2026 on a busy 2-core machine, optimised a little: forty unknown additions,
    /// each sum another, use up 128 MiB in 5 seconds.
    pub bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            keys_max: 100_000,
            window_max: 100_000,
            unknown_max: 10_000,
            configurations_max: 5_000_000,
            bytes_max: 128 << 20,
        }
    }
}

impl Limits {
    /// For a history checked while a world runs: less memory, less patience.
    pub fn incremental() -> Limits {
        Limits {
            window_max: 4_096,
            unknown_max: 1_024,
            configurations_max: 500_000,
            bytes_max: 64 << 20,
            ..Limits::default()
        }
    }
}

/// What is left of the limits of one check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) configurations: usize,
    pub(super) bytes: usize,
}

impl Budget {
    pub(super) fn of(limits: &Limits) -> Budget {
        Budget { configurations: limits.configurations_max, bytes: limits.bytes_max }
    }

    /// Takes one configuration of so many bytes; whether there was enough.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = (self.configurations.checked_sub(1), self.bytes.checked_sub(bytes));
        let (Some(configurations), Some(bytes)) = left else { return false };
        *self = Budget { configurations, bytes };
        true
    }
}
