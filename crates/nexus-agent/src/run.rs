//! Running an agent: its control first, then its suspended handler, then its
//! mail, until it has had its share or has nothing left to do.

use crate::counters::Count;
use crate::raw::{Begun, Control, Envelope, Owned};
use crate::system::Verdict;
use crate::{AskError, Changed, Crash, OnCancel, StopReason, post};

/// Messages handled between two looks at the clock: a handler's `now` may be
/// that much behind.
const MESSAGES_PER_CLOCK: u32 = 32;

/// Runs an agent for at most `messages` messages.
pub(crate) fn run(owned: Owned<'_>, messages: u32) {
    let mut places = Places::new(&owned);
    let mut owned = owned;
    let mut left = messages;
    loop {
        match owned.cell().word().control() {
            Some(control) => {
                places.give_back(&owned);
                match obey(owned, control) {
                    Some(kept) => owned = kept,
                    None => return,
                }
            }
            None if owned.has_frame() => match after(owned.resume(), owned) {
                Next::Go(kept) => owned = kept,
                Next::Gone => return,
                Next::Sleep(kept) => match sleep(kept, &mut places) {
                    Some(kept) => owned = kept,
                    None => return,
                },
            },
            None if left == 0 => {
                places.give_back(&owned);
                return owned.requeue();
            }
            None => match owned.next_mail() {
                Some(envelope) => {
                    left -= 1;
                    places.free(&owned);
                    if left.is_multiple_of(MESSAGES_PER_CLOCK) {
                        owned.worker().refresh_now();
                    }
                    let begun = begin(&mut owned, envelope);
                    match after(begun, owned) {
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
    let shard = owned.worker().shard();
    if owned.cell().kind().hook().is_some()
        && let Err(crash) = owned.cell().kind().show(owned.worker(), owned.cell(), &envelope)
    {
        owned.cell().kind().counters.add(shard, Count::Dropped, 1);
        envelope.discard(AskError::Crashed(crash.clone()));
        return Begun::Panicked(crash);
    }
    let begun = envelope.begin(owned);
    if matches!(begun, Begun::Skipped) {
        owned.cell().kind().counters.add(shard, Count::Dropped, 1);
    }
    begun
}

enum Next<'w> {
    Go(Owned<'w>),
    Sleep(Owned<'w>),
    Gone,
}

#[inline]
fn after(begun: Begun, owned: Owned<'_>) -> Next<'_> {
    match begun {
        Begun::Done | Begun::Skipped => Next::Go(owned),
        Begun::Pending => Next::Sleep(owned),
        Begun::Panicked(crash) => match crashed(owned, crash) {
            Some(owned) => Next::Go(owned),
            None => Next::Gone,
        },
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
fn obey(mut owned: Owned<'_>, control: Control) -> Option<Owned<'_>> {
    match control {
        Control::Kill => {
            terminate(owned, StopReason::Killed);
            None
        }
        Control::Stop | Control::Restart if owned.has_frame() => finish_handler(owned),
        Control::Stop => {
            let reason = owned.cell().kind().system().take_stop_reason(owned.cell());
            terminate(owned, reason);
            None
        }
        Control::Restart => {
            owned.cell().word().clear_control(Control::Restart);
            restart(owned, AskError::Stopped { changed: Changed::Unknown })
        }
        Control::Cancel => {
            owned.cell().word().clear_control(Control::Cancel);
            let opted_in = owned.cell().kind().on_cancel() == OnCancel::Drop;
            if opted_in && owned.asker_gave_up() {
                let dropped = owned.drop_frame(AskError::Stopped { changed: Changed::Unknown });
                return match dropped {
                    Some(crash) => crashed(owned, crash),
                    None => Some(owned),
                };
            }
            Some(owned)
        }
    }
}

/// Stop and restart wait for the message boundary: the handler runs on.
fn finish_handler(mut owned: Owned<'_>) -> Option<Owned<'_>> {
    match after(owned.resume(), owned) {
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
    let kind = owned.cell().kind();
    kind.count(Some(owned.worker()), Count::Crashed, 1);
    owned.cell().count_error();
    let verdict = kind.system().clone().judge(owned.now(), owned.cell(), &crash);
    match verdict {
        Verdict::Restart => restart(owned, AskError::Crashed(crash)),
        Verdict::Stop => {
            terminate(owned, StopReason::Crashed(crash));
            None
        }
    }
}

/// Makes the state afresh. Waiting mail stays.
fn restart(mut owned: Owned<'_>, why: AskError) -> Option<Owned<'_>> {
    // A state that panics while it is dropped is gone all the same.
    let _ = owned.drop_frame(why);
    let _ = owned.drop_state();
    let mut made = owned.construct();
    while let Err(crash) = made {
        owned.cell().kind().count(Some(owned.worker()), Count::Crashed, 1);
        let system = owned.cell().kind().system().clone();
        match system.judge(owned.now(), owned.cell(), &crash) {
            // Bounded by the supervisor's restart intensity.
            Verdict::Restart => made = owned.construct(),
            Verdict::Stop => {
                bury(owned, StopReason::Crashed(crash));
                return None;
            }
        }
    }
    owned.cell().word().clear_control(Control::Restart);
    owned.cell().kind().count(Some(owned.worker()), Count::Restarted, 1);
    owned.cell().kind().system().clone().note_restarted(owned.cell());
    Some(owned)
}

/// Ends an agent that has a state.
pub(crate) fn terminate(mut owned: Owned<'_>, reason: StopReason) {
    let changed = AskError::Stopped { changed: Changed::Unknown };
    let _ = owned.drop_frame(match &reason {
        StopReason::Crashed(crash) => AskError::Crashed(crash.clone()),
        _ => changed,
    });
    let orderly = !matches!(reason, StopReason::Killed | StopReason::Crashed(_));
    let told = if orderly { owned.stopping(&reason) } else { None };
    let dropped = owned.drop_state();
    let system = owned.cell().kind().system().clone();
    for crash in told.into_iter().chain(dropped) {
        owned.cell().kind().count(Some(owned.worker()), Count::Crashed, 1);
        system.note_crash(owned.cell(), &crash);
    }
    bury(owned, reason);
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
