//! What has come of the seeds of a campaign so far.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::OutputFormat;
use crate::failure::Failure;
use crate::sim::row::Row;

/// All that is kept of a campaign.
#[derive(Default)]
pub struct Ledger {
    acked_least: u64,
    /// Seeds of which one run has come, and its trace.
    half: BTreeMap<u64, String>,
    total: Total,
    differs: Option<u64>,
    broken: Vec<u64>,
    idle: Vec<u64>,
}

/// What all seeds came to together.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Total {
    /// Seeds that were to be run.
    asked: u64,
    /// Seeds of which a run has come.
    seeds: u64,
    /// Seeds that came to the same in another process.
    repeated: u64,
    /// Virtual seconds, of first runs.
    virtual_s: f64,
    events: u64,
    acked: u64,
    /// The fewest operations answered for one seed.
    acked_min: u64,
    faults: BTreeMap<String, u64>,
    changes: BTreeMap<String, u64>,
    figures: BTreeMap<String, u64>,
    accepted_writers_max: u64,
    violations: u64,
}

impl Ledger {
    /// Nothing has come yet of `asked` seeds, each of which must answer `acked_least` operations.
    pub fn new(asked: u64, acked_least: u64) -> Ledger {
        Ledger { acked_least, total: Total { asked, ..Total::default() }, ..Ledger::default() }
    }

    /// Takes in what came of one run; what is to be printed about it.
    pub fn take(&mut self, again: bool, row: Row, format: OutputFormat) -> String {
        if let Some(hash) = self.half.remove(&row.seed) {
            if hash == row.trace_hash {
                self.total.repeated += 1;
            } else {
                self.differs.get_or_insert(row.seed);
            }
        } else {
            self.half.insert(row.seed, row.trace_hash.clone());
        }
        if again {
            return String::new();
        }
        self.add(&row);
        match format {
            OutputFormat::Json => row.json(),
            OutputFormat::Text if row.violations.is_empty() => String::new(),
            OutputFormat::Text => row.text(),
        }
    }

    fn add(&mut self, row: &Row) {
        let total = &mut self.total;
        total.acked_min = if total.seeds == 0 { row.acked } else { total.acked_min.min(row.acked) };
        total.seeds += 1;
        total.virtual_s += row.virtual_s;
        total.events += row.events;
        total.acked += row.acked;
        total.accepted_writers_max = total.accepted_writers_max.max(row.accepted_writers_max);
        total.violations += row.violations.len() as u64;
        let sums = [
            (&row.faults, &mut total.faults),
            (&row.changes, &mut total.changes),
            (&row.figures, &mut total.figures),
        ];
        for (counts, sum) in sums {
            counts.iter().for_each(|(name, count)| *sum.entry(name.clone()).or_default() += count);
        }
        if !row.violations.is_empty() {
            self.broken.push(row.seed);
        } else if row.acked < self.acked_least {
            self.idle.push(row.seed);
        }
    }

    /// A seed whose two runs were not the same.
    pub fn differs(&self) -> Option<u64> {
        self.differs
    }

    /// For scripts.
    pub fn json(&self) -> String {
        serde_json::json!({ "campaign": self.total }).to_string() + "\n"
    }

    /// For people.
    pub fn text(&self) -> String {
        let Total { asked, seeds, repeated, virtual_s, events, acked, acked_min, .. } = &self.total;
        let seeds = if seeds == asked { seeds.to_string() } else { format!("{seeds} of {asked}") };
        let list = |what: &str, counts: &BTreeMap<String, u64>| {
            let all: Vec<_> =
                counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            // Not everything is counted in every world.
            if all.is_empty() { String::new() } else { format!("{what}: {}\n", all.join(", ")) }
        };
        format!(
            "{seeds} seeds, {repeated} of them the same in another process; {virtual_s:.0} virtual \
             seconds, {events} events\n{acked} operations answered, at least {acked_min} for each \
             seed\n{}{}{}writers accepted at once, at most: {}\nviolations: {}\n",
            list("went wrong", &self.total.faults),
            list("changed on purpose", &self.total.changes),
            list("counted", &self.total.figures),
            self.total.accepted_writers_max,
            self.total.violations
        )
    }

    /// Whether all is well.
    ///
    /// # Errors
    /// [`Failure::Check`] with the seeds for which it is not.
    pub fn verdict(&self) -> Result<(), Failure> {
        if !self.broken.is_empty() {
            return Err(Failure::Check(format!("promises were broken by seeds {:?}", self.broken)));
        }
        if !self.idle.is_empty() {
            let (least, idle) = (self.acked_least, &self.idle);
            return Err(Failure::Check(format!(
                "fewer than {least} operations were answered for seeds {idle:?}"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nexus_sim::cluster::{ClusterSpec, Families};

    use super::*;

    fn row(seed: u64) -> Row {
        let faults_for = std::time::Duration::from_secs(1);
        let families = Families::NONE;
        let spec = ClusterSpec { shards: 1, faults_for, families, ..ClusterSpec::new(seed) };
        Row::of(&spec, None)
    }

    #[test]
    fn a_difference_between_two_runs_names_the_seed() {
        let mut ledger = Ledger::new(2, 1);
        let (one, other) = (row(1), row(2));
        ledger.take(false, one.clone(), OutputFormat::Text);
        ledger.take(true, one.clone(), OutputFormat::Text);
        assert_eq!((ledger.differs(), ledger.total.repeated), (None, 1));
        assert!(ledger.verdict().is_ok());
        ledger.take(
            true,
            Row { trace_hash: "another".to_owned(), ..other.clone() },
            OutputFormat::Text,
        );
        ledger.take(false, other, OutputFormat::Text);
        assert_eq!(ledger.differs(), Some(2));
        assert_eq!((ledger.total.seeds, ledger.total.acked >= 2), (2, true));
    }

    #[test]
    fn too_few_answers_are_a_failed_check() {
        let mut ledger = Ledger::new(1, 1_000_000);
        ledger.take(false, row(1), OutputFormat::Text);
        assert!(
            matches!(ledger.verdict(), Err(Failure::Check(text)) if text.contains("seeds [1]"))
        );
    }
}
