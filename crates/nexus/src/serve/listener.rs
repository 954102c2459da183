//! The port: takes connections and hands them to the workers in turn.
//!
//! On a thread of its own, so that a worker in a long handler keeps nobody from
//! getting in. Each connection then stays with its worker.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use nexus_agent::ErrorCode;
use nexus_base::Time;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio_rustls::TlsAcceptor;

use super::connection;
use super::host::Host;
use super::meter::Refused;
use super::on_worker::OnWorker;

/// How long to pause when the system has no more files for connections: those
/// that there are end meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// How often the log says that connections cannot be taken.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What a client is told for which there is no room.
const FULL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n\
    connection: close\r\nretry-after: 1\r\ncontent-length: 155\r\n\r\n\
    {\"error\":{\"code\":\"mailbox_full\",\"message\":\"the node has all the connections it may \
    have\",\"changed\":\"no\",\"retry\":\"later\",\"detail\":{\"reason\":\"connections\"}}}";

/// Connections that may wait to be taken. The system takes less if it was told
/// to; the 128 that most ask for are full when a few hundred clients come at once.
const WAITING_MAX: u32 = 4_096;

/// Listens on `address`. To be called inside the runtime that will take connections.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A node that starts again must not wait for its last connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

/// Takes connections until the node drains.
pub(super) async fn listen(
    host: Arc<Host>,
    listener: TcpListener,
    workers: Vec<Handle>,
    tls: Option<TlsAcceptor>,
) {
    let mut workers = workers.into_iter().cycle();
    let mut drained = pin!(host.drained());
    let mut told = Seldom::default();
    loop {
        let accepted = std::future::poll_fn(|poller| {
            if drained.as_mut().poll(poller).is_ready() {
                return Poll::Ready(None);
            }
            listener.poll_accept(poller).map(Some)
        });
        match accepted.await {
            None => return,
            Some(Ok((stream, from))) => {
                if let Some(worker) = workers.next() {
                    admit(&host, stream, from, &worker, tls.clone());
                }
            }
            Some(Err(error)) => {
                if let Some(count) = told.tell(host.now()) {
                    tracing::warn!(target: "nexus", %error, count, "connections could not be taken");
                }
                if !is_of_the_connection(&error) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// What happens many times a second, told at most once in one.
#[derive(Default)]
struct Seldom {
    again: Time,
    untold: u64,
}

impl Seldom {
    /// How often it has happened since it was told, if it is to be told now.
    fn tell(&mut self, now: Time) -> Option<u64> {
        self.untold += 1;
        if now < self.again {
            return None;
        }
        self.again = now.after(TOLD_EVERY);
        Some(std::mem::take(&mut self.untold))
    }
}

/// Whether the client left before it was let in, which says nothing of the next one.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn admit(
    host: &Arc<Host>,
    stream: TcpStream,
    from: SocketAddr,
    worker: &Handle,
    tls: Option<TlsAcceptor>,
) {
    // Answers are small and written whole: waiting for more only delays them.
    let _ = stream.set_nodelay(true);
    let seat = Seat::take(host.clone());
    if host.meter.connections() > host.settings.http.connections_max as u64 {
        host.meter.refused(Refused::Connections);
        if tls.is_none() {
            host.meter.failed(ErrorCode::MailboxFull);
            let _ = stream.try_write(FULL);
        }
        return;
    }
    // Off this thread's runtime, onto the worker's.
    let Ok(stream) = stream.into_std() else { return };
    let (host, from) = (host.clone(), from.ip());
    let serve = async move {
        let _seat = seat;
        if let Ok(stream) = TcpStream::from_std(stream) {
            serve(host, stream, from, tls).await;
        }
    };
    worker.spawn(OnWorker::new(serve));
}

async fn serve(host: Arc<Host>, stream: TcpStream, from: IpAddr, tls: Option<TlsAcceptor>) {
    let Some(tls) = tls else { return connection::serve(host, stream, from).await };
    let limit = host.settings.http.header_timeout;
    let accepted = {
        let mut accepting = pin!(tokio::time::timeout(limit, tls.accept(stream)));
        let mut drained = pin!(host.drained());
        std::future::poll_fn(|poller| match accepting.as_mut().poll(poller) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => drained.as_mut().poll(poller).map(|()| None),
        })
        .await
    };
    match accepted {
        Some(Ok(Ok(stream))) => connection::serve(host, stream, from).await,
        Some(Ok(Err(error))) => tracing::debug!(target: "nexus", %error, "no TLS"),
        Some(Err(_)) => host.meter.refused(Refused::Slow),
        // Nothing was asked yet, and nothing would be answered.
        None => {}
    }
}

/// A place among the connections there may be.
struct Seat(Arc<Host>);

impl Seat {
    fn take(host: Arc<Host>) -> Seat {
        host.meter.connected();
        Seat(host)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.meter.disconnected();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_room_is_told_so_in_full() {
        let text = str::from_utf8(FULL).expect("it is text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("it is JSON");
        assert_eq!(body["error"]["code"], "mailbox_full");
    }

    #[test]
    fn what_comes_in_floods_is_told_once_a_second_with_its_count() {
        let mut seldom = Seldom::default();
        let at = |ms| Time::ZERO.after(Duration::from_millis(ms));
        let told: Vec<Option<u64>> = (0..=40).map(|tick| seldom.tell(at(50 * tick))).collect();
        let told: Vec<(usize, u64)> =
            told.iter().enumerate().filter_map(|(tick, count)| Some((tick, (*count)?))).collect();
        assert_eq!(told, [(0, 1), (20, 20), (40, 20)]);
    }
}
