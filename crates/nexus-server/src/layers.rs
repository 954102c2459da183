//! Layers of a kind or a pool in words: how high the ladder goes, what each layer is
//! worth, what was learned and adapted.
//!
//! What is known here is told in sentences. Nodes of other versions may tell more, or
//! otherwise: that is shown as it came rather than left out.

#[cfg(test)]
mod tests;

use nexus_intel::learn::Explanation;
use nexus_intel::measure::{Gain, Phase};
use nexus_intel::safety::{LadderStatus, LayerStatus, Stage, Transition};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::Why;
use crate::words::{NOTHING, counted, grouped, printable};

/// Transitions that are told, the last ones. A guess: what somebody reads.
const TRANSITIONS_SHOWN: usize = 5;
/// Members whose speeds are told: of many the slowest and the fastest. A guess, as above.
const MEMBERS_SHOWN: usize = 16;
/// Lines of one part, at most: trees can be long. A guess: a high terminal.
const LINES_MAX: usize = 60;

/// What is told of layers by name; whatever else there is follows as it came.
const TOLD: [&str; 8] =
    ["used", "ladder", "measured", "model", "speeds", "adaptations", "knobs", "answers"];

/// The heading of the layers of a kind.
const OF_KIND: &str = "layers of the kind";

/// Some lines under a heading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// What they are about.
    pub heading: String,
    /// The lines, harmless to a terminal.
    pub lines: Vec<String>,
}

impl Section {
    fn new(heading: &str, lines: Vec<String>) -> Option<Section> {
        if lines.is_empty() {
            return None;
        }
        let count = lines.len();
        let lines = lines.iter().take(LINES_MAX);
        let mut lines: Vec<String> = lines.map(|line| printable(line.trim_end())).collect();
        if count > LINES_MAX {
            lines.push(format!("and {} more; --format json has all", count - LINES_MAX));
        }
        Some(Section { heading: printable(heading), lines })
    }

    /// All of it, each line ended.
    pub fn text(&self) -> String {
        let lines: String = self.lines.iter().map(|line| format!("  {line}\n")).collect();
        format!("{}:\n{lines}", self.heading)
    }
}

/// What is to be told of the layers that an agent's kind has, or the pool that it stands
/// for. Nothing of one without.
pub fn sections(why: &Why) -> Vec<Section> {
    let (of, layers) = match (&why.pool, &why.layers) {
        (Value::Object(_), _) => ("layers of the pool", &why.pool),
        (_, Value::Object(_)) => (OF_KIND, &why.layers),
        _ => return Vec::new(),
    };
    if layers["ladder"].is_null() {
        let none = "none: they come with the adaptive routing level, when a pool is made";
        return Vec::from_iter(Section::new(of, vec![none.to_owned()]));
    }
    let (climbed, changed) = ladder(layers, of == OF_KIND);
    let parts = [
        Section::new(of, climbed),
        Section::new("model", model(&layers["model"])),
        Section::new("speeds of members (1 is an ordinary one)", speeds(&layers["speeds"])),
        adaptations_or_none(&layers["adaptations"]),
        Section::new("knobs", lines(&layers["knobs"])),
        Section::new("answers kept", lines(&layers["answers"])),
    ];
    let mut sections: Vec<Section> = parts.into_iter().flatten().collect();
    sections.extend(others(layers));
    sections.extend(Section::new("last changes of layers", changed));
    sections
}

/// The layers, and what changed lately. Seconds are those since the node's start.
fn ladder(layers: &Value, is_kind: bool) -> (Vec<String>, Vec<String>) {
    let Some(ladder) = read::<LadderStatus>(&layers["ladder"]) else {
        return (lines(&layers["ladder"]), Vec::new());
    };
    let mut used = format!("used       {}", ladder.used);
    if let Some(now) = layers["used"].as_str().filter(|now| *now != ladder.used.as_str()) {
        used += &format!(", in this block of the trial {now}");
    }
    let mut told = Vec::new();
    // Of a kind nothing is asked: each of its agents is set to a level of its own.
    if !is_kind {
        told.push(format!("asked      {}", ladder.asked));
    }
    told.push(used);
    let reason = ladder.reason.filter(|_| !is_kind);
    told.extend(reason.map(|reason| format!("because    {}: {reason}", ladder.asked)));
    told.extend(measured(&layers["measured"]));
    told.extend(ladder.layers.iter().rev().map(layer));
    let first = ladder.history.len().saturating_sub(TRANSITIONS_SHOWN);
    (told, ladder.history[first..].iter().map(transition).collect())
}

fn layer(layer: &LayerStatus) -> String {
    let LayerStatus { layer, stage, since_s, until_s, reason, gain: worth, .. } = layer;
    let mut text = format!("{layer:9}  {stage}");
    if *stage != Stage::Off {
        text += &format!(" since second {since_s:.0}");
    }
    if let Some(until) = until_s {
        text += &format!(", tried again at second {until:.0}");
    }
    if let Some(reason) = reason {
        text += &format!(": {reason}");
    }
    // Of one that is off and was never on there is nothing to say.
    if worth.ratio.is_some() || *stage != Stage::Off {
        text += &format!("; {}", gain(worth));
    }
    text
}

