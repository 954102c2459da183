//! Money is neither made nor lost: what all accounts have and what is under way in letters
//! is always the same, and in the end no letter is under way.
//!
//! # Source
//! Chandy and Lamport, "Distributed Snapshots: Determining Global States of Distributed
//! Systems", 1985, whose example it is; here the logs are the order.

use std::collections::BTreeMap;

use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_node::Node;

use super::{Checker, Seen};
use crate::nodes::kinds::account::FIRST_BALANCE;
use crate::nodes::spec::ACCOUNTS;
use crate::nodes::{Op, Reply};

/// What accounts said they have, at the end.
#[derive(Default)]
pub(super) struct Conservation {
    balances: BTreeMap<u32, u64>,
    strays: u64,
    /// Letters that are still under way.
    letters: Vec<String>,
    payments: u64,
}

impl Conservation {
    fn look(&mut self, node: &Node) {
        for (_, shard) in node.led() {
            for (sender, number, letter) in shard.letters() {
                let name = shard.record(sender).map(|record| record.name().to_string());
                let name = name.unwrap_or_default();
                self.letters.push(format!("letter {number} of {name} to {}", letter.to));
            }
        }
    }

    fn over(&self) -> Result<(), String> {
        if let Some(letter) = self.letters.first() {
            let count = self.letters.len();
            return Err(format!("{count} letters are under way to the end, the first is {letter}"));
        }
        if self.balances.len() as u32 != ACCOUNTS {
            return Ok(());
        }
        let (sum, expected) =
            (self.balances.values().sum::<u64>(), ACCOUNTS as u64 * FIRST_BALANCE);
        if sum != expected {
            return Err(format!(
                "accounts have {sum} together, not {expected}: {:?}",
                self.balances
            ));
        }
        if self.strays > 0 {
            return Err(format!("{} letters came to accounts out of order", self.strays));
        }
        Ok(())
    }
}

impl Checker for Conservation {
    fn name(&self) -> &'static str {
        "conservation"
    }

    fn see(&mut self, _: Time, _: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Returned { op: Op::Pay { .. }, reply: Reply::Did(true), .. } => {
                self.payments += 1
            }
            Seen::Returned {
                op: Op::Report { account },
                reply: Reply::Report { balance, strays },
                ..
            } => {
                self.balances.insert(*account, *balance);
                self.strays += strays;
            }
            Seen::Final(node) => self.look(node),
            Seen::Over => return self.over(),
            _ => {}
        }
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("payments", self.payments)]
    }
}
