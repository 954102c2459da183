//! Datagrams of membership: version, kind, body, checksum.
//!
//! A body is checked as a whole before any of it is believed, so that a damaged datagram
//! changes nothing. Nothing is allocated on the word of a length.
//!
//! **Where sealing goes.** The edge encrypts what [`super::Effect::Send`] holds and opens
//! what it receives before it calls `handle_datagram`; [`SEAL_BYTES_MAX`] is kept free for
//! that. The checksum here finds accidents and strangers, not forgers.

mod codec;

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::about;
use super::error::DatagramError;
use super::identity::{Identity, Life};
use crate::{ClusterId, NodeId};

pub(super) use codec::Codec;

/// The longest datagram as it leaves the machine, in bytes: it fits a packet of Ethernet
/// under UDP and a tunnel or two.
pub const DATAGRAM_BYTES_MAX: usize = 1_400;
/// Of these, kept free for the edge to seal: 24 of nonce and 16 of tag, the most that the
/// usual ciphers take.
pub const SEAL_BYTES_MAX: usize = 40;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;
/// The longest datagram before it is sealed.
const PLAIN_BYTES_MAX: usize = DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX;
/// The longest body.
pub(super) const FRAME_BYTES_MAX: usize = PLAIN_BYTES_MAX - HEAD_BYTES - CHECKSUM_BYTES;

/// What a datagram is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Probes and news, as foca has them.
    Swim = 0,
    /// Whom do you know, from this node on?
    Ask = 1,
    /// The answer.
    Page = 2,
    /// Another process has your place.
    Outranked = 3,
}

/// An identity in a datagram.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct WireId<'a> {
    pub life: Life,
    pub about: &'a [u8],
}

