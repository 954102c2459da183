//! What blows change in a world of nodes; what they do is the same as in one of groups.

use std::time::Duration;

use nexus_base::Time;

use super::event::Event;
use super::lure::Lure;
use super::world::NodesWorld;
use crate::cluster::{Air, Attacked, Blow, Death, Family, Victim};

impl Attacked for NodesWorld {
    fn node_count(&self) -> u32 {
        self.spec.nodes
    }

    fn air(&mut self) -> Air<'_> {
        let (out, nemesis) = (&mut self.out, &mut self.nemesis);
        let (plan, links) = (&mut out.plan, &mut out.links);
        let (counts, trace) = (&mut out.counts, &mut out.trace);
        Air { now: out.now, nemesis, plan, links, counts, trace }
    }

    fn victim(&mut self, node: u32) -> Victim<'_> {
        let node = &mut self.nodes[node as usize];
        let (clock, disk) = (&mut node.clock, &node.disk);
        let (stalled, slow) = (&mut node.stalled, &mut node.slow);
        Victim { is_up: node.life.is_some(), clock, disk, stalled, slow }
    }

    fn plan_later(&mut self, later: Duration, blow: Blow) {
        self.out.after(later, Event::Nemesis(blow));
    }

    fn die(&mut self, node: u32, death: Death) {
        self.nodes[node as usize].die(&mut self.out, death);
    }

    fn start(&mut self, node: u32) -> bool {
        self.nodes[node as usize].start(&mut self.out)
    }

    fn bend(&mut self, node: u32, ppm: i64) {
        self.nodes[node as usize].bend(&mut self.out, ppm);
    }

    fn lure(&mut self, node: u32, until: Time) {
        self.lure = Some(Lure { node, until, written: None });
    }

    fn wish(&mut self, family: Family) {
        self.handle_wish(family);
    }

    fn catch_up(&mut self, node: u32) {
        for event in std::mem::take(&mut self.nodes[node as usize].held) {
            self.dispatch(event);
        }
    }
}
