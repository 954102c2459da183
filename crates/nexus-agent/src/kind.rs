//! A kind as one node knows it: its settings, its constructor, its counters.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::accepts::{Accepts, ByName};
use crate::beside::Beside;
use crate::counters::{Count, Counters};
use crate::error::{KIND_BYTES_MAX, drop_caught};
use crate::gate::{Emitted, Gate, StepOutput};
use crate::hook::{Delivery, DeliveryHook};
use crate::raw::{CellRef, CellVtable, Envelope, MAILBOX_LEN_MAX, Slab};
use crate::residence::{Residence, ResidenceFacts, Written};
use crate::room::Waiters;
use crate::strict::Strict;
use crate::{
    Agent, Counts, Crash, During, Execution, MailboxSpec, OnCancel, Overflow, SpawnError, System,
    Worker,
};

/// How to make agents of a kind, beyond what their type says.
pub struct KindSpec<A: Agent> {
    make: Box<dyn Fn(&str) -> A + Send + Sync>,
    mailbox: MailboxSpec,
    gate: Option<Arc<dyn Gate>>,
    hook: Option<Arc<dyn DeliveryHook>>,
}

impl<A: Agent> Default for KindSpec<A> {
    fn default() -> KindSpec<A> {
        KindSpec::from_fn(A::new)
    }
}

impl<A: Agent> KindSpec<A> {
    /// Agents made by `make` instead of [`Agent::new`], to hand them what a key cannot carry.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// use std::sync::Arc;
    /// use nexus::{Agent, KindSpec};
    ///
    /// struct Cart {
    ///     prices: Arc<[u64]>,
    /// }
    ///
    /// impl Agent for Cart {
    ///     const KIND: &'static str = "cart";
    ///     fn new(_key: &str) -> Cart {
    ///         Cart { prices: Arc::new([]) }
    ///     }
    /// }
    ///
    /// let prices: Arc<[u64]> = Arc::new([3, 5]);
    /// let carts = KindSpec::from_fn(move |_key| Cart { prices: prices.clone() });
    /// # let _ = carts;
    /// // Then, before the first cart is spawned: node.register(carts)?;
    /// ```
    pub fn from_fn(make: impl Fn(&str) -> A + Send + Sync + 'static) -> KindSpec<A> {
        KindSpec { make: Box::new(make), mailbox: A::MAILBOX, gate: None, hook: None }
    }

    /// Another mailbox than [`Agent::MAILBOX`].
    pub fn mailbox(mut self, mailbox: MailboxSpec) -> KindSpec<A> {
        self.mailbox = mailbox;
        self
    }

    /// Holds what each step emits until `gate` lets it out.
    pub fn gate(mut self, gate: Arc<dyn Gate>) -> KindSpec<A> {
        self.gate = Some(gate);
        self
    }

    /// Shows `hook` everything that enters a handler from outside.
    pub fn hook(mut self, hook: Arc<dyn DeliveryHook>) -> KindSpec<A> {
        self.hook = Some(hook);
        self
    }
}

/// Whether it can stand in an address and before the slash of an agent's name.
fn is_name(kind: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=KIND_BYTES_MAX).contains(&kind.len()) && kind.bytes().all(fine)
}

/// A registered kind.
pub(crate) struct Kind {
    name: &'static str,
    agent_type: TypeId,
    vtable: &'static CellVtable,
    slab: Slab,
    make: Box<dyn Any + Send + Sync>,
    mailbox: MailboxSpec,
    in_place: bool,
    evicts: bool,
    execution: Execution,
    on_cancel: OnCancel,
    deadline_ns: u64,
    is_task: bool,
    /// Whether the output of steps is held: by its gate, or by the host.
    gated: bool,
    gate: Option<Arc<dyn Gate>>,
    strict: Option<Strict>,
    residence_facts: ResidenceFacts,
    residence: Box<dyn Any + Send + Sync>,
    hook: Option<Arc<dyn DeliveryHook>>,
    pub(crate) counters: Counters,
    pub(crate) waiters: Waiters,
    accepts: Box<dyn ByName>,
    beside: Option<Arc<dyn Beside>>,
    system: Arc<System>,
}

