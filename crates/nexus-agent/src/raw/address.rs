//! A cell whose agent's type is known, or at least a message it handles.

use std::any::TypeId;
use std::marker::PhantomData;

use nexus_base::Time;

use super::{Asked, Called, CellRef, Envelope, Owned, cell, local};
use crate::{Agent, Crash, During, Handler, Message, Worker};

/// A cell that holds an `A`.
pub(crate) struct TypedCell<A> {
    cell: CellRef,
    agent: PhantomData<fn() -> A>,
}

impl<A> Clone for TypedCell<A> {
    fn clone(&self) -> TypedCell<A> {
        TypedCell { cell: self.cell.clone(), agent: PhantomData }
    }
}

impl<A: Agent> TypedCell<A> {
    /// The cell as one that holds an `A`; `None` if it holds something else.
    pub(crate) fn new(cell: CellRef) -> Option<TypedCell<A>> {
        let same = cell.kind().agent_type() == TypeId::of::<A>();
        same.then_some(TypedCell { cell, agent: PhantomData })
    }

    #[inline]
    pub(crate) fn cell(&self) -> &CellRef {
        &self.cell
    }

    /// Looks at the state, unless the agent is at work or about to be; what the
    /// look panicked with, if it did. It is nobody's step: the asker of what it
    /// sends is nobody.
    pub(crate) fn look<R>(
        &self,
        worker: &Worker,
        look: impl FnOnce(&A) -> R,
    ) -> Option<Result<R, Crash>> {
        let owned = self.cell.try_own(worker)?;
        // SAFETY: the cell holds an `A`. We hold the run flag of an agent that
        // was idle: its state is there, and no handler borrows it.
        let state = unsafe { &*cell::state::<A>(self.cell.as_ptr()) };
        let seen = local::outside(|| Crash::catch(During::Handler, || look(state)));
        if let Err(owned) = owned.release() {
            owned.requeue();
        }
        Some(seen)
    }

    /// How `M` is delivered to an `A`.
    #[inline]
    pub(crate) fn route<M: Message>(&self) -> Route<'_, M>
    where
        A: Handler<M>,
    {
        Route { cell: &self.cell, calls: &CallsOf::<A, M>::TABLE }
    }
}

/// The functions that deliver an `M` to one type of agent.
pub(crate) struct Calls<M: Message> {
    agent: fn() -> TypeId,
    call: unsafe fn(&mut Owned<'_>, M, Time) -> Called<M::Reply>,
    tell: fn(M) -> Envelope,
    ask: fn(M, Asked<M::Reply>) -> Envelope,
}

pub(crate) struct CallsOf<A, M>(PhantomData<(A, M)>);

impl<A: Handler<M>, M: Message> CallsOf<A, M> {
    pub(crate) const TABLE: Calls<M> = Calls {
        agent: TypeId::of::<A>,
        call: Self::call,
        tell: Envelope::tell::<A, M>,
        ask: Envelope::ask::<A, M>,
    };

    #[inline]
    unsafe fn call(owned: &mut Owned<'_>, message: M, deadline: Time) -> Called<M::Reply> {
        // SAFETY: passed on from `Route::call`.
        unsafe { owned.call::<A, M>(message, deadline) }
    }
}

/// A cell and the functions that fit it.
pub(crate) struct Route<'a, M: Message> {
    cell: &'a CellRef,
    calls: &'static Calls<M>,
}

impl<M: Message> Clone for Route<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Message> Copy for Route<'_, M> {}

impl<'a, M: Message> Route<'a, M> {
    /// The route to `cell`, if the functions fit its agent.
    pub(crate) fn new(cell: &'a CellRef, calls: &'static Calls<M>) -> Option<Route<'a, M>> {
        (cell.kind().agent_type() == (calls.agent)()).then_some(Route { cell, calls })
    }

    #[inline]
    pub(crate) fn cell(&self) -> &'a CellRef {
        self.cell
    }

    pub(crate) fn calls(&self) -> &'static Calls<M> {
        self.calls
    }

    /// Runs the handler in place. `owned` must be this route's cell.
    #[inline]
    pub(crate) fn call(
        &self,
        owned: &mut Owned<'_>,
        message: M,
        deadline: Time,
    ) -> Called<M::Reply> {
        debug_assert!(owned.cell().is(self.cell));
        // SAFETY: routes are made only where the functions fit the cell's agent.
        unsafe { (self.calls.call)(owned, message, deadline) }
    }

    #[inline]
    pub(crate) fn pack_tell(&self, message: M) -> Envelope {
        (self.calls.tell)(message)
    }

    #[inline]
    pub(crate) fn pack_ask(&self, message: M, asked: Asked<M::Reply>) -> Envelope {
        (self.calls.ask)(message, asked)
    }
}
