//! Where what came of a message goes.

use nexus_agent::{AskError, Changed, Crash, During};
use nexus_cluster::GroupId;

use crate::delivery::{Back, Delivery};
use crate::mail::{Mail, Outcome};
use crate::{Answer, CallError, Node};

impl Node {
    pub(crate) fn give_back(&mut self, back: Back, outcome: Outcome) {
        match back {
            Back::Here { call } => self.call_came(call, None, outcome),
            Back::There { node, call } => {
                let mail = Mail::Answer { call, outcome };
                self.send(node, GroupId::default(), &mail.content());
            }
        }
    }

    /// Ends a message that was delivered: all who wait for it learn what came of it.
    pub(crate) fn end_delivery(&mut self, number: u64, outcome: &Outcome) -> Option<Delivery> {
        let delivery = self.deliveries.remove(number)?;
        if let Some(hosting) = self.hostings.get_mut(&delivery.group) {
            if let Some(request) = delivery.request {
                hosting.under_way.remove(&(delivery.agent, request));
            }
            if let Some(reminder) = &delivery.reminder {
                hosting.ringing.remove(reminder);
            }
            if let Some(hosted) = hosting.agents.get_mut(&delivery.agent)
                && hosted.number == delivery.activation
            {
                hosted.delivered.remove(&number);
            }
            if let (Some(reminder), false) = (&delivery.reminder, outcome.is_done()) {
                hosting.retries.reminder_failed(self.now, reminder.clone());
            }
        }
        for &back in delivery.backs() {
            self.give_back(back, outcome.clone());
        }
        Some(delivery)
    }
}

/// What an agent that asks by name is told.
pub(super) fn answer_for_agent(answer: Result<Answer, CallError>) -> Result<Vec<u8>, AskError> {
    match answer {
        Ok(answer) => Ok(answer.bytes.into()),
        Err(CallError::Refused { reason }) => Err(AskError::Refused { reason }),
        Err(CallError::Busy { .. } | CallError::Unreachable) => Err(AskError::NotRunning),
        Err(CallError::Unknown) => Err(AskError::Stopped { changed: Changed::Unknown }),
        Err(CallError::Failed { reason }) => {
            Err(AskError::Crashed(Crash { during: During::Handler, message: reason.into() }))
        }
    }
}