impl Drop for Kind {
    /// What the kind was made with is the user's; the last cell, and with it the
    /// kind, may go on anybody's thread.
    fn drop(&mut self) {
        drop_caught(std::mem::replace(&mut self.make, Box::new(())));
        drop_caught(self.gate.take());
        drop_caught(self.hook.take());
        drop_caught(self.beside.take());
    }
}

type Make<A> = Box<dyn Fn(&str) -> A + Send + Sync>;

struct VtableOf<A>(std::marker::PhantomData<A>);

impl<A: Agent> VtableOf<A> {
    const TABLE: CellVtable = CellVtable::of::<A>();
}

impl Kind {
    /// # Errors
    /// [`SpawnError::BadKind`].
    pub(crate) fn new<A: Agent>(
        spec: KindSpec<A>,
        system: Arc<System>,
    ) -> Result<Kind, SpawnError> {
        let bad = |reason| Err(SpawnError::BadKind { kind: A::KIND, reason });
        if !is_name(A::KIND) {
            return bad(format!(
                "a kind's name has 1 to {KIND_BYTES_MAX} letters, digits, `_`, `-` and `.`"
            ));
        }
        let mut accepts = Accepts::<A>::new();
        A::accepts(&mut accepts);
        if let Some(name) = accepts.taken_twice() {
            return bad(format!("two of its messages are called {name}: name one differently"));
        }
        let residence = A::residence();
        let facts = residence.facts();
        if facts.strict && spec.gate.is_some() {
            return bad("its steps go to the node's host: it cannot have a gate".to_owned());
        }
        // What is left of a handler that was dropped would be kept by the next step.
        if facts.strict && A::ON_CANCEL == OnCancel::Drop {
            return bad("the handlers of strict agents run to their end: \
                        ON_CANCEL must be Finish"
                .to_owned());
        }
        let gated = facts.strict || spec.gate.is_some();
        let plain = !gated && spec.hook.is_none();
        Ok(Kind {
            name: A::KIND,
            agent_type: TypeId::of::<A>(),
            vtable: &VtableOf::<A>::TABLE,
            slab: Slab::new(VtableOf::<A>::TABLE.layout(), system.memory_nodes()),
            make: Box::new(spec.make),
            mailbox: MailboxSpec {
                len_max: spec.mailbox.len_max.clamp(1, MAILBOX_LEN_MAX),
                ..spec.mailbox
            },
            in_place: plain && A::EXECUTION == Execution::Worker,
            evicts: matches!(spec.mailbox.overflow, Overflow::DropOldest | Overflow::ShedLowest),
            execution: A::EXECUTION,
            on_cancel: A::ON_CANCEL,
            deadline_ns: A::DEADLINE.as_nanos().try_into().unwrap_or(u64::MAX),
            is_task: crate::task::is_task::<A>(),
            gated,
            gate: spec.gate,
            strict: facts.strict.then(Strict::default),
            residence_facts: facts,
            residence: Box::new(residence),
            hook: spec.hook,
            counters: Counters::new(system.shards()),
            waiters: Waiters::default(),
            beside: accepts.beside.take(),
            accepts: Box::new(accepts),
            system,
        })
    }

    #[inline]
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn agent_type(&self) -> TypeId {
        self.agent_type
    }

