//! The body of a request, which tells its connection when it was read to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::{Body, Incoming};

use super::progress::Progress;

/// A body as it arrives.
pub(super) struct Arriving {
    incoming: Incoming,
    progress: Arc<Progress>,
}

impl Arriving {
    pub(super) fn new(incoming: Incoming, progress: Arc<Progress>) -> Arriving {
        progress.note_body(incoming.is_end_stream());
        Arriving { incoming, progress }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.incoming).poll_frame(poller);
        if matches!(frame, Poll::Ready(None)) {
            self.progress.note_body(true);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
