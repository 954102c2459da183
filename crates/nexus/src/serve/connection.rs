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
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::arriving::Arriving;
use super::body::Body;
use super::host::Host;
use super::meter::Refused;
use super::progress::{Progress, Waits, now};
use super::serving;
use super::watched::Watched;

/// How long a connection is kept once the node drains for a request that is on its way:
/// it is answered, and told that it was the last. One that has not arrived by then has
/// surely done nothing. A guess: what was sent whole before is there.
pub(super) const ARRIVES_WITHIN: Duration = Duration::from_millis(500);

/// A connection that is to go on elsewhere.
pub(super) struct Left<S> {
    /// Open, and between two requests.
    pub(super) stream: S,
    /// What was read of it and not made use of.
    pub(super) ahead: Bytes,
    /// The worker that takes it.
    pub(super) to: usize,
}

/// Serves one connection until it ends, or until it has to leave `worker`, if it
/// may. `ahead` is what was read of it before.
pub(super) async fn serve<S>(
    host: &Arc<Host>,
    stream: S,
    ahead: Bytes,
    from: IpAddr,
    worker: Option<usize>,
) -> Option<Left<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let progress = Arc::new(Progress::begin());
    let watched = Watched { stream, ahead, progress: progress.clone() };
    let service = service_fn(|request: hyper::Request<Incoming>| {
        progress.note(Waits::Answer);
        let request = request.map(|incoming| Arriving::new(incoming, progress.clone()));
        let (host, progress) = (host.clone(), progress.clone());
        async move {
            let mut answer = serving::answer(&host, request, from).await;
            if host.is_draining() {
                // Told so, the client sends nothing more here that nobody would read.
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            let endless = matches!(answer.body(), Body::Events(_));
            progress.note(if endless { Waits::Stream } else { Waits::Client });
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let http = &host.settings.http;
    let mut connection = hyper::server::conn::http1::Builder::new()
        .max_headers(http.headers_max)
        .max_buf_size(http.header_bytes_max.max(BUFFER_BYTES_MIN))
        // Gathering answers would keep any number of them for who reads none.
        .pipeline_flush(false)
        .half_close(false)
        .serve_connection(TokioIo::new(watched), service);
    let mut timer = pin!(tokio::time::sleep(http.header_timeout));
    let mut drained = pin!(host.drained());
    let mut draining = None;
    let to = std::future::poll_fn(|poller| {
        let mut connection = Pin::new(&mut connection);
        if draining.is_none() && drained.as_mut().poll(poller).is_ready() {
            draining = Some(now());
        }
        if connection.as_mut().poll(poller).is_ready() {
            return Poll::Ready(None);
        }
        if draining.is_none()
            && progress.is_between_requests()
            && let Some(to) = worker.and_then(|worker| host.crew.follow_order(worker))
        {
            // hyper is idle, and ends without a word; the stream stays open.
            progress.leave(true);
            connection.as_mut().graceful_shutdown();
            match connection.as_mut().poll(poller) {
                Poll::Ready(ended) => return Poll::Ready(ended.ok().map(|()| to)),
                // It was not idle after all: it closes after the answer it is at.
                Poll::Pending => progress.leave(false),
            }
        }
        if is_overdue(host, &progress, draining, timer.as_mut(), poller) {
            if draining.is_none() {
                host.meter.refused(Refused::Slow);
            }
            return Poll::Ready(None);
        }
        Poll::Pending
    });
    let to = to.await?;
    let parts = connection.into_parts();
    let Watched { stream, ahead, .. } = parts.io.into_inner();
    let ahead = match (parts.read_buf.is_empty(), ahead.is_empty()) {
        (_, true) => parts.read_buf,
        (true, false) => ahead,
        (false, false) => [parts.read_buf, ahead].concat().into(),
    };
    Some(Left { stream, ahead, to })
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