/// A gain in words: the ratio with its interval, and what could be told from none.
fn gain(gain: &Gain) -> String {
    let Some(ratio) = gain.ratio else { return "not measured yet".to_owned() };
    let blocks = counted(gain.blocks, "block");
    let Some([low, high]) = gain.interval else {
        return format!("costs \u{d7}{ratio:.3} by {blocks}, too few for an interval");
    };
    let mut text = format!("costs \u{d7}{ratio:.3} ({low:.3} to {high:.3}) by {blocks}");
    if let Some(least) = gain.detectable {
        text += &format!(", which tell {:.1} % from none", least * 100.0);
    }
    text
}

fn transition(change: &Transition) -> String {
    format!("{:>10.3} s  {change}", change.at_s)
}

/// What the trial is doing.
fn measured(measured: &Value) -> Option<String> {
    if measured.is_null() {
        return None;
    }
    let layer = measured["layer"].as_str().unwrap_or(NOTHING);
    let Some(phase) = read::<Phase>(&measured["phase"]) else {
        return Some(format!("on trial   {}", compact(measured)));
    };
    let doing = match phase {
        Phase::Settling { outcomes, needed } => {
            let (seen, needed) = (grouped(outcomes), grouped(needed));
            format!("finding out how long calls take, {seen} of {needed} seen")
        }
        Phase::TooSlow { needed, block_max } => format!(
            "calls take too long to measure it: blocks of {:.0} s, and at most {:.0} s are allowed",
            needed.as_secs_f64(),
            block_max.as_secs_f64()
        ),
        Phase::Measuring { block } => {
            format!("on and off by turns, in blocks of {:.1} s", block.as_secs_f64())
        }
        Phase::Holding { blocks_left } => {
            format!("it pays; measured again after {}", counted(blocks_left.into(), "block"))
        }
    };
    Some(format!("on trial   {layer}: {doing}"))
}

/// What a model has learned: its own words, or what came.
fn model(model: &Value) -> Vec<String> {
    match read::<Explanation>(model) {
        Some(explanation) => explanation.to_string().lines().map(str::to_owned).collect(),
        None => lines(model),
    }
}

fn speeds(speeds: &Value) -> Vec<String> {
    let Some(speeds) = speeds.as_object() else { return Vec::new() };
    let known = speeds.iter().filter_map(|(key, speed)| Some((key, speed.as_f64()?)));
    let mut known: Vec<(&String, f64)> = known.collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    let line = |(key, speed): &(&String, f64)| format!("{speed:>7.2}  {key}");
    if known.len() <= MEMBERS_SHOWN {
        return known.iter().map(line).collect();
    }
    let (half, left) = (MEMBERS_SHOWN / 2, known.len() - MEMBERS_SHOWN);
    let between = format!("and {} between", counted(left as u64, "member"));
    let (slowest, fastest) = (known[..half].iter(), known[known.len() - half..].iter());
    slowest.map(line).chain([between]).chain(fastest.map(line)).collect()
}

fn adaptations_or_none(in_force: &Value) -> Option<Section> {
    let in_force = in_force.as_array()?;
    let lines = match in_force.is_empty() {
        true => vec!["none".to_owned()],
        false => adaptations(in_force),
    };
    Section::new("adaptations in force", lines)
}

/// Adaptations, each with its id and cause.
pub fn adaptations(all: &[Value]) -> Vec<String> {
    all.iter().map(adaptation).collect()
}

fn adaptation(adaptation: &Value) -> String {
    let text = |key: &str| adaptation[key].as_str();
    let (Some(id), Some(kind)) = (text("id"), text("kind")) else { return compact(adaptation) };
    let mut line = format!("{id}  {}", kind.replace('_', " "));
    if let Some(at) = adaptation["at_s"].as_f64() {
        line += &format!(" at {at:.1} s");
    }
    if let (Some(rule), Some(sensor)) = (text("rule"), text("sensor")) {
        line += &format!(", by the rule {rule}: {}", sensor.replace('_', " "));
        if let Some(showed) = adaptation["readings"][sensor].as_f64() {
            line += &format!(" was {showed:.2}");
        }
    }
    let worth = read::<Gain>(&adaptation["gain"]).unwrap_or_default();
    line + &format!("; {}", gain(&worth))
}

/// What layers tell that is not known here.
fn others(layers: &Value) -> impl Iterator<Item = Section> {
    let fields = layers.as_object().into_iter().flatten();
    let others = fields.filter(|(key, value)| !TOLD.contains(&key.as_str()) && !value.is_null());
    others.filter_map(|(key, value)| Section::new(&key.replace('_', " "), lines(value)))
}

/// A value as lines: one for each field of an object and each item of a list.
pub fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Object(fields) => {
            let width = fields.keys().map(|key| key.chars().count()).max().unwrap_or_default();
            let line = |(key, value): (&String, &Value)| {
                format!("{:width$}  {}", key.replace('_', " "), compact(value))
            };
            fields.iter().map(line).collect()
        }
        Value::Array(items) => items.iter().map(compact).collect(),
        other => vec![compact(other)],
    }
}

/// A value in one line.
fn compact(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                format!("{} {}", key.replace('_', " "), compact(value))
            };
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().map(compact).collect::<Vec<_>>().join(", "),
        number => number.to_string(),
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}
