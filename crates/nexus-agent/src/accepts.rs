//! Messages that arrive by name: as bytes, from outside Rust or from another node.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use crate::raw::TypedCell;
use crate::{Agent, AskError, Handle, Handler, Message, System, codec};

pub(crate) type Reply = Pin<Box<dyn Future<Output = Result<Vec<u8>, AskError>> + Send>>;
type Deliver<A> = fn(Handle<A>, Vec<u8>) -> Reply;

/// The messages a kind takes by name; filled by [`Agent::accepts`].
pub struct Accepts<A> {
    by_name: BTreeMap<&'static str, Deliver<A>>,
}

impl<A: Agent> Accepts<A> {
    pub(crate) fn new() -> Accepts<A> {
        Accepts { by_name: BTreeMap::new() }
    }

    /// Takes messages of type `M` under their own name.
    pub fn message<M: Message>(&mut self) -> &mut Accepts<A>
    where
        A: Handler<M>,
    {
        self.by_name.insert(M::NAME, |handle, bytes| Box::pin(deliver::<A, M>(handle, bytes)));
        self
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.by_name.keys().copied()
    }
}

async fn deliver<A: Handler<M>, M: Message>(
    handle: Handle<A>,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, AskError> {
    let message = codec::decode::<M>(&bytes).map_err(|reason| {
        let error = AskError::Malformed { message: M::NAME, reason };
        handle.cell().kind().system().count_error(error.code());
        error
    })?;
    let reply = handle.ask(message).await?;
    Ok(codec::encode(&reply))
}

/// Asks agents of one kind by name; made where the kind's type is known.
pub(crate) trait ByName: Send + Sync {
    fn ask(&self, system: &System, key: &str, message: &str, bytes: Vec<u8>) -> Reply;
}

impl<A: Agent> ByName for Accepts<A> {
    fn ask(&self, system: &System, key: &str, message: &str, bytes: Vec<u8>) -> Reply {
        let cell = system.find_named(A::KIND, key).and_then(TypedCell::<A>::new);
        let Some(cell) = cell else { return refused(system, AskError::NotRunning) };
        match self.by_name.get(message) {
            Some(deliver) => deliver(Handle::new(cell), bytes),
            None => {
                let message = message.to_owned();
                refused(system, AskError::WrongMessage { kind: A::KIND, message })
            }
        }
    }
}

/// The answer to an ask that reaches nobody.
pub(crate) fn refused(system: &System, error: AskError) -> Reply {
    system.count_error(error.code());
    Box::pin(async { Err(error) })
}
