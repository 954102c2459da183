//! `nexus status`: a node at a glance.

use std::io::Write;

use clap::Args;

use crate::cli::{Common, OutputFormat};
use crate::client::{Client, Latency, NodeArgs, Path, Reach, Status};
use crate::columns::{Columns, Side};
use crate::failure::Failure;
use crate::listing::Listing;
use crate::output::Output;
use crate::words::{NOTHING, age, bytes, grouped, printable, seconds};

const EXAMPLES: &str = "\
Examples:
  nexus status
  nexus status --url http://10.0.0.5:7400
  nexus status --format json | jq .kinds.kv.mailbox

The same as a picture that moves: nexus top";

/// Show a node at a glance: memory, load, kinds of agents, slowest requests
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Which node.
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs `nexus status`.
///
/// # Errors
/// [`Failure::Client`] if the node refuses or cannot be reached.
pub fn run(
    args: &StatusArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let answer = Client::new(&args.node)?.get(&Path::new("/v1/status"))?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => text(&answer.read()?),
    };
    output.print(&text).map_err(Failure::Output)
}

fn text(status: &Status) -> String {
    let mut text = heading(status);
    for (title, table) in [
        ("kinds", kinds(status)),
        ("members", members(status)),
        ("slowest requests", slowest(status)),
    ] {
        if !table.is_empty() {
            text += &format!("\n{title}:\n{table}");
        }
    }
    text
}

fn heading(status: &Status) -> String {
    let draining = if status.draining { ", draining" } else { "" };
    let title =
        format!("{}, nexus {}, up {}{draining}", status.node, status.version, age(status.uptime_s));
    Listing::new(&title)
        .fact(
            "agents",
            format!("{} on {} workers", grouped(status.agents), grouped(status.workers)),
        )
        .fact("memory", bytes(status.resident_bytes))
        .fact("cpu", cpu(status))
        .fact("connections", grouped(status.connections))
        .fact("requests", requests(&status.latency))
        .fact("side", &status.side)
        .fact("durability", status.durability.to_string())
        .text()
}

/// Processor time in words.
pub fn cpu(status: &Status) -> String {
    status.cpu_percent.map_or(NOTHING.to_owned(), |percent| format!("{percent:.1} %"))
}

fn requests(latency: &Latency) -> String {
    let half = latency.quantile(0.5).map(reach);
    let most = latency.quantile(0.99).map(reach);
    match (half, most) {
        (Some(half), Some(most)) => {
            format!("{}, half {half}, 99 % {most}", grouped(latency.count()))
        }
        _ => grouped(latency.count()),
    }
}

/// A quantile in words.
pub fn reach(reach: Reach) -> String {
    match reach {
        Reach::Within(bound) => format!("within {}", seconds(bound)),
        Reach::Above(bound) => format!("above {}", seconds(bound)),
    }
}

fn kinds(status: &Status) -> String {
    let right = |heading| (heading, Side::Right);
    let mut columns = Columns::new([
        ("kind", Side::Left),
        right("agents"),
        right("mailbox"),
        right("accepted"),
        right("handled"),
        right("dropped"),
        right("dead"),
        right("refused"),
        right("crashed"),
        right("restarted"),
        right("p50"),
        right("p99"),
        right("max"),
    ]);
    let rows = status.kinds.iter().map(|(name, kind)| {
        let latency = &kind.latency_s;
        [
            printable(name),
            grouped(kind.agents),
            grouped(kind.mailbox),
            grouped(kind.accepted),
            grouped(kind.handled),
            grouped(kind.dropped),
            grouped(kind.dead),
            grouped(kind.refused),
            grouped(kind.crashed),
            grouped(kind.restarted),
            duration(latency.p50),
            duration(latency.p99),
            duration(latency.max),
        ]
    });
    columns.page(&rows.collect::<Vec<_>>())
}

/// Seconds in words, if there are any.
pub fn duration(value: Option<f64>) -> String {
    value.map_or(NOTHING.to_owned(), seconds)
}

/// None if the node is alone.
fn members(status: &Status) -> String {
    if status.members.len() < 2 {
        return String::new();
    }
    let mut columns = Columns::new([
        ("node", Side::Left),
        ("address", Side::Left),
        ("state", Side::Left),
        ("version", Side::Left),
    ]);
    let rows = status.members.iter().map(|member| {
        [&member.id, &member.addr, &member.state, &member.version].map(|text| printable(text))
    });
    columns.page(&rows.collect::<Vec<_>>())
}

fn slowest(status: &Status) -> String {
    let mut columns = Columns::new([
        ("agent", Side::Left),
        ("request", Side::Left),
        ("took", Side::Right),
        ("ago", Side::Right),
    ]);
    let rows = status.slowest.iter().map(|slow| {
        [
            printable(&slow.agent),
            printable(&slow.name),
            seconds(slow.seconds),
            age((status.uptime_s - slow.at_s).max(0.0)),
        ]
    });
    columns.page(&rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_reads_well() {
        let json = r#"{"node":"n1","version":"0.1.0","uptime_s":182.0,
            "members":[{"id":"n1","addr":"127.0.0.1:7400","state":"alive","version":"0.1.0"}],
            "shards":[],"durability":0,"side":"single","agents":1234,"workers":2,
            "resident_bytes":12900000,"cpu_percent":null,"connections":4,"draining":true,
            "kinds":{"kv":{"agents":1234,"mailbox":5,"accepted":10,"handled":5,"dropped":1,
              "dead":2,"refused":3,"restarted":4,"crashed":6,"in_place":0,
              "latency_s":{"count":5,"p50":0.0001,"p99":0.002,"max":null}}},
            "latency":{"bounds_s":[0.001,0.01],"counts":[9,0,1]},
            "slowest":[{"agent":"kv/42","name":"add","seconds":0.2,"at_s":180.0}]}"#;
        let expected = "n1, nexus 0.1.0, up 3 min 2 s, draining
  agents       1,234 on 2 workers
  memory       12.3 MiB
  cpu          –
  connections  4
  requests     10, half within 1.00 ms, 99 % above 10.00 ms
  side         single
  durability   0

kinds:
kind  agents  mailbox  accepted  handled  dropped  dead  refused  crashed  restarted      p50      p99  max
───────────────────────────────────────────────────────────────────────────────────────────────────────────
kv     1,234        5        10        5        1     2        3        6          4  0.10 ms  2.00 ms    –

slowest requests:
agent  request     took    ago
──────────────────────────────
kv/42  add      0.200 s  2.0 s
";
        assert_eq!(text(&serde_json::from_str(json).expect("a status")), expected);
    }

    #[test]
    fn a_node_that_says_next_to_nothing_is_shown_all_the_same() {
        let text = text(&serde_json::from_str("{}").expect("a status"));
        assert!(text.contains("agents       0 on 0 workers"), "{text}");
        assert!(!text.contains("kinds:"), "{text}");
    }
}
