//! How long a datagram takes to a worker and back.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use nexus_base::Time;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::clock::Clock;

/// How long an answer is waited for. A guess: a reading takes no longer.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Datagrams that are no answer and are passed over, for one reading: late
/// answers, and what strangers sent before the sockets knew each other.
const STRAYS_MAX: usize = 16;

/// One end here, the other with a worker, which sends back what it gets.
#[derive(Debug)]
pub(super) struct Echo {
    near: UdpSocket,
    far: JoinHandle<()>,
    serial: u64,
}

impl Echo {
    /// `None` where there is no loopback.
    pub(super) fn new(worker: &Handle) -> Option<Echo> {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok();
        let (near, far) = (bind()?, bind()?);
        // From now on neither hears anybody else.
        near.connect(far.local_addr().ok()?).ok()?;
        far.connect(near.local_addr().ok()?).ok()?;
        far.set_nonblocking(true).ok()?;
        Some(Echo { near, far: worker.spawn(answer(far)), serial: 0 })
    }

    /// How long it takes; at least that, if no answer came in a second. `None` if
    /// there is nobody to answer any more.
    pub(super) fn round_trip(&mut self, clock: Clock) -> Option<Duration> {
        self.serial += 1;
        let question = self.serial.to_be_bytes();
        let sent_at = clock.now();
        self.near.send(&question).ok()?;
        let mut answer = [0; 16];
        for _ in 0..STRAYS_MAX {
            match self.receive(clock, sent_at, &mut answer)? {
                Some(len) if answer[..len] != question => continue,
                _ => break,
            }
        }
        Some(clock.now().since(sent_at))
    }

    /// Bytes that came; `Some(None)` if none came in time, `None` if none can.
    fn receive(&self, clock: Clock, sent_at: Time, to: &mut [u8]) -> Option<Option<usize>> {
        let left = WAIT_MAX.saturating_sub(clock.now().since(sent_at));
        if left.is_zero() {
            return Some(None);
        }
        self.near.set_read_timeout(Some(left)).ok()?;
        match self.near.recv(to) {
            Ok(len) => Some(Some(len)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Some(None)
            }
            Err(_) => None,
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.far.abort();
    }
}

/// Sends back what comes, until the node ends or [`Echo`] is dropped.
async fn answer(far: UdpSocket) {
    let Ok(far) = tokio::net::UdpSocket::from_std(far) else { return };
    let mut question = [0; 16];
    while let Ok(len) = far.recv(&mut question).await {
        // Whoever asked may be gone, or has no room: they hear nothing, then.
        let _ = far.send(&question[..len]).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_is_not_taken_for_one() {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is loopback");
        let address = |socket: &UdpSocket| socket.local_addr().expect("it is bound");
        let (near, far) = (bind(), bind());
        near.connect(address(&far)).expect("it is there");
        far.connect(address(&near)).expect("it is there");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("no thread");
        let mut echo = Echo { near, far: runtime.spawn(async {}), serial: 7 };
        // A late answer to the question before, and something that is no answer at all.
        far.send(&7u64.to_be_bytes()).expect("there is room");
        far.send(&[]).expect("there is room");
        let latency = echo.round_trip(Clock::start()).expect("somebody could answer");
        assert!(latency >= WAIT_MAX, "{latency:?}");
    }
}
