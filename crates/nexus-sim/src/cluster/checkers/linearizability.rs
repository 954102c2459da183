//! Every operation of `kv` seems to happen at one moment between its call and its return.
//!
//! The log says in which order writes happened, so there is no need to search: each shard
//! has a *floor*, the last entry that some finished operation depends on. An operation that
//! begins later must come after it: a write by its place in the log, a read by seeing a
//! state that is not older. Answers must be those of a model that runs the log alone. An
//! order that keeps all that is a linearization of all keys of the shard together.
//!
//! The histories are also kept for a checker that knows nothing of the log, see
//! `nexus sim check`.
//!
//! # Source
//! Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects",
//! 1990.

use std::collections::BTreeMap;

use nexus_base::{FixedMap, Time};

use super::{Checker, Place, Seen};
use crate::cluster::kv::{Answer, ClientId, Command, Op};

/// What the log of one shard says.
#[derive(Default)]
struct Model {
    /// The last entry that was taken in.
    index: u64,
    /// The last entry that a finished operation depends on.
    floor: u64,
    /// What was under each key from which entry on.
    numbers: BTreeMap<u32, Vec<(u64, i64)>>,
    /// The last write of each client that took effect, where, and its answer.
    writes: BTreeMap<ClientId, (u64, u64, Answer)>,
}

impl Model {
    fn number(&self, key: u32) -> i64 {
        self.numbers.get(&key).and_then(|all| all.last()).map_or(0, |last| last.1)
    }

    fn apply(&mut self, index: u64, command: &Command) {
        if self.writes.get(&command.client).is_some_and(|last| last.0 >= command.number) {
            return;
        }
        let key = command.op.key();
        let before = self.number(key);
        let (after, answer) = match command.op {
            Op::Get { .. } => (before, Answer::Number(before)),
            Op::Put { value, .. } => (value, Answer::Set),
            Op::Cas { expect, value, .. } if expect == before => (value, Answer::Swapped(true)),
            Op::Cas { .. } => (before, Answer::Swapped(false)),
            Op::Add { by, .. } => {
                (before.wrapping_add(by), Answer::Number(before.wrapping_add(by)))
            }
        };
        if after != before {
            self.numbers.entry(key).or_default().push((index, after));
        }
        self.writes.insert(command.client, (command.number, index, answer));
    }

    /// The earliest entry from `floor` on after which `key` has `number`.
    fn reads(&self, floor: u64, key: u32, number: i64) -> Option<u64> {
        let none = Vec::new();
        let numbers = self.numbers.get(&key).unwrap_or(&none);
        // What is there at the floor, then what came later.
        let after = numbers.partition_point(|one| one.0 <= floor);
        let at_floor = after.checked_sub(1).map_or(0, |place| numbers[place].1);
        if at_floor == number {
            return Some(floor);
        }
        numbers[after..].iter().find(|one| one.1 == number).map(|one| one.0)
    }
}

/// All shards, and where the floor was when each client began.
#[derive(Default)]
pub(super) struct Linearizability {
    models: FixedMap<u32, Model>,
    begun: FixedMap<ClientId, (u64, u64)>,
}

impl Linearizability {
    fn returned(
        &mut self,
        shard: u32,
        (client, number): (ClientId, u64),
        op: Op,
        answer: Answer,
    ) -> Result<(), String> {
        let model = self.models.entry(shard).or_default();
        let floor = match self.begun.get(&client) {
            Some((begun, floor)) if *begun == number => *floor,
            _ => return Err(format!("client {} is answered what it did not ask", client.0)),
        };
        let place = match (op, answer) {
            (Op::Get { key }, Answer::Number(seen)) => model.reads(floor, key, seen),
            _ => {
                let write = model.writes.get(&client).filter(|write| write.0 == number);
                let same = write.filter(|write| write.2 == answer && write.1 > floor);
                same.map(|write| write.1)
            }
        };
        let Some(place) = place else {
            return Err(format!(
                "client {} is answered {answer:?} to {op:?}, which no order explains: what had \
                 finished before it began reaches entry {floor}",
                client.0
            ));
        };
        model.floor = model.floor.max(place);
        Ok(())
    }
}

impl Checker for Linearizability {
    fn name(&self) -> &'static str {
        "linearizability"
    }

    fn see(&mut self, _: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Applied { entry, command, .. } => {
                let model = self.models.entry(place.shard).or_default();
                if entry.index.0 == model.index + 1 {
                    model.index += 1;
                    if let Some(command) = command {
                        model.apply(entry.index.0, command);
                    }
                }
            }
            Seen::Invoked { client, number, .. } => {
                let floor = self.models.get(&place.shard).map_or(0, |model| model.floor);
                self.begun.insert(*client, (*number, floor));
            }
            Seen::Returned { client, number, op, answer } => {
                return self.returned(place.shard, (*client, *number), *op, *answer);
            }
            _ => {}
        }
        Ok(())
    }
}
