//! A message on its way: one block with the queue's link, the type's
//! functions, and the message itself.

use std::alloc::Layout;
use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use nexus_base::Time;

use super::frame::{Begun, Origin};
use super::local::outside;
use super::{Owned, pool};
use crate::chain::Link;
use crate::error::drop_caught;
use crate::message::WireId;
use crate::slot::Slot;
use crate::sync::UnsafeCell;
use crate::{AskError, Crash, During, Handler, Message};

/// The head of every message block.
#[repr(C)]
pub(super) struct Node {
    pub(super) next: UnsafeCell<*mut Node>,
    vtable: &'static EnvelopeVtable,
}

/// What can be done with a message whose type is forgotten.
struct EnvelopeVtable {
    /// Starts the handler. Consumes the node.
    begin: unsafe fn(NonNull<Node>, &mut Owned<'_>) -> Begun,
    /// Drops the message and tells its asker why. Consumes the node.
    discard: unsafe fn(NonNull<Node>, AskError),
    /// Says that the handler is going to start; why not, if nobody waits any more.
    start: unsafe fn(NonNull<Node>, Time) -> Result<(), AskError>,
    priority: unsafe fn(NonNull<Node>) -> u8,
    encode: unsafe fn(NonNull<Node>) -> Vec<u8>,
    /// Whose handlers they are.
    agent: fn() -> TypeId,
    name: &'static str,
    wire_id: WireId,
    version: u16,
}

/// A message block nobody else knows of. Dropping it drops the message and
/// answers its asker with [`AskError::NotRunning`].
pub(crate) struct Envelope(NonNull<Node>);

// SAFETY: messages and reply slots are `Send`, and an envelope owns its block.
unsafe impl Send for Envelope {}

impl Envelope {
    /// Packs a message nobody waits for the answer of.
    #[inline]
    pub(crate) fn tell<A: Handler<M>, M: Message>(message: M) -> Envelope {
        let node = Node { next: UnsafeCell::new(null_mut()), vtable: &TellOf::<A, M>::VTABLE };
        Envelope(place(Tell { node, message: ManuallyDrop::new(message) }))
    }

    /// Packs a message whose answer goes to `asked.slot`.
    #[inline]
    pub(crate) fn ask<A: Handler<M>, M: Message>(message: M, asked: Asked<M::Reply>) -> Envelope {
        let node = Node { next: UnsafeCell::new(null_mut()), vtable: &AskOf::<A, M>::VTABLE };
        Envelope(place(Ask { node, asked: ManuallyDrop::new((asked, message)) }))
    }

    pub(super) fn into_node(self) -> NonNull<Node> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    /// The caller owns the block and gives it up.
    pub(super) unsafe fn from_node(node: NonNull<Node>) -> Envelope {
        Envelope(node)
    }

    fn vtable(&self) -> &'static EnvelopeVtable {
        // SAFETY: an envelope's block is valid.
        unsafe { self.0.as_ref().vtable }
    }

    /// Starts the handler of the cell `owned`.
    #[inline]
    pub(crate) fn begin(self, owned: &mut Owned<'_>) -> Begun {
        let EnvelopeVtable { begin, agent, .. } = *self.vtable();
        debug_assert_eq!(
            agent(),
            owned.cell().kind().agent_type(),
            "a message in its kind's mailbox"
        );
        // SAFETY: the block is ours and matches its functions; only envelopes
        // for this cell's kind get into its mailbox.
        unsafe { begin(self.into_node(), owned) }
    }

    /// Says that the handler is going to start, ahead of [`Self::begin`], so that
    /// others can be told; why it is not to start, if nobody waits any more.
    pub(crate) fn start(&self, now: Time) -> Result<(), AskError> {
        // SAFETY: the block is valid and matches its functions.
        unsafe { (self.vtable().start)(self.0, now) }
    }

    /// Drops the message; its asker, if any, learns `why`. Does not unwind.
    pub(crate) fn discard(self, why: AskError) {
        let discard = self.vtable().discard;
        // SAFETY: as in `begin`.
        outside(|| unsafe { discard(self.into_node(), why) })
    }

    /// The message's own word on it; one that panics is shed first.
    pub(crate) fn priority(&self) -> u8 {
        // SAFETY: the block is valid and matches its functions.
        Crash::catch(During::Handler, || unsafe { (self.vtable().priority)(self.0) }).unwrap_or(0)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.vtable().name
    }

    /// The message as its codec writes it, with its type's id and version.
    pub(crate) fn encoded(&self) -> (WireId, u16, Vec<u8>) {
        let vtable = self.vtable();
        // SAFETY: the block is valid and matches its functions.
        (vtable.wire_id, vtable.version, unsafe { (vtable.encode)(self.0) })
    }
}

impl Drop for Envelope {
    fn drop(&mut self) {
        let discard = self.vtable().discard;
        // SAFETY: the block is ours and matches its functions.
        outside(|| unsafe { discard(self.0, AskError::NotRunning) })
    }
}

/// What travels with an ask besides its message.
pub(crate) struct Asked<R> {
    pub(crate) deadline: Time,
    pub(crate) chain: Option<Arc<Link>>,
    pub(crate) slot: Arc<Slot<R>>,
}

#[repr(C)]
struct Tell<M> {
    node: Node,
    message: ManuallyDrop<M>,
}

