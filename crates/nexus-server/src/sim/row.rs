//! What came of a run, for scripts and for people.

use std::collections::BTreeMap;

use nexus_sim::cluster::{self, ClusterSpec, Family, FaultCounts, Kind, Listener, Violation};
use nexus_sim::nodes;
use serde::{Deserialize, Serialize};

use super::params;

/// What came of one run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Where chance began.
    pub seed: u64,
    /// What the cluster consists of: `groups` or `nodes`.
    pub world: String,
    /// Nodes in the cluster.
    pub nodes: u32,
    /// Shards.
    pub shards: u32,
    /// Virtual seconds, the time to settle included.
    pub virtual_s: f64,
    /// Inputs that nodes have handled.
    pub events: u64,
    /// Operations that were answered.
    pub acked: u64,
    /// How often each family of faults struck.
    pub faults: BTreeMap<String, u64>,
    /// What was changed on purpose, by kind: wishes.
    pub changes: BTreeMap<String, u64>,
    /// The most nodes that were accepted as writers of one shard at once; of whole nodes, of
    /// one step of an agent.
    pub accepted_writers_max: u64,
    /// What else checkers of whole nodes have counted.
    pub figures: BTreeMap<String, u64>,
    /// What was seen that must not be.
    pub violations: Vec<Broken>,
    /// What it all comes to.
    pub trace_hash: String,
    /// The command that runs it again.
    pub replay: String,
}

/// One broken promise.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Broken {
    /// Whose promise it was.
    pub checker: String,
    /// Where chance began.
    pub seed: u64,
    /// When, in virtual seconds.
    pub at_s: f64,
    /// In which shard.
    pub shard: u32,
    /// At which node.
    pub node: String,
    /// What was seen.
    pub seen: String,
}

impl Broken {
    /// For scripts.
    pub fn new(seed: u64, violation: &Violation) -> Broken {
        Broken {
            checker: violation.checker.to_owned(),
            seed,
            at_s: violation.at.as_secs_f64(),
            shard: violation.place.shard,
            node: violation.place.node.to_string(),
            seen: violation.seen.clone(),
        }
    }
}

impl Row {
    /// Runs the cluster that `spec` says; a listener is told of each event in words.
    pub fn of(spec: &ClusterSpec, listener: Option<Listener>) -> Row {
        match spec.kind {
            Kind::Groups => Row::of_groups(spec, &cluster::run(spec.clone(), listener)),
            Kind::Nodes => Row::of_nodes(spec, &nodes::run(spec.clone(), listener)),
        }
    }

    fn of_groups(spec: &ClusterSpec, outcome: &cluster::Outcome) -> Row {
        let changes = [
            ("transfers", outcome.changes.transfers),
            ("members", outcome.changes.members),
            ("compactions", outcome.changes.compactions),
        ];
        Row {
            virtual_s: outcome.virtual_time.as_secs_f64(),
            events: outcome.events,
            acked: outcome.acked,
            changes: named(&changes),
            accepted_writers_max: outcome.accepted_writers_max,
            trace_hash: outcome.trace_hash.to_string(),
            ..Row::begun(spec, outcome.faults, &outcome.violations)
        }
    }

    fn of_nodes(spec: &ClusterSpec, outcome: &nodes::Outcome) -> Row {
        let mut figures = named(&outcome.figures);
        let accepted_writers_max = figures.remove("accepted-writers-max").unwrap_or(0);
        Row {
            virtual_s: outcome.virtual_time.as_secs_f64(),
            events: outcome.events,
            acked: outcome.acked,
            accepted_writers_max,
            figures,
            trace_hash: outcome.trace_hash.to_string(),
            ..Row::begun(spec, outcome.faults, &outcome.violations)
        }
    }

    /// What is the same of all.
    fn begun(spec: &ClusterSpec, faults: FaultCounts, violations: &[Violation]) -> Row {
        Row {
            seed: spec.seed,
            world: spec.kind.name().to_owned(),
            nodes: spec.nodes,
            shards: spec.shards,
            virtual_s: 0.0,
            events: 0,
            acked: 0,
            faults: counts(faults, false),
            changes: counts(faults, true),
            accepted_writers_max: 0,
            figures: BTreeMap::new(),
            violations: violations.iter().map(|one| Broken::new(spec.seed, one)).collect(),
            trace_hash: String::new(),
            replay: command("run", spec),
        }
    }

    /// As one line of JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a row has only names and numbers") + "\n"
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "seed {}: {} events in {} virtual seconds, {} operations answered, trace {}\n",
            self.seed, self.events, self.virtual_s, self.acked, self.trace_hash
        );
        let struck: Vec<_> = self.faults.iter().filter(|one| *one.1 > 0).collect();
        let struck: Vec<_> = struck.iter().map(|(name, count)| format!("{name} {count}")).collect();
        text += &match struck.is_empty() {
            true => "  nothing went wrong\n".to_owned(),
            false => format!("  went wrong: {}\n", struck.join(", ")),
        };
        if !self.figures.is_empty() {
            let counted = self.figures.iter().map(|(name, count)| format!("{name} {count}"));
            text += &format!("  counted: {}\n", counted.collect::<Vec<_>>().join(", "));
        }
        for broken in &self.violations {
            text += &broken.text();
        }
        if !self.violations.is_empty() {
            text += &format!("  to run it again: {}\n", self.replay);
        }
        text
    }

    /// For people, of a run that was watched: that nothing was seen that must not be, if so.
    pub fn verdict(&self) -> String {
        match self.violations.is_empty() {
            true => "  no promise was broken\n".to_owned(),
            false => String::new(),
        }
    }
}

impl Broken {
    /// For people.
    pub fn text(&self) -> String {
        let Broken { checker, at_s, shard, node, seen, .. } = self;
        format!("  VIOLATION of {checker} at {at_s:.9} s, shard {shard}, {node}: {seen}\n")
    }
}

/// How often each family struck; of faults, or of wishes.
fn counts(counts: FaultCounts, wishes: bool) -> BTreeMap<String, u64> {
    let families = Family::ALL.into_iter().filter(|family| family.is_wish() == wishes);
    families.map(|family| (family.name().to_owned(), counts.of(family))).collect()
}

fn named(counts: &[(&'static str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// The command that does `verb` with a run of `spec`.
pub fn command(verb: &str, spec: &ClusterSpec) -> String {
    format!("nexus sim {verb} {}", params::words(spec).join(" "))
}
