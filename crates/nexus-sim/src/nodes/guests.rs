//! The guests of a node. It makes each when it starts, asks for their names again and again,
//! and gives one back now and then, so that names go from node to node.

use nexus_agent::{Agent, KindSpec};
use nexus_base::Ratio;
use nexus_node::shard::AgentName;
use nexus_node::{Input, Naming};

use super::agents::Agents;
use super::event::Event;
use super::kinds::guest::{Guest, Home};
use super::node::SimNode;
use super::outside::Outside;
use super::spec::{GUESTS, NAME_EVERY, NAME_WITHIN};

/// Marks the tickets of nodes that ask for names. Those of clients are lower.
const NAMING: u64 = 1 << 62;

/// How often a node gives a name back rather than ask for it; mostly it does not have it. A
/// guess: some times a minute for each guest.
const GIVES_BACK: Ratio = Ratio::new(1, 3);

/// Whether an answer is to a node that asked for a name, which does nothing with it.
pub(crate) const fn is_naming(ticket: u64) -> bool {
    ticket & NAMING != 0
}

/// What a guest is called.
pub(crate) fn name_of(guest: u32) -> AgentName {
    AgentName::new(Guest::KIND, guest.to_string())
}

/// Makes all guests, in a system that is there.
pub(crate) fn make(agents: &Agents, home: Home) {
    let spec = KindSpec::from_fn(move |_| Guest(home));
    agents.system.register(spec).expect("no other kind is called so");
    for guest in 0..GUESTS {
        let made = agents.system.spawn_by_name(Guest::KIND, &guest.to_string(), None);
        made.expect("the system is new");
    }
}

impl SimNode {
    /// Plans when it asks for each name.
    pub(crate) fn plan_names(&mut self, out: &mut Outside) {
        (0..GUESTS).for_each(|guest| self.plan_name(out, guest));
    }

    fn plan_name(&mut self, out: &mut Outside, guest: u32) {
        let later = NAME_EVERY.mul_f64(self.rng.exponential().min(4.0));
        let (node, incarnation) = (self.index, self.incarnation);
        out.after(later, Event::Name { node, incarnation, guest });
    }

    /// Asks for the name of a guest, or gives it back unless it `keeps` what it has.
    pub(crate) fn ask_for_name(&mut self, out: &mut Outside, guest: u32, keeps: bool) {
        let (ticket, name) = (NAMING | u64::from(guest), name_of(guest));
        let held = !self.rng.chance(GIVES_BACK) || keeps;
        self.handle(out, Input::Name(Naming { ticket, name, held, within: NAME_WITHIN }));
        self.plan_name(out, guest);
    }
}
