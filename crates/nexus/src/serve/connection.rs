//! One connection: HTTP/1.1 on a stream, with a limit on every wait.
//!
//! Who sends the head of a request byte by byte, or nothing at all, or takes
//! no answer, is cut off; how long each may take is in the settings. Where a
//! connection is in that is noted by its stream and its service and looked at
//! by a timer of its own.

use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::body::Body;
use super::host::Host;
use super::meter::Refused;
use super::serving;

/// How long a request that has begun to arrive may take once the node drains.
/// It has surely done nothing yet. A guess: what was sent whole is there by then.
pub(super) const ARRIVES_WITHIN: Duration = Duration::from_millis(500);

/// What a connection is waiting for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Waits {
    /// The first byte of a request.
    Idle,
    /// The rest of a request's head.
    Head,
    /// An answer of ours, or the body it needs; that has limits of its own.
    Answer,
    /// The client, to take what was written.
    Client,
    /// What is to be told in an answer without end.
    Stream,
    /// The client, to take what such an answer has told.
    Stuck,
}

impl Waits {
    const ALL: [Waits; 6] =
        [Waits::Idle, Waits::Head, Waits::Answer, Waits::Client, Waits::Stream, Waits::Stuck];
}

/// What stream, service and timer know of each other. All on one thread, but
/// tokio cannot know that.
struct Progress {
    begun: Instant,
    waits: AtomicU8,
    /// Since when, in nanoseconds from the beginning.
    since_ns: AtomicU64,
}

impl Progress {
    fn begin() -> Progress {
        let (waits, since_ns) = (AtomicU8::new(Waits::Idle as u8), AtomicU64::new(0));
        Progress { begun: now(), waits, since_ns }
    }

    fn waits(&self) -> Waits {
        Waits::ALL[usize::from(self.waits.load(Ordering::Relaxed))]
    }

    fn since(&self) -> Instant {
        self.begun + Duration::from_nanos(self.since_ns.load(Ordering::Relaxed))
    }

    fn note(&self, waits: Waits) {
        if self.waits.swap(waits as u8, Ordering::Relaxed) != waits as u8 {
            let since = now().duration_since(self.begun).as_nanos() as u64;
            self.since_ns.store(since, Ordering::Relaxed);
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the edge is where clocks are read")]
fn now() -> Instant {
    Instant::now()
}

/// Serves one connection until it ends.
pub(super) async fn serve<S>(host: Arc<Host>, stream: S, from: IpAddr)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let progress = Arc::new(Progress::begin());
    let watched = Watched { stream, progress: progress.clone() };
    let service = service_fn(|request: hyper::Request<Incoming>| {
        progress.note(Waits::Answer);
        let (host, progress) = (host.clone(), progress.clone());
        async move {
            let answer = serving::answer(&host, request, from).await;
            let endless = matches!(answer.body(), Body::Events(_));
            progress.note(if endless { Waits::Stream } else { Waits::Client });
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let http = &host.settings.http;
    let connection = hyper::server::conn::http1::Builder::new()
        .max_headers(http.headers_max)
        .max_buf_size(http.header_bytes_max.max(BUFFER_BYTES_MIN))
        // Gathering answers would keep any number of them for who reads none.
        .pipeline_flush(false)
        .half_close(false)
        .serve_connection(TokioIo::new(watched), service);
    let mut connection = pin!(connection);
    let mut timer = pin!(tokio::time::sleep(http.header_timeout));
    let mut drained = pin!(host.drained());
    let mut draining = None;
    std::future::poll_fn(|poller| {
        if draining.is_none() && drained.as_mut().poll(poller).is_ready() {
            draining = Some(now());
            connection.as_mut().graceful_shutdown();
        }
        if connection.as_mut().poll(poller).is_ready() {
            return Poll::Ready(());
        }
        if is_overdue(&host, &progress, draining, timer.as_mut(), poller) {
            if draining.is_none() {
                host.meter.refused(Refused::Slow);
            }
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

/// The smallest buffer that hyper works with.
const BUFFER_BYTES_MIN: usize = 8_192;

/// Whether the connection has waited too long; if not, the timer is set to when
/// it will have.
fn is_overdue(
    host: &Host,
    progress: &Progress,
    draining: Option<Instant>,
    mut timer: Pin<&mut Sleep>,
    poller: &mut Poller<'_>,
) -> bool {
    loop {
        let waits = progress.waits();
        let mut due = progress.since() + limit(host, waits);
        if let Some(since) = draining.filter(|_| matches!(waits, Waits::Idle | Waits::Head)) {
            due = due.min(since + ARRIVES_WITHIN);
        }
        if timer.deadline() > due || timer.is_elapsed() {
            if timer.is_elapsed() && now() >= due {
                return true;
            }
            timer.as_mut().reset(due);
        }
        // A deadline that was put off is looked at when the timer rings.
        if timer.as_mut().poll(poller).is_pending() {
            return false;
        }
    }
}

fn limit(host: &Host, waits: Waits) -> Duration {
    let http = &host.settings.http;
    match waits {
        Waits::Idle | Waits::Client | Waits::Stuck => http.idle_timeout,
        Waits::Head => http.header_timeout,
        // Requests end by their own deadlines, streams when their reader does.
        Waits::Answer | Waits::Stream => Duration::from_secs(366 * 86_400),
    }
}

/// A stream that notes what comes and goes.
struct Watched<S> {
    stream: S,
    progress: Arc<Progress>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(poller, into);
        if into.filled().len() > before && self.progress.waits() == Waits::Idle {
            self.progress.note(Waits::Head);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// All that was to be written has been: the next request may come.
    fn flushed(&self) {
        if self.progress.waits() == Waits::Client {
            self.progress.note(Waits::Idle);
        }
    }

    /// A stream may wait for ever for what it tells, but not for its reader.
    fn wrote<T>(&self, written: &Poll<T>) {
        match (self.progress.waits(), written.is_ready()) {
            (Waits::Stream, false) => self.progress.note(Waits::Stuck),
            (Waits::Stuck, true) => self.progress.note(Waits::Stream),
            _ => {}
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(poller, bytes);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(poller, slices);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<std::io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(poller);
        if flushed.is_ready() {
            self.flushed();
        }
        self.wrote(&flushed);
        flushed
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(poller)
    }
}
