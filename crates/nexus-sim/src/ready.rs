//! Who is ready to run, and who of them is next.

use std::collections::VecDeque;

use nexus_agent::Ready;
use nexus_base::Rng;

use crate::Order;

/// The run queue of the world.
pub(crate) struct ReadyList {
    cells: VecDeque<Ready>,
    /// Draws who is next; `None` where the first is.
    chance: Option<Rng>,
}

impl ReadyList {
    pub(crate) fn new(order: Order, chance: Rng) -> ReadyList {
        let chance = (order == Order::Seeded).then_some(chance);
        ReadyList { cells: VecDeque::new(), chance }
    }

    #[inline]
    pub(crate) fn push(&mut self, ready: Ready) {
        self.cells.push_back(ready);
    }

    /// Takes out the next one to run.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Ready> {
        match &mut self.chance {
            Some(chance) if self.cells.len() > 1 => {
                let drawn = chance.below(self.cells.len() as u64) as usize;
                self.cells.swap_remove_back(drawn)
            }
            _ => self.cells.pop_front(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.cells.clear();
    }
}
