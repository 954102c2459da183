//! The stream of a connection, which notes what comes and goes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::progress::{Progress, Waits};

/// A stream that notes what comes and goes.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    /// What was read on another worker, and is to be read first.
    pub(super) ahead: Bytes,
    pub(super) progress: Arc<Progress>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = into.filled().len();
        let read = if self.ahead.is_empty() {
            Pin::new(&mut self.stream).poll_read(poller, into)
        } else {
            let count = self.ahead.len().min(into.remaining());
            into.put_slice(&self.ahead.split_to(count));
            Poll::Ready(Ok(()))
        };
        if into.filled().len() > before && self.progress.waits() == Waits::Idle {
            self.progress.note(Waits::Head);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// All that was to be written has been: the next request may come.
    fn flushed(&self) {
        self.progress.note_flushed(true);
        if self.progress.waits() == Waits::Client {
            self.progress.note(Waits::Idle);
        }
    }

    /// There is more to flush from here on.
    fn writes(&self) {
        self.progress.note_flushed(false);
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
        self.writes();
        let written = Pin::new(&mut self.stream).poll_write(poller, bytes);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.writes();
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
        if self.progress.leaves() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(poller)
    }
}
