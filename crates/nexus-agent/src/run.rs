//! Running an agent: its control first, then its suspended handler, then its
//! mail, until it has had its share or has nothing left to do.

use crate::counters::Count;
use crate::raw::{Begun, Control, Envelope, Owned, outside};
use crate::system::Verdict;
use crate::{AskError, Changed, Crash, OnCancel, StopReason, Worker, post};

/// Messages handled between two looks at the exact clock: a handler's `now`
/// may be that much behind.
const MESSAGES_PER_CLOCK: u32 = 32;

/// Messages handled between two looks at the coarse clock, which cost 4 ns:
/// half a nanosecond for each message. So many handlers, at most, run on
/// beyond [`crate::RUN_TIME_MAX`].
const MESSAGES_PER_LOOK: u32 = 8;

/// Runs an agent for at most `messages` messages, or until it has had its time.
pub(crate) fn run(owned: Owned<'_>, messages: u32) {
    let mut places = Places::new(&owned);
    let mut owned = owned;
    let mut share = Share::new(messages);
    loop {
        match owned.cell().word().control() {
            Some(control) => {
                places.give_back(&owned);
                match obey(owned, control, &mut places) {
                    Some(kept) => owned = kept,
                    None => return,
                }
            }
            None if owned.has_frame() => match after(owned.resume(), owned, &mut places) {
                Next::Go(kept) => owned = kept,
                Next::Gone => return,
                Next::Sleep(kept) => match sleep(kept, &mut places) {
                    Some(kept) => owned = kept,
                    None => return,
                },
            },
            None if share.is_used_up(owned.worker()) => {
                places.give_back(&owned);
                return owned.requeue();
            }
            None => match owned.next_mail() {
                Some(envelope) => {
                    share.done += 1;
                    places.free(&owned);
                    let begun = begin(&mut owned, envelope);
                    match after(begun, owned, &mut places) {
                        Next::Go(kept) => owned = kept,
                        Next::Gone => return,
                        Next::Sleep(kept) => match sleep(kept, &mut places) {
                            Some(kept) => owned = kept,
                            None => return,
                        },
                    }
                }
                None => {
                    places.give_back(&owned);
                    match owned.release() {
                        Ok(()) => return,
                        Err(kept) => owned = kept,
                    }
                }
            },
        }
    }
}

/// Ends a run in place: goes idle, or hands over to the run queue what came in meanwhile.
#[inline]
pub(crate) fn finish(owned: Owned<'_>) {
    if let Err(owned) = owned.release() {
        owned.requeue();
    }
}

/// Ends a run in place whose handler is suspended.
pub(crate) fn finish_suspended(owned: Owned<'_>) {
    if let Err(owned) = owned.suspend() {
        owned.requeue();
    }
}

/// Ends a run in place whose handler panicked.
#[cold]
pub(crate) fn finish_crashed(owned: Owned<'_>, crash: Crash) {
    if let Some(owned) = crashed(owned, crash) {
        finish(owned);
    }
}

/// How much of its share of the worker a run has had.
struct Share {
    done: u32,
    max: u32,
    /// After how many messages to see whether there is more.
    look: u32,
}

impl Share {
    fn new(max: u32) -> Share {
        // A single message costs no look.
        Share { done: 0, max, look: max.min(2) }
    }

    #[inline]
    fn is_used_up(&mut self, worker: &Worker) -> bool {
        self.done >= self.look && self.look(worker)
    }

    #[cold]
    fn look(&mut self, worker: &Worker) -> bool {
        if self.done.is_multiple_of(MESSAGES_PER_CLOCK) {
            worker.refresh_now();
        } else {
            worker.catch_up();
        }
        // At first after two, four, eight: they may be long ones.
        self.look = (self.done + self.done.clamp(1, MESSAGES_PER_LOOK)).min(self.max);
        self.done >= self.max || worker.is_out_of_time()
    }
}

/// Places in the mailbox that have become free but are not yet given back:
/// one atomic operation for a batch of messages instead of one for each.
struct Places {
    free: u32,
    batch: u32,
}

impl Places {
    fn new(owned: &Owned<'_>) -> Places {
        // A small mailbox is exact: its senders are waiting for every place.
        let batch = (owned.cell().kind().mailbox().len_max / 32).clamp(1, 32);
        Places { free: 0, batch }
    }

