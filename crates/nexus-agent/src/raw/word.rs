//! The word that says who may touch a cell.
//!
//! One number holds the phase (idle, queued, running, suspended, closed) and
//! the bits that ask for attention. Invariants, checked by the loom models:
//!
//! 1. Whoever moves the word to *running* owns the cell's insides until it
//!    moves it away again. Nobody else touches state, future or ready list.
//! 2. A cell has one entry in a run queue exactly while its phase is *queued*.
//!    At shutdown a queued cell may be seized all the same; its entry is then
//!    an *orphan*, which finds that out and is all that keeps the cell in memory.
//! 3. A set mail or control bit is never left behind: the owner cannot go idle
//!    past it, and a poster that finds the cell idle queues it.
//! 4. *Closed* is final.

use crate::sync::{AtomicU32, Ordering};

const PHASE: u32 = 0b111;
const IDLE: u32 = 0;
const QUEUED: u32 = 0b001;
const SUSPENDED: u32 = 0b100;
/// The run flag itself: set while somebody runs the cell, and for ever once it is closed.
const TAKEN: u32 = 0b010;
const RUNNING: u32 = QUEUED | TAKEN;
const CLOSED: u32 = SUSPENDED | TAKEN;

/// The handler's waker fired while the cell was running.
const NOTIFIED: u32 = 1 << 3;
/// Something was put into an empty inbox.
const MAIL: u32 = 1 << 4;

/// What an owner is asked to do before it looks at ordinary mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Control {
    /// Drop the suspended handler if its kind opted in: its asker gave up.
    Cancel = 1 << 5,
    /// Make the state afresh.
    Restart = 1 << 6,
    /// Stop at the next message boundary.
    Stop = 1 << 7,
    /// Stop at once, dropping a suspended handler.
    Kill = 1 << 8,
}

impl Control {
    /// Whether this does not wait for a suspended handler to finish.
    pub(crate) fn is_urgent(self) -> bool {
        self as u32 & URGENT != 0
    }
}

const CONTROL: u32 =
    Control::Cancel as u32 | Control::Restart as u32 | Control::Stop as u32 | Control::Kill as u32;
/// Controls that do not wait for a suspended handler to finish.
const URGENT: u32 = Control::Kill as u32 | Control::Cancel as u32;

/// The cell was seized while it had an entry in a run queue.
const ORPHAN: u32 = 1 << 9;

