//! Which worker runs on which CPU, who its neighbours are, and which worker
//! serves what.
//!
//! Workers are spread over the memory nodes evenly, so that all of the
//! machine's memory bandwidth is used, and take every core once before any core
//! twice: two threads of one core share nearly all of it.
//!
//! Absent on purpose: reading the machine, and asking the system for CPUs.

use super::topology::{Cpu, Machine};

/// Where one worker runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The system's number of its CPU.
    pub cpu: u32,
    /// Its memory node, an index into the machine's.
    pub node: usize,
}

/// Where each worker runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placement {
    places: Vec<Place>,
    /// Workers of each node that has any, by rising number; by node.
    by_node: Vec<(usize, Vec<usize>)>,
    machine: Machine,
}

/// Connections a worker may have above the mean of its node before another
/// node's worker takes the next one: serving from afar beats waiting in line.
/// A guess: a sixteenth of a busy worker's thousand.
const CONNECTIONS_AHEAD_MAX: u32 = 64;

impl Placement {
    /// Spreads `workers` over `machine`. More workers than CPUs share these.
    pub fn new(machine: &Machine, workers: usize) -> Placement {
        let order = order(machine);
        let place = |worker: usize| {
            let cpu = order[worker % order.len()];
            Place { cpu: cpu.number, node: cpu.node }
        };
        let places: Vec<Place> = (0..workers).map(place).collect();
        let of_node = |node: usize| -> Vec<usize> {
            (0..workers).filter(|worker| places[*worker].node == node).collect()
        };
        let by_node = (0..machine.nodes().len()).map(|node| (node, of_node(node)));
        let by_node = by_node.filter(|(_, workers)| !workers.is_empty()).collect();
        Placement { places, by_node, machine: machine.clone() }
    }

    /// Where each worker runs.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The machine it was made for.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether every worker has a CPU to itself.
    pub fn is_exclusive(&self) -> bool {
        self.places.len() <= self.machine.cpus().len()
    }

    /// Memory nodes that have workers.
    pub fn node_count(&self) -> usize {
        self.by_node.len()
    }

    /// The node of `worker` among those that have workers.
    pub fn node_of(&self, worker: usize) -> usize {
        let node = self.places[worker].node;
        self.by_node.iter().position(|(other, _)| *other == node).unwrap_or(0)
    }

    /// The other workers, nearest first; equally near ones by number.
    pub fn neighbours(&self, worker: usize) -> Vec<usize> {
        let here = self.places[worker].node;
        let mut others: Vec<usize> = (0..self.places.len()).filter(|one| *one != worker).collect();
        others.sort_by_key(|other| self.machine.distance(here, self.places[*other].node));
        others
    }

    /// The worker that serves whatever hashes to `hash`, the same every time:
    /// what one worker asked for last is then near it. All workers get equal shares.
    pub fn worker_for_key(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.places.len() as u128) >> 64) as usize
    }

    /// The worker that serves a new connection whose packets come in at `cpu`:
    /// the one with the fewest connections on that CPU's node, unless even that
    /// one has many more than the least loaded of all. `loads` are the
    /// connections of each worker; of equals the first is taken.
    pub fn worker_for_connection(&self, cpu: Option<u32>, loads: &[u32]) -> usize {
        let load = |worker: &usize| loads.get(*worker).copied().unwrap_or(0);
        let Some(least) = (0..self.places.len()).min_by_key(load) else { return 0 };
        let near = cpu.and_then(|cpu| self.workers_near(cpu)).unwrap_or_default();
        match near.iter().copied().min_by_key(load) {
            Some(near) if load(&near) <= load(&least).saturating_add(CONNECTIONS_AHEAD_MAX) => near,
            _ => least,
        }
    }

    /// The workers on the node of `cpu`, if it has any.
    fn workers_near(&self, cpu: u32) -> Option<&[usize]> {
        let cpu = self.machine.cpus().iter().find(|one| one.number == cpu)?;
        let (_, workers) = self.by_node.iter().find(|(node, _)| *node == cpu.node)?;
        Some(workers)
    }
}

