//! Every operation on a register seems to happen at one moment between its call and its
//! return.
//!
//! Nothing is taken from the logs: what clients saw is all there is, as for
//! `nexus sim check linearizability`, and an order is searched for each register. An
//! operation that was given up is unknown, unless each copy of it came back as not done,
//! which is then held to be so.
//!
//! # Source
//! Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects",
//! 1990; the search is in `linearizability.rs` of this crate, with its sources.

use std::collections::BTreeMap;

use nexus_base::Time;
use nexus_cluster::NodeId;

use super::{Checker, Seen};
use crate::Verdict;
use crate::linearizability::{Answer, Call, History, Limits, OperationId, Place, Store};
use crate::nodes::{ClientId, Op, Reply};

/// What is tried for one register while the world runs, and again at its end. A guess: a
/// second at the worst, and mostly a millisecond.
const LIMITS: fn() -> Limits = || Limits { configurations_max: 200_000, ..Limits::incremental() };

/// The history of each register.
#[derive(Default)]
pub(super) struct Linearizability {
    histories: BTreeMap<u32, History>,
    open: BTreeMap<ClientId, OperationId>,
    operations: u64,
    decided: u64,
    undecided: u64,
}

impl Linearizability {
    fn history(&mut self, register: u32) -> &mut History {
        let fresh = || History::of(Store, LIMITS()).while_told();
        self.histories.entry(register).or_insert_with(fresh)
    }

    fn invoked(&mut self, at: Time, client: ClientId, op: &Op) {
        let Some((register, call)) = call(op) else { return };
        self.operations += 1;
        let history = self.history(register);
        let begun = history.invoke(Place::Time(at), u64::from(client.0), "", call);
        self.open.insert(client, begun);
    }

    fn ended(
        &mut self,
        client: ClientId,
        op: &Op,
        end: impl FnOnce(&mut History, OperationId),
    ) -> Result<(), String> {
        let Some((register, _)) = call(op) else { return Ok(()) };
        let Some(begun) = self.open.remove(&client) else { return Ok(()) };
        let history = self.history(register);
        end(history, begun);
        match history.violation() {
            Some(verdict) => Err(format!("register {register}: {}", verdict.reason())),
            None => Ok(()),
        }
    }

    fn over(&mut self) -> Result<(), String> {
        for (register, history) in &self.histories {
            match history.check() {
                Verdict::Ok => self.decided += 1,
                Verdict::Unknown(_) => self.undecided += 1,
                Verdict::Violated(reason) => return Err(format!("register {register}: {reason}")),
            }
        }
        Ok(())
    }
}

/// What an operation is to a store, if it is on a register.
fn call(op: &Op) -> Option<(u32, Call)> {
    match *op {
        Op::Get { register } => Some((register, Call::Get)),
        Op::Put { register, value } => Some((register, Call::Put(value.into()))),
        Op::Cas { register, expect, value } => {
            Some((register, Call::Cas(expect.map(Into::into), value.into())))
        }
        Op::Add { register, by } => Some((register, Call::Add(by))),
        _ => None,
    }
}

/// What an answer is to a store.
fn answer(reply: &Reply) -> Answer {
    match *reply {
        Reply::Found(value) => Answer::Found(value.map(Into::into)),
        Reply::Sum(sum) => Answer::Found(Some(sum.into())),
        Reply::Did(false) => Answer::Refused,
        _ => Answer::Done,
    }
}

impl Checker for Linearizability {
    fn name(&self) -> &'static str {
        "linearizability"
    }

    fn see(&mut self, at: Time, _: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Invoked { client, op, .. } => self.invoked(at, *client, op),
            Seen::Returned { client, op, reply, .. } => {
                let answer = answer(reply);
                let end = |history: &mut History, begun| {
                    history.ok(begun, Place::Time(at), answer);
                };
                return self.ended(*client, op, end);
            }
            Seen::GaveUp { client, op, unsure, .. } => {
                return self.ended(*client, op, |history, begun| {
                    if *unsure { history.unknown(begun) } else { history.fail(begun) }
                });
            }
            Seen::Over => return self.over(),
            _ => {}
        }
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("register-operations", self.operations),
            ("registers-decided", self.decided),
            ("registers-undecided", self.undecided),
        ]
    }
}