/// What the poster of mail or control has to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Posted {
    /// The cell was idle and is now queued: put it into a run queue.
    Queued,
    /// Somebody else will see to it.
    Noted,
    /// The cell is closed: clear up what was posted.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) fn idle() -> Word {
        Word(AtomicU32::new(IDLE))
    }

    /// Takes the run flag of an idle cell with nothing pending.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        self.0.compare_exchange(IDLE, RUNNING, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes the run flag out of the run queue; false if the entry is an orphan.
    /// Only the holder of the queue's entry may call.
    #[inline]
    pub(crate) fn begin(&self) -> bool {
        self.0.fetch_or(TAKEN, Ordering::AcqRel) & TAKEN == 0
    }

    /// Takes the cell out of the run queue unrun: it rests until something comes
    /// in. False if the entry is an orphan. Only the holder of the entry may call.
    pub(crate) fn shelve(&self) -> bool {
        let shelved = |word: u32| (word & PHASE == QUEUED).then_some(word & !PHASE | IDLE | MAIL);
        self.update(shelved).is_ok()
    }

    /// Goes idle, unless something is pending: then the caller still owns the cell.
    #[inline]
    pub(crate) fn release(&self) -> bool {
        if self.0.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return true;
        }
        self.update(|word| (word & (MAIL | CONTROL) == 0).then_some(IDLE)).is_ok()
    }

    /// Goes to sleep until woken, unless woken already or urgently wanted.
    pub(crate) fn suspend(&self) -> bool {
        let asleep = |word: u32| {
            let stay_awake = word & (NOTIFIED | URGENT) != 0;
            (!stay_awake).then_some(word & !PHASE | SUSPENDED)
        };
        self.update(asleep).is_ok()
    }

    /// Gives the cell back to the run queue with all that is pending.
    pub(crate) fn requeue(&self) {
        let requeued = |word: u32| Some(word & !(PHASE | NOTIFIED) | QUEUED);
        let _ = self.update(requeued);
    }

    /// Forgets the mail bit. The owner looks into the inbox after this, not before.
    #[inline]
    pub(crate) fn clear_mail(&self) {
        if self.0.load(Ordering::Relaxed) & MAIL != 0 {
            self.0.fetch_and(!MAIL, Ordering::AcqRel);
        }
    }

    /// The most urgent control that is pending, if any.
    #[inline]
    pub(crate) fn control(&self) -> Option<Control> {
        let word = self.0.load(Ordering::Acquire);
        if word & CONTROL == 0 {
            return None;
        }
        // What waits for a suspended handler comes after what does not.
        let by_urgency = [Control::Kill, Control::Cancel, Control::Stop, Control::Restart];
        by_urgency.into_iter().find(|control| word & *control as u32 != 0)
    }

    pub(crate) fn clear_control(&self, control: Control) {
        self.0.fetch_and(!(control as u32), Ordering::AcqRel);
    }

    /// Asks for `control` in a while. Only the owner may: it keeps the cell,
    /// and cannot go idle past what it has asked for.
    pub(crate) fn set_control(&self, control: Control) {
        self.0.fetch_or(control as u32, Ordering::AcqRel);
    }

    /// Closes the cell for good. Only its owner may. True if an orphan keeps it in memory.
    pub(crate) fn close(&self) -> bool {
        self.update(|_| Some(CLOSED)).is_ok_and(|was| was & ORPHAN != 0)
    }

    /// Says that the inbox is no longer empty.
    pub(crate) fn post_mail(&self) -> Posted {
        self.post(MAIL, false)
    }

    /// Asks the owner for `control`.
    pub(crate) fn post_control(&self, control: Control) -> Posted {
        self.post(control as u32, control as u32 & URGENT != 0)
    }

    fn post(&self, bit: u32, urgent: bool) -> Posted {
        let posted = self.update(|word| match word & PHASE {
            CLOSED => None,
            IDLE => Some(word & !PHASE | QUEUED | bit),
            SUSPENDED if urgent => Some(word & !PHASE | QUEUED | bit),
            _ => Some(word | bit),
        });
        match posted {
            Err(_) => Posted::Closed,
            Ok(was) if was & PHASE == IDLE || urgent && was & PHASE == SUSPENDED => Posted::Queued,
            Ok(_) => Posted::Noted,
        }
    }

    /// Wakes a suspended cell; true if the caller must put it into a run queue.
    pub(crate) fn wake(&self) -> bool {
        let woken = self.update(|word| match word & PHASE {
            SUSPENDED => Some(word & !PHASE | QUEUED),
            RUNNING => Some(word | NOTIFIED),
            // Changes nothing, but has the poll to come see all that the
            // waker's thread has done so far.
            QUEUED => Some(word),
            _ => None,
        });
        woken.is_ok_and(|was| was & PHASE == SUSPENDED)
    }

    /// Takes the run flag of a suspended cell, to look at its handler.
    pub(crate) fn hold_suspended(&self) -> bool {
        let held = |word: u32| (word & PHASE == SUSPENDED).then_some(word & !PHASE | RUNNING);
        self.update(held).is_ok()
    }

    /// Takes the run flag of a cell nobody is running, to close it; false if it is running.
    pub(crate) fn seize(&self) -> bool {
        let seized = |word: u32| match word & PHASE {
            RUNNING | CLOSED => None,
            QUEUED => Some(word & !PHASE | RUNNING | ORPHAN),
            _ => Some(word & !PHASE | RUNNING),
        };
        self.update(seized).is_ok()
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & PHASE == CLOSED
    }

    /// What the cell is doing, in the words of `why`.
    pub(crate) fn phase_name(&self) -> &'static str {
        match self.0.load(Ordering::Relaxed) & PHASE {
            IDLE => "idle",
            QUEUED => "queued",
            RUNNING => "running",
            SUSPENDED => "suspended",
            _ => "closed",
        }
    }

    fn update(&self, change: impl Fn(u32) -> Option<u32>) -> Result<u32, u32> {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            let Some(next) = change(word) else { return Err(word) };
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(word),
                Err(seen) => word = seen,
            }
        }
    }
}
