//! The signals that tell a process to end: SIGINT and SIGTERM.
//!
//! The first lets what has begun be finished. Whoever sends a second one does
//! not want to wait for that.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context as Poller, Poll};
use std::thread;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// How a process leaves that was interrupted, as the commands of `nexus` do.
const INTERRUPTED: i32 = 130;

/// Signals as they come, from when this was made: one that comes before anybody
/// waits is not lost.
pub(super) struct Signals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

/// While it lives, further signals end the process at once.
pub(super) struct Impatience(
    #[allow(dead_code, reason = "dropping it is what counts")] oneshot::Sender<()>,
);

impl Signals {
    /// Listens from now on, for as long as the process lives.
    ///
    /// # Errors
    /// What the system says if it has no file or no handler for us.
    pub(super) fn listen() -> io::Result<Signals> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let entered = runtime.enter();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        drop(entered);
        Ok(Signals { runtime, interrupt, terminate })
    }

    /// Waits for a signal, or for something else that may come first; whether it
    /// was a signal.
    pub(super) fn wait(&mut self, other: impl Future<Output = ()>) -> bool {
        let Signals { runtime, interrupt, terminate } = self;
        let mut other = pin!(other);
        runtime.block_on(std::future::poll_fn(|poller| {
            if interrupt.poll_recv(poller).is_ready() || terminate.poll_recv(poller).is_ready() {
                return Poll::Ready(true);
            }
            other.as_mut().poll(poller).map(|()| false)
        }))
    }

    /// Ends the process at the signal that is the second in all, whether or not
    /// the first one has come.
    ///
    /// # Errors
    /// What the system says if it has no thread; signals then do nothing more.
    pub(super) fn end_at_second(mut self, first_came: bool) -> io::Result<Impatience> {
        let (sender, mut over) = oneshot::channel();
        let watch = move || {
            for _ in usize::from(first_came)..2 {
                if !self.wait(Over(&mut over)) {
                    return;
                }
            }
            std::process::exit(INTERRUPTED);
        };
        thread::Builder::new().name("nexus-signals".to_owned()).spawn(watch)?;
        Ok(Impatience(sender))
    }
}

/// Ready when the [`Impatience`] is over.
struct Over<'o>(&'o mut oneshot::Receiver<()>);

impl Future for Over<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        Pin::new(&mut *self.0).poll(poller).map(drop)
    }
}
