//! The node, in figures.

use std::time::Duration;

use nexus_base::Histogram;
use serde_json::{Map, Value, json};

use super::host::Host;
use super::meter::{BOUNDS_S, KindFigures};

/// What a node says of itself.
pub(super) fn status(host: &Host) -> Value {
    let (now, figures) = (host.now(), host.meter.figures());
    let counts = host.system().counts();
    let kinds: Map<String, Value> = counts
        .iter()
        .filter(|(kind, _)| !super::is_internal(kind))
        .map(|(kind, counts)| {
            let served = figures.kinds.get(kind).cloned().unwrap_or_default();
            let value = json!({
                "agents": counts.agents(),
                "mailbox": counts.queued(),
                "accepted": counts.accepted,
                "handled": counts.handled,
                "dropped": counts.dropped,
                "dead": counts.dead,
                "refused": counts.refused,
                "restarted": counts.restarted,
                "crashed": counts.crashed,
                "in_place": counts.in_place,
                "latency_s": latency(&served.durations),
            });
            ((*kind).to_owned(), value)
        })
        .collect();
    let slowest: Vec<Value> = host
        .meter
        .slowest(now)
        .into_iter()
        .map(|slow| {
            let (seconds, at) = (slow.took.as_secs_f64(), slow.at.as_secs_f64());
            json!({"agent": slow.agent, "name": slow.name, "seconds": seconds, "at_s": at})
        })
        .collect();
    let process = crate::process::Process::read();
    json!({
        "node": host.name,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": now.as_secs_f64(),
        "members": [{
            "id": host.name,
            "addr": host.settings.http.listen.to_string(),
            "state": "alive",
            "version": env!("CARGO_PKG_VERSION"),
        }],
        "shards": [],
        "durability": 0,
        "side": "single",
        "agents": host.system().agent_count(),
        "workers": host.figures.threads.seats().len(),
        "resident_bytes": process.resident_bytes,
        "cpu_percent": process.cpu_percent(now.since(nexus_base::Time::ZERO)),
        "cpu_s": process.cpu.map(|cpu| cpu.as_secs_f64()),
        "connections": figures.connections,
        "draining": host.is_draining(),
        "kinds": kinds,
        "latency": buckets(figures.kinds.values()),
        "slowest": slowest,
    })
}

fn latency(durations: &Histogram) -> Value {
    let s = |duration: Duration| duration.as_secs_f64();
    json!({
        "count": durations.count(),
        "p50": s(durations.p50()),
        "p99": s(durations.p99()),
        "max": s(durations.max()),
    })
}

fn buckets<'k>(kinds: impl Iterator<Item = &'k KindFigures>) -> Value {
    let mut counts = [0u64; BOUNDS_S.len() + 1];
    for kind in kinds {
        counts.iter_mut().zip(kind.counts).for_each(|(sum, count)| *sum += count);
    }
    json!({"bounds_s": BOUNDS_S, "counts": counts})
}
