//! Datagrams of the protocol proper: what of them reaches foca.

use nexus_base::Time;

use super::Membership;
use super::address::Address;
use super::error::DatagramError;
use super::identity::Life;
use super::wire::{News, WireHeader, WireMember, WireMessage, WireState, malformed, put};

impl Membership {
    pub(super) fn take_swim(
        &mut self,
        now: Time,
        from: &Address,
        header: WireHeader<'_>,
        news: News<'_>,
    ) -> Result<(), DatagramError> {
        let dst = self.receiver(header.dst, &header.message)?;
        let third = header.message.third();
        if third.is_some_and(|third| third.life == dst) {
            return Err(malformed("help with probing us asked of ourselves"));
        }
        self.check_sender(from, header.src.life)?;
        self.make_room(header.src.life)?;
        let Some(sifted) = self.sift(news) else { return Ok(()) };
        let body = put(&WireHeader { dst, ..header }, Vec::new());
        if matches!(header.message, WireMessage::Feed) {
            self.hand_over(now, header.src.life, body, &[]);
            let is_active = self.book.get(header.src.life.node).is_some_and(|it| it.is_active());
            if is_active {
                self.learn(now, &sifted);
            }
        } else {
            self.hand_over(now, header.src.life, body, &sifted);
        }
        Ok(())
    }

    /// Gives foca the datagram, with the news that are worth it.
    fn hand_over(&mut self, now: Time, src: Life, mut body: Vec<u8>, sifted: &[Piece<'_>]) {
        if !sifted.is_empty() {
            body.extend((sifted.len() as u16).to_be_bytes());
        }
        self.outbox.touched.push(src.node);
        for (member, bytes) in sifted {
            body.extend(*bytes);
            self.outbox.touched.push(member.id.life.node);
        }
        let handled = self.foca.handle_data(&body, &mut self.outbox);
        self.expect(handled);
        self.settle(now);
    }

    /// Takes in what the rest of the cluster knows already; so it is not passed on, but for
    /// suspicions: if whoever began one is gone, nobody else tells the suspect, who then never
    /// clears itself.
    pub(super) fn learn(&mut self, now: Time, sifted: &[Piece<'_>]) {
        self.outbox.touched.extend(sifted.iter().map(|(member, _)| member.id.life.node));
        for are_suspects in [false, true] {
            let of = |piece: &&Piece<'_>| (piece.0.state == WireState::Suspect) == are_suspects;
            let members = sifted.iter().filter(of).map(|(member, _)| member.to_member());
            let learnt = self.foca.apply_many(members, are_suspects, &mut self.outbox);
            self.expect(learnt);
        }
        self.settle(now);
    }

    /// The life of ours that a datagram is for.
    fn receiver(&self, dst: Life, message: &WireMessage<'_>) -> Result<Life, DatagramError> {
        let me = self.life();
        let is_for_us = match message {
            WireMessage::Announce => dst == Life::WHOEVER || dst.node == me.node,
            // That an earlier identity is down was the reason to renew it.
            WireMessage::TurnUndead => dst == me,
            // The sender has not heard yet that we renewed ourselves: the answer tells it.
            _ => dst == me || dst.is_earlier_of(me),
        };
        is_for_us.then_some(me).ok_or(DatagramError::NotForUs)
    }

    /// Leaves of the news what would change anything; none if they say that another
    /// process has our place, and then this node is over.
    pub(super) fn sift<'a>(&mut self, news: News<'a>) -> Option<Vec<Piece<'a>>> {
        let me = self.life();
        let mut room = self.spec.members_max.saturating_sub(self.book.len());
        let mut sifted = Vec::new();
        for piece in news.iter() {
            let (WireMember { id, incarnation, state }, _) = piece;
            if id.life.node == me.node {
                if !id.life.is_same_process(me) && id.life > me {
                    self.replaced(id.life);
                    return None;
                }
                // An earlier life of ours is of interest to nobody.
                if id.life == me && state != WireState::Alive {
                    sifted.push(piece);
                }
            } else if !self.book.is_news(id.life, incarnation, state) {
                self.counts.news_known += 1;
            } else if self.book.get(id.life.node).is_some() {
                sifted.push(piece);
            } else if room > 0 {
                room -= 1;
                sifted.push(piece);
            } else {
                self.counts.news_refused += 1;
            }
        }
        Some(sifted)
    }

    /// Has room for one more member, if need be by forgetting the one down for longest.
    fn make_room(&mut self, life: Life) -> Result<(), DatagramError> {
        if self.book.get(life.node).is_some() || self.book.len() < self.spec.members_max {
            return Ok(());
        }
        let oldest = self.book.oldest_down().cloned().ok_or(DatagramError::Full)?;
        let life = oldest.life;
        let timer = foca::Timer::RemoveDown(oldest);
        let removed = self.foca.handle_timer(timer, &mut self.outbox);
        self.expect(removed);
        self.book.forget_down(life);
        Ok(())
    }
}

/// A piece of news, and its bytes.
pub(super) type Piece<'a> = (WireMember<'a>, &'a [u8]);