    #[inline]
    fn free(&mut self, owned: &Owned<'_>) {
        self.free += 1;
        if self.free >= self.batch {
            self.give_back(owned);
        }
    }

    fn give_back(&mut self, owned: &Owned<'_>) {
        if self.free > 0 {
            post::give_back(owned.cell(), std::mem::take(&mut self.free));
        }
    }
}

#[inline]
fn begin(owned: &mut Owned<'_>, envelope: Envelope) -> Begun {
    let begun = match owned.cell().kind().hook() {
        None => envelope.begin(owned),
        Some(_) => begin_shown(owned, envelope),
    };
    if matches!(begun, Begun::Skipped) {
        owned.cell().kind().counters.add(owned.worker().shard(), Count::Dropped, 1);
    }
    begun
}

/// The same where the delivery hook is shown everything that is handled, and
/// nothing else.
#[cold]
fn begin_shown(owned: &mut Owned<'_>, envelope: Envelope) -> Begun {
    if let Err(why) = envelope.start(owned.now()) {
        envelope.discard(why);
        return Begun::Skipped;
    }
    let kind = owned.cell().kind();
    if let Err(crash) = kind.show(owned.worker(), owned.cell(), &envelope) {
        kind.counters.add(owned.worker().shard(), Count::Dropped, 1);
        envelope.discard(AskError::Crashed(crash.clone()));
        return Begun::Panicked(Box::new(crash));
    }
    envelope.begin(owned)
}

enum Next<'w> {
    Go(Owned<'w>),
    Sleep(Owned<'w>),
    Gone,
}

#[inline]
fn after<'w>(begun: Begun, owned: Owned<'w>, places: &mut Places) -> Next<'w> {
    match begun {
        Begun::Done | Begun::Skipped => Next::Go(owned),
        Begun::Pending => Next::Sleep(owned),
        Begun::Panicked(crash) => {
            places.give_back(&owned);
            match crashed(owned, *crash) {
                Some(owned) => Next::Go(owned),
                None => Next::Gone,
            }
        }
    }
}

/// Leaves a suspended agent; `Some` if control came in that does not wait.
fn sleep<'w>(owned: Owned<'w>, places: &mut Places) -> Option<Owned<'w>> {
    places.give_back(&owned);
    match owned.suspend() {
        Ok(()) => None,
        Err(owned) if owned.cell().word().control().is_some_and(Control::is_urgent) => Some(owned),
        // Woken while it was being polled: others go first, in case it never rests.
        Err(owned) => {
            owned.requeue();
            None
        }
    }
}

/// Does what was asked for; `None` if the agent is gone or still waits for its handler.
fn obey<'w>(mut owned: Owned<'w>, control: Control, places: &mut Places) -> Option<Owned<'w>> {
    match control {
        Control::Kill => {
            terminate(owned, StopReason::Killed);
            None
        }
        Control::Stop | Control::Restart if owned.has_frame() => finish_handler(owned, places),
        Control::Stop => {
            let reason = owned.cell().kind().system().take_stop_reason(owned.cell());
            terminate(owned, reason);
            None
        }
        // Made afresh it would not be what is kept of it: its node makes it again.
        Control::Restart if owned.cell().kind().strict().is_some() => {
            terminate(owned, StopReason::Restarted);
            None
        }
        Control::Restart => {
            owned.cell().word().clear_control(Control::Restart);
            if let Some(crash) = owned.stopping(&StopReason::Restarted) {
                note_crash(&owned, &crash);
            }
            restart(owned, AskError::Stopped { changed: Changed::Unknown })
        }
        Control::Cancel => {
            owned.cell().word().clear_control(Control::Cancel);
            let opted_in = owned.cell().kind().on_cancel() == OnCancel::Drop;
            if opted_in && owned.asker_gave_up() {
                let dropped = owned.drop_frame(AskError::Stopped { changed: Changed::Unknown });
                return match dropped {
                    Some(crash) => crashed(owned, *crash),
                    None => Some(owned),
                };
            }
            Some(owned)
        }
    }
}

/// Stop and restart wait for the message boundary: the handler runs on.
fn finish_handler<'w>(mut owned: Owned<'w>, places: &mut Places) -> Option<Owned<'w>> {
    match after(owned.resume(), owned, places) {
        Next::Go(owned) => Some(owned),
        Next::Gone => None,
        Next::Sleep(owned) => match owned.suspend() {
            Ok(()) => None,
            Err(owned) if owned.cell().word().control() == Some(Control::Kill) => Some(owned),
            Err(owned) => {
                owned.requeue();
                None
            }
        },
    }
}

