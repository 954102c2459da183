//! The form of our datagrams, as foca asks for it.

use bytes::{Buf, BufMut};
use foca::{Header, Member, Message, State};

use super::super::identity::Identity;
use super::{WireHeader, WireId, WireMember, WireMessage, WireState, put};

/// Why foca's own call did not work; its bytes were checked before, so only a full buffer
/// is expected.
#[derive(Clone, Debug, thiserror::Error)]
pub(in super::super) enum CodecError {
    #[error("no room left in the datagram")]
    NoRoom,
    #[error("bytes that do not decode")]
    Bytes(#[from] postcard::Error),
    #[error("a message that is not in use")]
    Unused,
}

/// Encodes for foca; keeps a buffer.
#[derive(Default)]
pub(in super::super) struct Codec {
    scratch: Vec<u8>,
}

impl Codec {
    fn put<T: serde::Serialize>(
        &mut self,
        value: &T,
        mut buf: impl BufMut,
    ) -> Result<(), CodecError> {
        self.scratch.clear();
        self.scratch = put(value, std::mem::take(&mut self.scratch));
        if buf.remaining_mut() < self.scratch.len() {
            return Err(CodecError::NoRoom);
        }
        buf.put_slice(&self.scratch);
        Ok(())
    }
}

impl foca::Codec<Identity> for Codec {
    type Error = CodecError;

    fn encode_header(
        &mut self,
        header: &Header<Identity>,
        buf: impl BufMut,
    ) -> Result<(), CodecError> {
        let message = message_out(&header.message)?;
        let (src, dst) = (WireId::of(&header.src), header.dst.life);
        self.put(&WireHeader { src, src_incarnation: header.src_incarnation, dst, message }, buf)
    }

    fn decode_header(&mut self, mut buf: impl Buf) -> Result<Header<Identity>, CodecError> {
        let bytes = buf.chunk();
        let (header, rest): (WireHeader<'_>, _) = postcard::take_from_bytes(bytes)?;
        let used = bytes.len() - rest.len();
        let header = Header {
            src: header.src.to_identity(),
            src_incarnation: header.src_incarnation,
            dst: Identity { life: header.dst, about: [].into() },
            message: message_in(&header.message),
        };
        buf.advance(used);
        Ok(header)
    }

    fn encode_member(
        &mut self,
        member: &Member<Identity>,
        buf: impl BufMut,
    ) -> Result<(), CodecError> {
        let state = match member.state() {
            State::Alive => WireState::Alive,
            State::Suspect => WireState::Suspect,
            State::Down => WireState::Down,
        };
        let id = WireId::of(member.id());
        self.put(&WireMember { id, incarnation: member.incarnation(), state }, buf)
    }

    fn decode_member(&mut self, mut buf: impl Buf) -> Result<Member<Identity>, CodecError> {
        let bytes = buf.chunk();
        let (member, rest): (WireMember<'_>, _) = postcard::take_from_bytes(bytes)?;
        let used = bytes.len() - rest.len();
        let member = member.to_member();
        buf.advance(used);
        Ok(member)
    }
}

impl WireMember<'_> {
    pub(in super::super) fn to_member(self) -> Member<Identity> {
        let state = match self.state {
            WireState::Alive => State::Alive,
            WireState::Suspect => State::Suspect,
            WireState::Down => State::Down,
        };
        Member::new(self.id.to_identity(), self.incarnation, state)
    }
}

fn message_out(message: &Message<Identity>) -> Result<WireMessage<'_>, CodecError> {
    Ok(match message {
        Message::Ping(number) => WireMessage::Ping(*number),
        Message::Ack(number) => WireMessage::Ack(*number),
        Message::PingReq { target, probe_number } => {
            WireMessage::PingReq(WireId::of(target), *probe_number)
        }
        Message::IndirectPing { origin, probe_number } => {
            WireMessage::IndirectPing(WireId::of(origin), *probe_number)
        }
        Message::IndirectAck { target, probe_number } => {
            WireMessage::IndirectAck(WireId::of(target), *probe_number)
        }
        Message::ForwardedAck { origin, probe_number } => {
            WireMessage::ForwardedAck(WireId::of(origin), *probe_number)
        }
        Message::Announce => WireMessage::Announce,
        Message::Feed => WireMessage::Feed,
        Message::Gossip => WireMessage::Gossip,
        Message::TurnUndead => WireMessage::TurnUndead,
        Message::Broadcast => return Err(CodecError::Unused),
    })
}

fn message_in(message: &WireMessage<'_>) -> Message<Identity> {
    match *message {
        WireMessage::Ping(number) => Message::Ping(number),
        WireMessage::Ack(number) => Message::Ack(number),
        WireMessage::PingReq(target, probe_number) => {
            Message::PingReq { target: target.to_identity(), probe_number }
        }
        WireMessage::IndirectPing(origin, probe_number) => {
            Message::IndirectPing { origin: origin.to_identity(), probe_number }
        }
        WireMessage::IndirectAck(target, probe_number) => {
            Message::IndirectAck { target: target.to_identity(), probe_number }
        }
        WireMessage::ForwardedAck(origin, probe_number) => {
            Message::ForwardedAck { origin: origin.to_identity(), probe_number }
        }
        WireMessage::Announce => Message::Announce,
        WireMessage::Feed => Message::Feed,
        WireMessage::Gossip => Message::Gossip,
        WireMessage::TurnUndead => Message::TurnUndead,
    }
}