#[repr(C)]
struct Ask<M: Message> {
    node: Node,
    asked: ManuallyDrop<(Asked<M::Reply>, M)>,
}

#[inline]
fn place<T>(block: T) -> NonNull<Node> {
    let at: NonNull<T> = pool::take(Layout::new::<T>()).cast();
    // SAFETY: fresh memory of the right layout.
    unsafe { at.write(block) };
    at.cast()
}

/// # Safety
/// `node` heads a block of type `T` that nobody else uses; its content has been moved out.
#[inline]
unsafe fn free<T>(node: NonNull<Node>) {
    // SAFETY: passed on from the caller; `place` took it with this layout.
    unsafe { pool::give(node.cast(), Layout::new::<T>()) };
}

struct TellOf<A, M>(PhantomData<(A, M)>);

impl<A: Handler<M>, M: Message> TellOf<A, M> {
    const VTABLE: EnvelopeVtable = EnvelopeVtable {
        begin: Self::begin,
        discard: Self::discard,
        start: Self::start,
        priority: Self::priority,
        encode: Self::encode,
        agent: TypeId::of::<A>,
        name: M::NAME,
        wire_id: M::ID,
        version: M::VERSION,
    };

    /// # Safety
    /// As [`free`], and the message has not been moved out.
    #[inline]
    unsafe fn unpack(node: NonNull<Node>) -> M {
        let block: NonNull<Tell<M>> = node.cast();
        // SAFETY: passed on from the caller.
        unsafe {
            let message = ManuallyDrop::take(&mut (*block.as_ptr()).message);
            free::<Tell<M>>(node);
            message
        }
    }

    unsafe fn begin(node: NonNull<Node>, owned: &mut Owned<'_>) -> Begun {
        // SAFETY: `Envelope::begin` owns the block; the cell's agent is an `A`.
        unsafe {
            let message = Self::unpack(node);
            owned.begin::<A, M>(message, Origin::TELL, None)
        }
    }

    unsafe fn discard(node: NonNull<Node>, _why: AskError) {
        // SAFETY: `Envelope::discard` owns the block.
        drop_caught(unsafe { Self::unpack(node) });
    }

    unsafe fn start(_: NonNull<Node>, _: Time) -> Result<(), AskError> {
        Ok(())
    }

    unsafe fn priority(node: NonNull<Node>) -> u8 {
        // SAFETY: the envelope is alive for the call.
        unsafe { node.cast::<Tell<M>>().as_ref().message.priority() }
    }

    unsafe fn encode(node: NonNull<Node>) -> Vec<u8> {
        // SAFETY: the envelope is alive for the call.
        crate::codec::encode(unsafe { &*node.cast::<Tell<M>>().as_ref().message })
    }
}

struct AskOf<A, M>(PhantomData<(A, M)>);

impl<A: Handler<M>, M: Message> AskOf<A, M> {
    const VTABLE: EnvelopeVtable = EnvelopeVtable {
        begin: Self::begin,
        discard: Self::discard,
        start: Self::start,
        priority: Self::priority,
        encode: Self::encode,
        agent: TypeId::of::<A>,
        name: M::NAME,
        wire_id: M::ID,
        version: M::VERSION,
    };

    /// # Safety
    /// As [`TellOf::unpack`].
    #[inline]
    unsafe fn unpack(node: NonNull<Node>) -> (Asked<M::Reply>, M) {
        let block: NonNull<Ask<M>> = node.cast();
        // SAFETY: passed on from the caller.
        unsafe {
            let content = ManuallyDrop::take(&mut (*block.as_ptr()).asked);
            free::<Ask<M>>(node);
            content
        }
    }

    unsafe fn begin(node: NonNull<Node>, owned: &mut Owned<'_>) -> Begun {
        // SAFETY: as for tells.
        let (asked, message) = unsafe { Self::unpack(node) };
        if owned.now() >= asked.deadline {
            drop_caught(message);
            asked.slot.complete(Err(AskError::Expired { deadline: asked.deadline }));
            return Begun::Skipped;
        }
        if !asked.slot.start() {
            drop_caught(message);
            return Begun::Skipped;
        }
        let origin = Origin::queued(asked.deadline, asked.chain);
        // SAFETY: as for tells.
        unsafe { owned.begin::<A, M>(message, origin, Some(asked.slot)) }
    }

    unsafe fn discard(node: NonNull<Node>, why: AskError) {
        // SAFETY: as for tells.
        let (asked, message) = unsafe { Self::unpack(node) };
        drop_caught(message);
        asked.slot.complete(Err(why));
    }

    unsafe fn start(node: NonNull<Node>, now: Time) -> Result<(), AskError> {
        // SAFETY: the envelope is alive for the call.
        let asked = unsafe { &node.cast::<Ask<M>>().as_ref().asked.0 };
        let expired = AskError::Expired { deadline: asked.deadline };
        if now < asked.deadline && asked.slot.start() { Ok(()) } else { Err(expired) }
    }

    unsafe fn priority(node: NonNull<Node>) -> u8 {
        // SAFETY: the envelope is alive for the call.
        unsafe { node.cast::<Ask<M>>().as_ref().asked.1.priority() }
    }

    unsafe fn encode(node: NonNull<Node>) -> Vec<u8> {
        // SAFETY: the envelope is alive for the call.
        crate::codec::encode(unsafe { &node.cast::<Ask<M>>().as_ref().asked.1 })
    }
}