/// Lets the supervisor decide about an agent that panicked.
#[cold]
pub(crate) fn crashed(owned: Owned<'_>, crash: Crash) -> Option<Owned<'_>> {
    owned.cell().kind().count(Some(owned.worker()), Count::Crashed, 1);
    owned.cell().count_error();
    // The asker may be below us on the stack: its step is no part of this.
    outside(|| match verdict(&owned, &crash) {
        Verdict::Restart => restart(owned, AskError::Crashed(crash)),
        Verdict::Stop => {
            terminate(owned, StopReason::Crashed(crash));
            None
        }
    })
}

/// What becomes of an agent that panicked. One that is being stopped or
/// restarted already, mostly for the crash that made it panic as well, is not
/// judged a second time: it is one failure, not two.
fn verdict(owned: &Owned<'_>, crash: &Crash) -> Verdict {
    let (cell, system) = (owned.cell(), owned.cell().kind().system());
    // Its handler is gone, whoever asked for it.
    cell.word().clear_control(Control::Cancel);
    let decided = match cell.word().control() {
        Some(Control::Restart) if cell.kind().strict().is_none() => Verdict::Restart,
        Some(Control::Restart | Control::Stop | Control::Kill) => Verdict::Stop,
        Some(Control::Cancel) | None => return system.clone().judge(owned.now(), cell, crash),
    };
    system.note_crash(cell, crash);
    decided
}

/// Makes the state afresh. Waiting mail stays.
///
/// One whose constructor panics goes behind the others, to try again: they have
/// their turn meanwhile, it may be killed, and time goes on for its supervisor,
/// whose restart intensity bounds how often.
fn restart(mut owned: Owned<'_>, why: AskError) -> Option<Owned<'_>> {
    // A state that panics while it is dropped is gone all the same.
    let _ = owned.drop_frame(why);
    let _ = owned.drop_state();
    let Err(crash) = owned.construct() else {
        owned.cell().word().clear_control(Control::Restart);
        owned.cell().kind().count(Some(owned.worker()), Count::Restarted, 1);
        owned.cell().kind().system().clone().note_restarted(owned.cell());
        return Some(owned);
    };
    owned.cell().kind().count(Some(owned.worker()), Count::Crashed, 1);
    owned.worker().refresh_now();
    let system = owned.cell().kind().system().clone();
    match system.judge(owned.now(), owned.cell(), &crash) {
        Verdict::Restart => {
            owned.cell().word().set_control(Control::Restart);
            owned.requeue();
        }
        Verdict::Stop => bury(owned, StopReason::Crashed(crash)),
    }
    None
}

/// Ends an agent.
pub(crate) fn terminate(owned: Owned<'_>, reason: StopReason) {
    outside(|| end(owned, reason));
}

fn end(mut owned: Owned<'_>, reason: StopReason) {
    let changed = AskError::Stopped { changed: Changed::Unknown };
    let _ = owned.drop_frame(match &reason {
        StopReason::Crashed(crash) => AskError::Crashed(crash.clone()),
        _ => changed,
    });
    let orderly = !matches!(reason, StopReason::Killed | StopReason::Crashed(_));
    let told = if orderly { owned.stopping(&reason) } else { None };
    let dropped = owned.drop_state();
    for crash in told.into_iter().chain(dropped) {
        note_crash(&owned, &crash);
    }
    bury(owned, reason);
}

/// Counts and tells of a crash that nobody has to decide about.
fn note_crash(owned: &Owned<'_>, crash: &Crash) {
    owned.cell().kind().count(Some(owned.worker()), Count::Crashed, 1);
    owned.cell().kind().system().note_crash(owned.cell(), crash);
}

/// Takes an agent without a state out of the world.
fn bury(owned: Owned<'_>, reason: StopReason) {
    let cell = owned.cell().clone();
    let system = cell.kind().system().clone();
    system.leave(&cell, &reason);
    owned.close();
    cell.kind().waiters.wake_all(&cell);
    cell.kind().count(None, Count::Stopped, 1);
    system.announce_end(&cell, &reason);
}