/// The CPUs in the order in which workers take them: all first threads of
/// cores, going round the nodes, then all second ones, and so on.
fn order(machine: &Machine) -> Vec<Cpu> {
    let cpus = machine.cpus();
    let mut order = Vec::with_capacity(cpus.len());
    let threads = cpus.iter().map(|cpu| cpu.thread + 1).max().unwrap_or(0);
    for thread in 0..threads {
        let of_node =
            |node: usize| cpus.iter().filter(move |cpu| (cpu.node, cpu.thread) == (node, thread));
        let mut nodes: Vec<_> = (0..machine.nodes().len()).map(of_node).collect();
        // Each round takes one CPU from every node that has one left.
        loop {
            let round: Vec<Cpu> =
                nodes.iter_mut().filter_map(|cpus| cpus.next().copied()).collect();
            if round.is_empty() {
                break;
            }
            order.extend(round);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::locality::fake_machine::FakeMachine;

    fn machine(nodes: u32, cores: u32, threads: u32) -> Machine {
        let fake = FakeMachine::regular(nodes, cores, threads);
        Machine::read(fake.path(), None).expect("a sound description")
    }

    #[track_caller]
    fn check_cpus(machine: &Machine, workers: usize, expected: &[u32]) {
        let placement = Placement::new(machine, workers);
        let cpus: Vec<u32> = placement.places().iter().map(|place| place.cpu).collect();
        assert_eq!(cpus, expected);
    }

    #[test]
    fn nodes_fill_evenly_and_cores_before_their_second_threads() {
        check_cpus(&machine(1, 2, 1), 2, &[0, 1]);
        check_cpus(&machine(1, 2, 2), 4, &[0, 1, 2, 3]);
        // Two nodes: CPUs 0, 1, 4, 5 are near the first, 2, 3, 6, 7 near the second.
        check_cpus(&machine(2, 2, 2), 3, &[0, 2, 1]);
        check_cpus(&machine(2, 2, 2), 8, &[0, 2, 1, 3, 4, 6, 5, 7]);
        check_cpus(&machine(4, 2, 1), 6, &[0, 2, 4, 6, 1, 3]);
        // More workers than CPUs begin anew.
        check_cpus(&machine(2, 1, 1), 5, &[0, 1, 0, 1, 0]);
    }

    #[test]
    fn nodes_of_different_size_give_what_they_have() {
        let fake = FakeMachine::regular(2, 2, 1);
        fake.node(0, "0", "10 21");
        fake.node(1, "1-3", "21 10");
        let machine = Machine::read(fake.path(), None).expect("a sound description");
        check_cpus(&machine, 4, &[0, 1, 2, 3]);
    }

    #[test]
    fn every_worker_has_a_cpu_of_its_own_while_there_are_enough() {
        for (nodes, cores, threads) in [(1, 1, 1), (1, 8, 2), (2, 3, 2), (4, 16, 1), (3, 5, 4)] {
            let machine = machine(nodes, cores, threads);
            for workers in 1..=machine.cpus().len() {
                let placement = Placement::new(&machine, workers);
                let cpus: BTreeSet<u32> = placement.places().iter().map(|one| one.cpu).collect();
                assert_eq!(cpus.len(), workers);
                assert!(placement.is_exclusive());
                let of_node =
                    |node| placement.places().iter().filter(|one| one.node == node).count();
                let counts: Vec<usize> = (0..nodes as usize).map(of_node).collect();
                let (least, most) = (counts.iter().min(), counts.iter().max());
                assert!(
                    most.zip(least).is_some_and(|(most, least)| most - least <= 1),
                    "{counts:?}"
                );
            }
            let crowded = Placement::new(&machine, machine.cpus().len() + 1);
            assert!(!crowded.is_exclusive());
        }
    }

    #[test]
    fn neighbours_are_nearest_first() {
        // Workers 0 to 3 on nodes 0 to 3, which lie on a line, then again.
        let placement = Placement::new(&machine(4, 2, 1), 8);
        assert_eq!(placement.neighbours(0), [4, 1, 5, 2, 6, 3, 7]);
        assert_eq!(placement.neighbours(6), [2, 1, 3, 5, 7, 0, 4]);
        assert_eq!(Placement::new(&machine(1, 4, 1), 4).neighbours(2), [0, 1, 3]);
        assert_eq!(Placement::new(&machine(1, 1, 1), 1).neighbours(0), [0; 0]);
    }

    #[test]
    fn nodes_without_workers_do_not_count() {
        let placement = Placement::new(&machine(4, 2, 1), 2);
        assert_eq!((placement.node_count(), placement.node_of(1)), (2, 1));
    }

    #[test]
    fn keys_are_spread_evenly_and_stay() {
        let placement = Placement::new(&machine(2, 3, 1), 6);
        let mut rng = nexus_base::Rng::new(5);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            let hash = rng.next_u64();
            counts[placement.worker_for_key(hash)] += 1;
            assert_eq!(placement.worker_for_key(hash), placement.worker_for_key(hash));
        }
        // Five standard deviations of a binomial with n 60,000, p 1/6 are 456.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 456), "{counts:?}");
        assert_eq!((placement.worker_for_key(0), placement.worker_for_key(u64::MAX)), (0, 5));
    }

    #[test]
    fn connections_stay_near_unless_that_is_crowded() {
        // Workers 0 and 2 near CPUs 0 and 1, workers 1 and 3 near 2 and 3.
        let placement = Placement::new(&machine(2, 2, 1), 4);
        let take = |cpu, loads: [u32; 4]| placement.worker_for_connection(cpu, &loads);
        assert_eq!(take(Some(3), [0, 5, 0, 4]), 3);
        assert_eq!(take(Some(3), [0, 64, 0, 65]), 1);
        assert_eq!(take(Some(3), [7, 72, 9, 73]), 0);
        assert_eq!(take(None, [3, 2, 1, 2]), 2);
        // CPUs nobody knows, and loads that were not given.
        assert_eq!(take(Some(999), [3, 2, 1, 2]), 2);
        assert_eq!(placement.worker_for_connection(Some(0), &[]), 0);
    }
}
