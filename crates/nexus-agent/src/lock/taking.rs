//! Taking, renewing and releasing locks in a handler.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use super::{Claim, Lock, LockAnswer, LockAsk, LockError, LockReply, LockVerb, Tenure};
use crate::asking::Asking;
use crate::{Agent, AskError, Changed, Context};

/// How long an answer about a lock is waited for, unless [`Locking::within`] says otherwise. A
/// guess: several elections.
pub const LOCK_WITHIN: Duration = Duration::from_secs(5);

impl<A: Agent> Context<A> {
    /// Takes the lock `name` of the cluster for `ttl`, if nobody holds it; see
    /// [`Self::renew`] to hold it for longer. It is free again when its lease ends, whatever
    /// becomes of this agent or its node.
    ///
    /// It goes at once, also from a strict agent, as an ask does: it is no part of the step.
    ///
    /// **Holding is no proof.** Who was held up may believe that he holds when he does not any
    /// more. So hand the [`Lock::fence`] to what the lock protects, and have that refuse older
    /// ones ([`crate::NewestFence`]).
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// use std::time::Duration;
    ///
    /// use nexus::{Agent, Context, Fence, Handler, Message, NewestFence, Residence};
    /// use serde::{Deserialize, Serialize};
    ///
    /// /// What the lock protects: it lives on a shard, and remembers the newest fence.
    /// #[derive(Default, Serialize, Deserialize)]
    /// struct Ledger {
    ///     newest: NewestFence,
    ///     lines: Vec<String>,
    /// }
    ///
    /// impl Agent for Ledger {
    ///     const KIND: &'static str = "ledger";
    ///     fn new(_key: &str) -> Ledger {
    ///         Ledger::default()
    ///     }
    ///     fn residence() -> Residence<Ledger> {
    ///         Residence::snapshot()
    ///     }
    ///     fn accepts(kind: &mut nexus::Accepts<Ledger>) {
    ///         kind.message::<Line>();
    ///     }
    /// }
    ///
    /// #[derive(Message)]
    /// #[message(reply = bool)]
    /// struct Line(Fence, String);
    ///
    /// impl Handler<Line> for Ledger {
    ///     async fn handle(&mut self, Line(fence, text): Line, _: &mut Context<Ledger>) -> bool {
    ///         if self.newest.admit(fence).is_err() {
    ///             return false;
    ///         }
    ///         self.lines.push(text);
    ///         true
    ///     }
    /// }
    ///
    /// struct Clerk;
    /// # impl Agent for Clerk {
    /// #     const KIND: &'static str = "clerk";
    /// #     fn new(_key: &str) -> Clerk { Clerk }
    /// # }
    ///
    /// #[derive(Message)]
    /// #[message(reply = bool)]
    /// struct Close;
    ///
    /// impl Handler<Close> for Clerk {
    ///     async fn handle(&mut self, _: Close, cx: &mut Context<Clerk>) -> bool {
    ///         let Ok(lock) = cx.lock("books", Duration::from_secs(10)).await else {
    ///             return false;
    ///         };
    ///         let line = Line(lock.fence(), "closed".to_owned());
    ///         let is_written = cx.call::<Ledger, _>("main", line).await == Ok(true);
    ///         // Without this the lock is free after ten seconds.
    ///         let _ = cx.unlock(lock).await;
    ///         is_written
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`LockError`].
    pub fn lock(&self, name: &str, ttl: Duration) -> Locking<Lock> {
        let claim = self.random(Claim::draw);
        self.lock_as(claim, name, ttl)
    }

    /// The same as a taking of the caller's: asked again with the same claim, as after
    /// [`LockError::Unknown`], it comes to the same.
    pub fn lock_as(&self, claim: Claim, name: &str, ttl: Duration) -> Locking<Lock> {
        let about = About { name: name.to_owned(), claim, ttl };
        let what = LockVerb::Take { name: name.to_owned(), claim, ttl };
        self.locking(what, Some(about), held)
    }

    /// Holds a lock for as long again: the lock as it is then. Do so well before it ends, as
    /// after a third of the time. What is not renewed is held as before.
    ///
    /// # Errors
    /// [`LockError::Lost`] if it is held no longer; and others.
    pub fn renew(&self, lock: &Lock) -> Locking<Lock> {
        let Lock { name, claim, ttl, fence, .. } = lock.clone();
        let about = About { name: name.clone(), claim, ttl };
        self.locking(LockVerb::Renew { name, fence }, Some(about), held)
    }

    /// Lets a lock go.
    ///
    /// # Errors
    /// [`LockError::Lost`] if it was not held any more; and others. Either way the caller must
    /// act as one who does not hold it.
    pub fn unlock(&self, lock: Lock) -> Locking<()> {
        let Lock { name, fence, .. } = lock;
        self.locking(LockVerb::Release { name, fence }, None, |_, _| Ok(()))
    }

    /// Who holds a lock, at some moment between asking and being answered.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn look_at_lock(&self, name: &str) -> Locking<Option<Tenure>> {
        let what = LockVerb::Look { name: name.to_owned() };
        self.locking(what, None, |_, tenure| Ok(tenure))
    }

    fn locking<T>(&self, what: LockVerb, about: Option<About>, make: Make<T>) -> Locking<T> {
        Locking { asking: Asking::new(self, LOCK_WITHIN, Ok(what)), about, make }
    }
}

/// What is known of a lock before it is held.
struct About {
    name: String,
    claim: Claim,
    ttl: Duration,
}

/// Makes what the asker gets.
type Make<T> = fn(Option<About>, Option<Tenure>) -> Result<T, LockError>;

fn held(about: Option<About>, tenure: Option<Tenure>) -> Result<Lock, LockError> {
    // Who is asked to hold a lock says that it is held, or why not.
    let (Some(about), Some(tenure)) = (about, tenure) else { return Err(LockError::Unknown) };
    let About { name, claim, ttl } = about;
    Ok(Lock { name, claim, ttl, fence: tenure.fence, until: tenure.until })
}

/// A question about a lock under way; see [`Context::lock`]. Dropping it gives up on the
/// answer.
#[must_use = "nothing is asked until this is awaited"]
pub struct Locking<T> {
    asking: Asking<LockVerb, LockReply>,
    about: Option<About>,
    make: Make<T>,
}

impl<T> Locking<T> {
    /// Waits at most this long.
    pub fn within(mut self, limit: Duration) -> Self {
        self.asking.set_within(limit);
        self
    }
}

impl<T> Future for Locking<T> {
    type Output = Result<T, LockError>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let answer = this.asking.poll(poller, |host, what, within, slot| {
            host.lock(LockAsk { what, within, answer: LockAnswer(slot) });
        });
        let Poll::Ready(answer) = answer else { return Poll::Pending };
        let reply = answer.unwrap_or_else(|error| Err(of_asking(&error)));
        Poll::Ready(reply.and_then(|tenure| (this.make)(this.about.take(), tenure)))
    }
}

fn of_asking(error: &AskError) -> LockError {
    match (error, error.changed()) {
        (AskError::NotRunning, _) => LockError::NoCluster,
        (_, Changed::No) => LockError::Unreachable,
        (_, Changed::Unknown) => LockError::Unknown,
    }
}
