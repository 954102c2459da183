//! What foca wants of the world during one input, kept until the input is done with.

use std::time::Duration;

use foca::{Notification, Runtime, Timer};

use super::identity::Identity;
use crate::NodeId;

#[derive(Default)]
pub(super) struct Outbox {
    pub sends: Vec<(Identity, Vec<u8>)>,
    pub timers: Vec<(Timer<Identity>, Duration)>,
    /// Members that may be otherwise than before; more than necessary is no harm.
    pub touched: Vec<NodeId>,
    pub is_renewed: bool,
    /// What became of the contact with others; none if it is as before.
    pub contact: Option<bool>,
}

impl Runtime<Identity> for Outbox {
    fn notify(&mut self, notification: Notification<'_, Identity>) {
        match notification {
            Notification::MemberUp(who) | Notification::MemberDown(who) => {
                self.touched.push(who.life.node);
            }
            Notification::Rename(_, who) => self.touched.push(who.life.node),
            Notification::Active => self.contact = Some(true),
            Notification::Idle | Notification::Defunct => self.contact = Some(false),
            Notification::Rejoin(_) => self.is_renewed = true,
        }
    }

    fn send_to(&mut self, to: Identity, data: &[u8]) {
        self.sends.push((to, data.to_vec()));
    }

    fn submit_after(&mut self, timer: Timer<Identity>, after: Duration) {
        // It has no word for a suspicion; but with each of its own it asks for a timer.
        if let Timer::ChangeSuspectToDown { member_id, .. } = &timer {
            self.touched.push(member_id.life.node);
        }
        self.timers.push((timer, after));
    }
}