impl<'a> WireId<'a> {
    pub fn of(identity: &'a Identity) -> WireId<'a> {
        WireId { life: identity.life, about: &identity.about }
    }

    pub fn to_identity(self) -> Identity {
        Identity { life: self.life, about: self.about.into() }
    }

    fn check(self) -> Result<(), DatagramError> {
        if self.life.start == 0 {
            return Err(malformed("a member without a start"));
        }
        if !about::is_valid(self.about) {
            return Err(malformed("what a member tells of itself"));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum WireState {
    Alive,
    Suspect,
    Down,
}

/// A piece of news.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct WireMember<'a> {
    #[serde(borrow)]
    pub id: WireId<'a>,
    pub incarnation: u16,
    pub state: WireState,
}

/// The head of what foca sends; the receiver is named without what it tells of itself.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct WireHeader<'a> {
    #[serde(borrow)]
    pub src: WireId<'a>,
    pub src_incarnation: u16,
    pub dst: Life,
    #[serde(borrow)]
    pub message: WireMessage<'a>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum WireMessage<'a> {
    Ping(u8),
    Ack(u8),
    PingReq(#[serde(borrow)] WireId<'a>, u8),
    IndirectPing(#[serde(borrow)] WireId<'a>, u8),
    IndirectAck(#[serde(borrow)] WireId<'a>, u8),
    ForwardedAck(#[serde(borrow)] WireId<'a>, u8),
    Announce,
    Feed,
    Gossip,
    TurnUndead,
}

impl<'a> WireMessage<'a> {
    /// The third node that it is about.
    pub fn third(&self) -> Option<WireId<'a>> {
        match *self {
            WireMessage::PingReq(third, _)
            | WireMessage::IndirectPing(third, _)
            | WireMessage::IndirectAck(third, _)
            | WireMessage::ForwardedAck(third, _) => Some(third),
            _ => None,
        }
    }

    fn has_news(&self) -> bool {
        !matches!(self, WireMessage::Announce | WireMessage::TurnUndead)
    }
}

/// Whom do you know, from the node after this one on?
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct WireAsk {
    pub src: Life,
    pub dst: Life,
    pub after: Option<NodeId>,
    /// Of all that the sender knows; where it is the same, there is nothing to tell.
    pub digest: u64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct WirePage {
    pub src: Life,
    pub dst: Life,
    /// What was asked for.
    pub after: Option<NodeId>,
    /// Whether there are further members behind the last of these.
    pub has_more: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct WireOutranked<'a> {
    pub dst: Life,
    #[serde(borrow)]
    pub by: WireId<'a>,
}

/// News in a datagram, checked.
#[derive(Clone, Copy)]
pub(super) struct News<'a> {
    bytes: &'a [u8],
    count: u16,
}

impl<'a> News<'a> {
    fn parse(bytes: &'a [u8]) -> Result<News<'a>, DatagramError> {
        let (count, bytes) = bytes.split_first_chunk().ok_or(malformed("news without a count"))?;
        let news = News { bytes, count: u16::from_be_bytes(*count) };
        let mut rest = bytes;
        for _ in 0..news.count {
            let (member, behind): (WireMember<'_>, _) = take(rest)?;
            member.id.check()?;
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(malformed("bytes behind the news"));
        }
        Ok(news)
    }

    pub const NONE: News<'static> = News { bytes: &[], count: 0 };

    /// Each piece, and its bytes.
    pub fn iter(self) -> impl Iterator<Item = (WireMember<'a>, &'a [u8])> {
        let mut rest = self.bytes;
        (0..self.count).map(move |_| {
            let (member, behind) = take(rest).expect("it was checked when it came in");
            let bytes = &rest[..rest.len() - behind.len()];
            rest = behind;
            (member, bytes)
        })
    }
}

/// A datagram that makes sense.
pub(super) enum Datagram<'a> {
    Swim(WireHeader<'a>, News<'a>),
    Ask(WireAsk),
    Page(WirePage, News<'a>),
    Outranked(WireOutranked<'a>),
}

/// Checks a datagram from version to the last byte.
pub(super) fn parse(cluster: ClusterId, bytes: &[u8]) -> Result<Datagram<'_>, DatagramError> {
    if bytes.len() > PLAIN_BYTES_MAX {
        return Err(DatagramError::TooLong { bytes: bytes.len() });
    }
    let (plain, sum) = bytes.split_last_chunk().ok_or(DatagramError::Damaged)?;
    if checksum(cluster, plain) != u64::from_le_bytes(*sum) {
        return Err(DatagramError::Damaged);
    }
    match plain {
        [VERSION, kind, body @ ..] => parse_body(*kind, body),
        [theirs, ..] => Err(DatagramError::Version { theirs: *theirs }),
        [] => Err(malformed("no version")),
    }
}

fn parse_body(kind: u8, body: &[u8]) -> Result<Datagram<'_>, DatagramError> {
    const SWIM: u8 = Kind::Swim as u8;
    const ASK: u8 = Kind::Ask as u8;
    const PAGE: u8 = Kind::Page as u8;
    const OUTRANKED: u8 = Kind::Outranked as u8;
    match kind {
        SWIM => parse_swim(body),
        ASK => Ok(Datagram::Ask(take_all(body)?)),
        PAGE => {
            let (page, rest) = take(body)?;
            Ok(Datagram::Page(page, News::parse(rest)?))
        }
        OUTRANKED => {
            let outranked: WireOutranked<'_> = take_all(body)?;
            outranked.by.check()?;
            Ok(Datagram::Outranked(outranked))
        }
        _ => Err(malformed("a kind that is unknown")),
    }
}

fn parse_swim(body: &[u8]) -> Result<Datagram<'_>, DatagramError> {
    let (header, rest): (WireHeader<'_>, _) = take(body)?;
    header.src.check()?;
    if let Some(third) = header.message.third() {
        third.check()?;
    }
    let news = match (header.message.has_news(), rest.is_empty()) {
        (true, _) => News::parse(rest)?,
        (false, true) => News::NONE,
        (false, false) => return Err(malformed("news where none belong")),
    };
    Ok(Datagram::Swim(header, news))
}

/// Makes a datagram of a body.
pub(super) fn frame(cluster: ClusterId, kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len() + CHECKSUM_BYTES);
    bytes.extend([VERSION, kind as u8]);
    bytes.extend(body);
    let sum = checksum(cluster, &bytes);
    bytes.extend(sum.to_le_bytes());
    assert!(bytes.len() <= PLAIN_BYTES_MAX, "whoever fills a body knows how long it may be");
    bytes
}

/// A body: its head, then as many members as fit; also whether that was all.
pub(super) fn fill<'a>(
    head: impl Fn(bool) -> Vec<u8>,
    members: impl Iterator<Item = WireMember<'a>>,
) -> Vec<u8> {
    let room = FRAME_BYTES_MAX - head(true).len() - 2;
    let (mut news, mut count, mut has_more) = (Vec::new(), 0u16, false);
    for member in members {
        let before = news.len();
        news = put(&member, news);
        if news.len() > room {
            news.truncate(before);
            has_more = true;
            break;
        }
        count += 1;
    }
    let mut body = head(has_more);
    body.extend(count.to_be_bytes());
    body.extend(news);
    body
}

/// Adds a value to bytes.
pub(super) fn put<T: Serialize>(value: &T, bytes: Vec<u8>) -> Vec<u8> {
    postcard::to_extend(value, bytes).expect("plain values into memory are always encoded")
}

fn take<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), DatagramError> {
    postcard::take_from_bytes(bytes).map_err(|_| malformed("it does not decode"))
}

fn take_all<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DatagramError> {
    match take(bytes)? {
        (value, []) => Ok(value),
        _ => Err(malformed("bytes behind its end")),
    }
}

pub(super) fn malformed(what: &'static str) -> DatagramError {
    DatagramError::Malformed { what }
}

fn checksum(cluster: ClusterId, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys((cluster.0 >> 64) as u64, cluster.0 as u64);
    hasher.write(bytes);
    hasher.finish()
}
