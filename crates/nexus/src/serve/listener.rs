//! The port: takes connections, hands them to the workers, and has the workers
//! pass them on.
//!
//! On a thread of its own, so that a worker in a long handler keeps nobody from
//! getting in. Encrypted connections stay with their worker, since what their
//! session knows cannot be taken apart; [`super::balance`] says where the others go.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use nexus_agent::ErrorCode;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::balance::{Balance, Order};
use super::connection;
use super::gauge::Gauge;
use super::host::Host;
use super::meter::Refused;
use super::on_worker::OnWorker;
use crate::settings::Spread;

/// How long to pause when the system has no more files for connections: those
/// that there are end meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// What a client is told for which there is no room.
const FULL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n\
    connection: close\r\nretry-after: 1\r\ncontent-length: 155\r\n\r\n\
    {\"error\":{\"code\":\"mailbox_full\",\"message\":\"the node has all the connections it may \
    have\",\"changed\":\"no\",\"retry\":\"later\",\"detail\":{\"reason\":\"connections\"}}}";

/// Connections that may wait to be taken. The system takes less if it was told
/// to; the 128 that most ask for are full when a few hundred clients come at once.
const WAITING_MAX: u32 = 4_096;

/// How often the workers are looked at while there are connections. A guess: soon
/// enough for people, and `/proc/stat` counts ten ticks of each CPU meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Listens on `address`. To be called inside the runtime that will take connections.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A node that starts again must not wait for its last connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

/// Takes connections until the node drains.
pub(super) async fn listen(host: Arc<Host>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut last = host.crew.len() - 1;
    let moves = tls.is_none() && host.settings.http.spread == Spread::Auto;
    let mut balancing = pin!(async {
        if moves && host.crew.len() > 1 {
            balance(&host).await;
        }
        // In turn, for good.
        (0..host.crew.len()).for_each(|worker| host.crew.take(worker, true));
        std::future::pending::<()>().await;
    });
    let mut drained = pin!(host.drained());
    loop {
        let accepted = std::future::poll_fn(|poller| {
            if drained.as_mut().poll(poller).is_ready() {
                return Poll::Ready(None);
            }
            let _ = balancing.as_mut().poll(poller);
            listener.poll_accept(poller).map(Some)
        });
        match accepted.await {
            None => return,
            Some(Ok((stream, from))) => {
                last = host.crew.next(last);
                admit(&host, stream, from, last, tls.clone());
            }
            Some(Err(error)) => {
                if let Some(count) = host.failed("connections") {
                    tracing::warn!(target: "nexus", %error, count, "connections could not be taken");
                }
                if !is_of_the_connection(&error) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Whether the client left before it was let in, which says nothing of the next one.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Has the workers pass connections on, until the system no longer tells how busy
/// they are.
async fn balance(host: &Host) {
    let (crew, threads) = (&host.crew, &host.figures.threads);
    let tell = |balance: &Balance| {
        (0..crew.len()).for_each(|worker| crew.take(worker, balance.takes(worker)));
    };
    let stay = || (0..crew.len()).for_each(|worker| crew.order(worker, Order::Stay));
    let Some(mut gauge) = Gauge::new(PathBuf::from("/proc"), threads, host.now()) else { return };
    let mut balance = Balance::new(crew.len());
    tell(&balance);
    loop {
        if host.meter.connections() == 0 {
            // Who comes next may be quite another load.
            balance = Balance::new(crew.len());
            tell(&balance);
            stay();
            crew.arrival.notified().await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(reading) = gauge.read(threads, crew, host.now()) else { break };
        for (worker, order) in balance.read(&reading).into_iter().enumerate() {
            crew.order(worker, order);
        }
        tell(&balance);
    }
    stay();
}

fn admit(
    host: &Arc<Host>,
    stream: TcpStream,
    from: SocketAddr,
    worker: usize,
    tls: Option<TlsAcceptor>,
) {
    // Answers are small and written whole: waiting for more only delays them.
    let _ = stream.set_nodelay(true);
    let seat = Seat::take(host.clone(), worker);
    if host.meter.connections() > host.settings.http.connections_max as u64 {
        host.meter.refused(Refused::Connections);
        if tls.is_none() {
            host.meter.failed(ErrorCode::MailboxFull);
            let _ = stream.try_write(FULL);
        }
        return;
    }
    host.crew.arrival.notify_one();
    let (host, from) = (host.clone(), from.ip());
    match tls {
        None => go_on(host, stream, Bytes::new(), from, seat),
        Some(tls) => hand_over(host, stream, seat, move |host, stream, seat| async move {
            let _seat = seat;
            encrypted(host, stream, from, tls).await;
        }),
    }
}

/// Has a connection served by the worker of its seat.
fn go_on(host: Arc<Host>, stream: TcpStream, ahead: Bytes, from: IpAddr, seat: Seat) {
    hand_over(host, stream, seat, move |host, stream, seat| plain(host, stream, ahead, from, seat));
}

/// Off this thread's runtime, onto that of the worker of the seat.
fn hand_over<F: Future<Output = ()> + Send + 'static>(
    host: Arc<Host>,
    stream: TcpStream,
    seat: Seat,
    serve: impl FnOnce(Arc<Host>, TcpStream, Seat) -> F + Send + 'static,
) {
    let Ok(stream) = stream.into_std() else { return };
    let runtime = host.crew.runtime(seat.worker).clone();
    runtime.spawn(OnWorker::new(async move {
        if let Ok(stream) = TcpStream::from_std(stream) {
            serve(host, stream, seat).await;
        }
    }));
}

async fn plain(host: Arc<Host>, stream: TcpStream, ahead: Bytes, from: IpAddr, mut seat: Seat) {
    let served = connection::serve(&host, stream, ahead, from, Some(seat.worker));
    if let Some(left) = served.await {
        seat.move_to(left.to);
        go_on(host, left.stream, left.ahead, from, seat);
    }
}

async fn encrypted(host: Arc<Host>, stream: TcpStream, from: IpAddr, tls: TlsAcceptor) {
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
        Some(Ok(Ok(stream))) => {
            connection::serve(&host, stream, Bytes::new(), from, None).await;
        }
        Some(Ok(Err(error))) => tracing::debug!(target: "nexus", %error, "no TLS"),
        Some(Err(_)) => host.meter.refused(Refused::Slow),
        // Nothing was asked yet, and nothing would be answered.
        None => {}
    }
}

/// A place among the connections there may be, with one of the workers.
struct Seat {
    host: Arc<Host>,
    worker: usize,
}

impl Seat {
    fn take(host: Arc<Host>, worker: usize) -> Seat {
        host.meter.connected();
        host.crew.arrived(worker);
        Seat { host, worker }
    }

    /// The same place, with another worker.
    fn move_to(&mut self, worker: usize) {
        self.host.crew.passed_on(self.worker, worker);
        self.worker = worker;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.host.crew.left(self.worker);
        self.host.meter.disconnected();
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
}
