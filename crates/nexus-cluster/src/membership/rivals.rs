//! Two processes that are one node: who keeps the place, and how the other one learns.
//!
//! The greater life wins everywhere, by the same rule, so there is nothing to agree on.
//! Whoever hears from the lesser one tells it so. It stops rather than renew itself:
//! renewing would have the two take the place from each other for ever.

use super::Membership;
use super::address::Address;
use super::effect::{Conflict, Effect, Standing};
use super::error::DatagramError;
use super::identity::{Identity, Life};
use super::wire::{Kind, WireId, WireOutranked, malformed, put};

impl Membership {
    /// Whether the sender of a datagram is who it says, as far as lives tell.
    pub(super) fn check_sender(
        &mut self,
        from: &Address,
        sender: Life,
    ) -> Result<(), DatagramError> {
        let me = self.life();
        if sender.is_same_process(me) {
            return Err(DatagramError::Own);
        }
        if sender.node == me.node {
            if sender > me {
                self.replaced(sender);
                return Err(DatagramError::Over);
            }
            let is_new = !self.rival.is_some_and(|known| known.is_same_process(sender));
            self.rival = Some(sender);
            return Err(self.outrank(from, sender, self.foca.identity().clone(), is_new));
        }
        match self.book.outranking(sender).cloned() {
            Some(kept) => {
                let is_new = self.book.notice_rival(sender);
                Err(self.outrank(from, sender, kept, is_new))
            }
            None => Ok(()),
        }
    }

    fn outrank(
        &mut self,
        from: &Address,
        refused: Life,
        kept: Identity,
        is_new: bool,
    ) -> DatagramError {
        if is_new {
            let conflict = Conflict { node: refused.node, kept: kept.life, refused };
            self.effects.push_back(Effect::Conflict(conflict));
        }
        let outranked = WireOutranked { dst: refused, by: WireId::of(&kept) };
        self.send(from.clone(), Kind::Outranked, &put(&outranked, Vec::new()));
        DatagramError::Outranked { node: refused.node, from: from.clone() }
    }

    pub(super) fn take_outranked(
        &mut self,
        outranked: WireOutranked<'_>,
    ) -> Result<(), DatagramError> {
        let (me, by) = (self.life(), outranked.by.life);
        if !outranked.dst.is_same_process(me) {
            return Err(DatagramError::NotForUs);
        }
        if by.node != me.node || by.is_same_process(me) || by < me {
            return Err(malformed("outranked by one who does not"));
        }
        self.replaced(by);
        Ok(())
    }

    /// Another process is this node from here on.
    pub(super) fn replaced(&mut self, kept: Life) {
        let refused = self.life();
        let conflict = Conflict { node: refused.node, kept, refused };
        self.effects.push_back(Effect::Conflict(conflict));
        self.standing = Standing::Replaced;
        self.stop();
    }
}
