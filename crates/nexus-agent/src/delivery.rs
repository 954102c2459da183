//! Delivery by name: a message with a number, and what came of it.
//!
//! Nobody awaits the answer: there is no future, and nothing is polled. The
//! reply slot knows the number and the host instead of an asker. Whatever
//! becomes of the message, the slot or the step's output is where it ends, and
//! the [`Receipt`] inside is used up once.

use std::sync::Arc;

use nexus_base::Time;

use crate::counters::Count;
use crate::error::drop_caught;
use crate::gate::Replied;
use crate::post::{self, Entry};
use crate::raw::{Asked, CellRef, Envelope, TypedCell, outside};
use crate::slot::Slot;
use crate::{AskError, Changed, Crash, During, Handler, Host, Message, StepOutput, System, codec};

/// A message to be put into a mailbox by name; see [`System::deliver`].
#[derive(Clone, Copy, Debug)]
pub struct Deliver<'a> {
    /// The agent's kind.
    pub kind: &'a str,
    /// The agent's key.
    pub key: &'a str,
    /// The message's name.
    pub message: &'a str,
    /// The message, encoded.
    pub bytes: &'a [u8],
    /// By when its handler has to start, on the node's clock; [`Time::MAX`] if
    /// that does not matter. The handler sees it as its own deadline.
    pub deadline: Time,
    /// Under which number the host is told what comes of it.
    pub number: u64,
}

/// The duty to tell the host, once, what came of a delivered message.
pub(crate) struct Receipt {
    host: Arc<dyn Host>,
    number: u64,
    told: bool,
}

impl Receipt {
    /// Tells the host that the message came to no step's end.
    pub(crate) fn fail(mut self, why: AskError) {
        self.tell(why);
    }

    /// The number, for a step's output: the host is told by that.
    pub(crate) fn into_number(mut self) -> u64 {
        self.told = true;
        self.number
    }

    fn tell(&mut self, why: AskError) {
        if !std::mem::replace(&mut self.told, true) {
            let (host, number) = (&self.host, self.number);
            outside(|| drop(Crash::catch(During::Handler, || host.undelivered(number, why))));
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.tell(AskError::Stopped { changed: Changed::Unknown });
    }
}

/// Whom a reply slot tells instead of an asker.
pub(crate) struct Delivered<R> {
    receipt: Receipt,
    cell: CellRef,
    message: &'static str,
    encode: fn(&R) -> Result<Vec<u8>, String>,
}

impl<R> Delivered<R> {
    /// The reply as bytes, for a step's output.
    pub(crate) fn encode(self, reply: R) -> Replied {
        let encoded = (self.encode)(&reply);
        drop_caught(reply);
        let message = self.message;
        let reply = encoded.map_err(|reason| AskError::ReplyUnencodable { message, reason });
        Replied { receipt: self.receipt, reply }
    }

    /// Tells the host of the answer of a kind whose output is not held, or of
    /// the failure.
    pub(crate) fn settle(self, answer: Result<R, AskError>) {
        let reply = match answer {
            Ok(reply) => reply,
            Err(why) => {
                self.cell.kind().system().count_error(why.code());
                return self.receipt.fail(why);
            }
        };
        let cell = self.cell.clone();
        let Replied { receipt, reply } = self.encode(reply);
        let host = receipt.host.clone();
        let output = StepOutput {
            delivery: Some(receipt.into_number()),
            reply: Some(reply),
            ..StepOutput::of(&cell)
        };
        outside(|| drop(Crash::catch(During::Handler, || host.stepped(output))));
    }
}

impl System {
    /// Puts a message into the mailbox of an agent that runs here. What comes of
    /// it is told to the host under its number; that it cannot be put there at
    /// all, before this returns.
    ///
    /// # Panics
    /// If there is no host: see [`Self::set_host`].
    pub fn deliver(&self, deliver: Deliver<'_>) {
        let host = self.host().expect("whoever numbers messages has set a host");
        let receipt = Receipt { host, number: deliver.number, told: false };
        let refused = |receipt: Receipt, why: AskError| {
            self.count_error(why.code());
            receipt.fail(why);
        };
        if self.is_shutting_down() {
            return refused(receipt, AskError::ShuttingDown);
        }
        if deliver.deadline <= self.fresh_now() {
            return refused(receipt, AskError::Expired { deadline: deliver.deadline });
        }
        let refusal = match self.kind(deliver.kind) {
            Some(kind) => kind.by_name().deliver(self, &deliver, receipt),
            None => Some((receipt, AskError::NotRunning)),
        };
        if let Some((receipt, why)) = refusal {
            refused(receipt, why);
        }
    }
}

/// Puts a message of type `M` into the mailbox of `typed`; gives the receipt
/// back, with the reason, if that cannot be.
pub(crate) fn deliver<A: Handler<M>, M: Message>(
    typed: &TypedCell<A>,
    deliver: &Deliver<'_>,
    receipt: Receipt,
) -> Option<(Receipt, AskError)> {
    let message = match codec::decode::<M>(deliver.bytes) {
        Ok(message) => message,
        Err(reason) => return Some((receipt, AskError::Malformed { message: M::NAME, reason })),
    };
    let cell = typed.cell();
    let entry = outside(|| post::enter(cell, None));
    // Nobody stands in line for it: whoever delivers tries again, or does not.
    if matches!(entry, Entry::Refused | Entry::Wait) {
        cell.kind().count_here(Count::Refused);
        drop_caught(message);
        return Some((receipt, AskError::MailboxFull { len_max: cell.kind().mailbox().len_max }));
    }
    let encode = codec::try_encode::<M::Reply>;
    let delivered = Delivered { receipt, cell: cell.clone(), message: M::NAME, encode };
    let slot = Arc::new(Slot::delivered(delivered));
    let asked = Asked { deadline: deliver.deadline, chain: None, slot };
    post::deliver(cell, entry, Envelope::ask::<A, M>(message, asked));
    None
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use nexus_base::AgentId;

    use super::Receipt;
    use crate::{AskError, Call, Host, Letter, StepOutput, StopReason};

    #[derive(Default)]
    struct Told(Mutex<Vec<(u64, AskError)>>);

    impl Host for Told {
        fn stepped(&self, _: StepOutput) {}
        fn undelivered(&self, delivery: u64, error: AskError) {
            self.0.lock().expect("nobody panics here").push((delivery, error));
            panic!("a host's panic is caught");
        }
        fn ended(&self, _: AgentId, _: u64, _: StopReason) {}
        fn letter(&self, _: Letter) {}
        fn call(&self, _: Call) {}
    }

    /// What the host is told if `end` is what becomes of the receipt.
    fn told(end: impl FnOnce(Receipt)) -> Vec<(u64, AskError)> {
        let host = Arc::new(Told::default());
        end(Receipt { host: host.clone(), number: 4, told: false });
        std::mem::take(&mut *host.0.lock().expect("nobody panics here"))
    }

    #[test]
    fn a_receipt_is_used_up_once() {
        assert_eq!(told(|receipt| receipt.fail(AskError::Shed)), [(4, AskError::Shed)]);
        assert_eq!(told(|receipt| assert_eq!(receipt.into_number(), 4)), []);
        let lost = AskError::Stopped { changed: crate::Changed::Unknown };
        assert_eq!(told(drop), [(4, lost)]);
    }
}
