//! What agents have said.

use nexus_agent::{AskError, Changed, StopReason};
use nexus_base::AgentId;

use crate::Node;
use crate::host::Said;
use crate::hosting::Life;
use crate::mail::Outcome;

impl Node {
    pub(crate) fn handle_said(&mut self, said: Said) {
        match said {
            Said::Stepped(output) => {
                match output.delivery.and_then(|number| self.deliveries.remove_local(number)) {
                    Some(back) => self.local_answered(back, output.reply),
                    None => self.stepped(*output),
                }
            }
            Said::Undelivered(number, error) => match self.deliveries.remove_local(number) {
                Some(back) => self.local_failed(back, &error),
                None => self.undelivered(number, &error),
            },
            Said::Ended { agent, activation, reason } => {
                self.agent_ended(agent, activation, &reason)
            }
            Said::Letter(letter) => self.handle_letter(letter),
            Said::Call(call) => self.handle_agent_call(*call),
            Said::Lock(ask) => self.handle_agent_lock(*ask),
        }
    }

    /// A message that was delivered was not handled, or its handler came to no end. Either
    /// way nothing of it is kept.
    fn undelivered(&mut self, number: u64, error: &AskError) {
        let outcome = match error {
            AskError::NotRunning
            | AskError::ShuttingDown
            | AskError::MailboxFull { .. }
            | AskError::Shed
            | AskError::Expired { .. }
            | AskError::Stopped { changed: Changed::No | Changed::Unknown } => {
                Outcome::Again { unsure: false }
            }
            // What it has changed is not kept, however far it came.
            AskError::Crashed(crash) => {
                Outcome::Refused { reason: format!("{crash}; nothing was changed") }
            }
            error => Outcome::Refused { reason: error.to_string() },
        };
        self.end_delivery(number, &outcome);
    }

    fn agent_ended(&mut self, id: AgentId, activation: u64, _reason: &StopReason) {
        // By its number, since the slot may be open in another shard by now.
        let of = self.hostings.iter_mut().find_map(|(&group, hosting)| {
            let hosted = hosting.agents.get_mut(&id).filter(|one| one.number == activation)?;
            hosted.life = Life::Gone;
            Some(group)
        });
        if let Some(group) = of {
            self.forget_if_over(group, id);
        }
    }
}