    #[inline]
    pub(crate) fn vtable(&self) -> &'static CellVtable {
        self.vtable
    }

    /// Where its cells lie.
    pub(crate) fn slab(&self) -> &Slab {
        &self.slab
    }

    #[inline]
    pub(crate) fn mailbox(&self) -> MailboxSpec {
        self.mailbox
    }

    /// Whether handlers may run on an asker's stack: not if they block, nor if
    /// their output is held or their input recorded.
    #[inline]
    pub(crate) fn runs_in_place(&self) -> bool {
        self.in_place
    }

    #[inline]
    pub(crate) fn evicts(&self) -> bool {
        self.evicts
    }

    pub(crate) fn execution(&self) -> Execution {
        self.execution
    }

    /// Whether its agents are tasks: unnamed, unasked, and not restarted.
    #[inline]
    pub(crate) fn is_task(&self) -> bool {
        self.is_task
    }

    pub(crate) fn on_cancel(&self) -> OnCancel {
        self.on_cancel
    }

    #[inline]
    pub(crate) fn deadline_ns(&self) -> u64 {
        self.deadline_ns
    }

    #[inline]
    pub(crate) fn system(&self) -> &Arc<System> {
        &self.system
    }

    #[inline]
    pub(crate) fn system_ptr(&self) -> *const System {
        Arc::as_ptr(&self.system)
    }

    pub(crate) fn is_gated(&self) -> bool {
        self.gated
    }

    /// What is known of its active agents, if they live where their shard is led.
    #[inline]
    pub(crate) fn strict(&self) -> Option<&Strict> {
        self.strict.as_ref()
    }

    pub(crate) fn residence_facts(&self) -> ResidenceFacts {
        self.residence_facts
    }

    pub(crate) fn residence<A: Agent>(&self) -> &Residence<A> {
        self.residence.downcast_ref().expect("a kind knows its own agents' residence")
    }

    pub(crate) fn hook(&self) -> Option<&dyn DeliveryHook> {
        self.hook.as_deref()
    }

    /// Makes a state. Unwinds if the constructor does.
    pub(crate) fn construct<A: Agent>(&self, key: &str) -> A {
        let make: &Make<A> = self.make.downcast_ref().expect("a kind makes its own agents");
        make(key)
    }

    /// An agent starts, or starts again.
    pub(crate) fn begin(&self, key: &str) {
        if let Some(beside) = &self.beside {
            beside.handle_start(key);
        }
    }

    /// Makes a state again, as it was made the first time. Unwinds if the
    /// constructor does.
    pub(crate) fn remake<A: Agent>(&self, id: nexus_base::AgentId, key: &str) -> A {
        self.begin(key);
        match self.system.args_of(id) {
            Some(args) => A::with_args(key, &args).unwrap_or_else(|reason| {
                panic!("arguments that were taken before are refused: {reason}")
            }),
            None => self.construct(key),
        }
    }

    #[inline]
    pub(crate) fn count(&self, worker: Option<&Worker>, count: Count, by: u64) {
        self.counters.add(worker.map_or(0, Worker::shard), count, by);
    }

    /// Counts one in the shard of the current thread.
    #[inline]
    pub(crate) fn count_here(&self, count: Count) {
        self.system.with_worker(|worker| self.count(worker, count, 1));
    }

    pub(crate) fn by_name(&self) -> &dyn ByName {
        &*self.accepts
    }

    /// What it has beside itself.
    pub(crate) fn beside(&self) -> Option<&Arc<dyn Beside>> {
        self.beside.as_ref()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Hands what a step emitted to the host or to the gate. Where the gate
    /// panics nothing leaves.
    pub(crate) fn pass_gate(
        &self,
        cell: &CellRef,
        emitted: Box<Emitted>,
        encode: &dyn Fn() -> Written,
    ) -> Result<(), Crash> {
        match (&self.strict, &self.gate) {
            (Some(strict), _) => strict.pass(cell, emitted, encode),
            (None, Some(gate)) if !emitted.outbox.is_empty() => {
                let output = StepOutput { outbox: emitted.outbox, ..StepOutput::of(cell) };
                Crash::catch(During::Handler, || gate.hold(output))
            }
            (None, _) => Ok(()),
        }
    }

    /// Shows a message to the delivery hook before its handler starts.
    #[inline]
    pub(crate) fn show(
        &self,
        worker: &Worker,
        cell: &CellRef,
        envelope: &Envelope,
    ) -> Result<(), Crash> {
        let Some(hook) = &self.hook else { return Ok(()) };
        let random_seed = worker.draw_seed();
        Crash::catch(During::Handler, || {
            let (wire_id, version, bytes) = envelope.encoded();
            hook.delivered(Delivery {
                id: cell.id(),
                name: cell.name(),
                message: envelope.name(),
                wire_id,
                version,
                bytes,
                now: worker.now(),
                random_seed,
            });
        })?;
        worker.set_recorded_seed(random_seed);
        Ok(())
    }
}
