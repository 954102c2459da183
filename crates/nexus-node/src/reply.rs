//! A reply as the log has it: the agent's, or that it could not be made.

use bytes::{BufMut, Bytes, BytesMut};
use nexus_cluster::raft::Term;

use crate::mail::Outcome;

const MADE: u8 = 0;
const FAILED: u8 = 1;

/// A reply's bytes in an entry.
pub(crate) fn encode(reply: &Result<Bytes, String>) -> Bytes {
    let (mark, bytes) = match reply {
        Ok(bytes) => (MADE, &bytes[..]),
        Err(reason) => (FAILED, reason.as_bytes()),
    };
    let mut out = BytesMut::with_capacity(bytes.len() + 1);
    out.put_u8(mark);
    out.put_slice(bytes);
    out.freeze()
}

/// What somebody who asks again is told.
pub(crate) fn outcome(kept: &Bytes, term: Term) -> Outcome {
    match kept.first() {
        Some(&MADE) => Outcome::Done { reply: kept.slice(1..), term },
        _ => Outcome::Refused {
            reason: String::from_utf8_lossy(kept.get(1..).unwrap_or_default()).into_owned(),
        },
    }
}
