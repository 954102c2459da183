//! Many clients that are connected and silent, each of which then asks something.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::connection::{Connection, request};
use crate::served::Served;
use crate::{Failed, Options, quantile, row};

/// Connections held at once.
const CONNECTIONS: usize = 15_000;

/// Connections opened before the node is looked at again.
const STEP: usize = 1_000;

/// How long the node may take to have let in all that have connected.
const LET_IN_WITHIN: Duration = Duration::from_secs(10);

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Opens connections, asks over each of them, and looks at the node's memory.
pub async fn run(options: &Options) -> Result<bool, Failed> {
    let served = Served::nexus(&options.nexus)?;
    // Not counted among the many: it made the agent, and looks at the figures.
    let mut observer = Connection::open(served.address).await?;
    let created = observer.ask(&request("PUT", "/v1/agents/kv/bench", ""), ANSWER_WITHIN).await?;
    if created.status != 201 {
        return Err(format!("the agent was not made: {}", created.status).into());
    }
    let before = served.resident_bytes()?;

    let mut connections = Vec::with_capacity(CONNECTIONS);
    let opening = Instant::now();
    while connections.len() < CONNECTIONS {
        for _ in 0..STEP.min(CONNECTIONS - connections.len()) {
            connections.push(Connection::open(served.address).await?);
        }
        wait_for(&mut observer, connections.len() + 1).await?;
        let bytes = served.resident_bytes()?.saturating_sub(before);
        eprintln!("{} connections, {} bytes each", connections.len(), bytes / count(&connections));
    }
    let open_s = opening.elapsed().as_secs_f64();
    let idle = served.resident_bytes()?;

    let asking = Instant::now();
    let (mut answered, mut wrong, mut lost) = (0, 0, 0);
    let mut took_ms = Vec::with_capacity(CONNECTIONS);
    for (index, connection) in connections.iter_mut().enumerate() {
        // Each asks for something else, so that no answer can pass for another's.
        let body =
            format!(r#"{{"type":"query","name":"get","args":{{"key":"x","default":{index}}}}}"#);
        let asked = Instant::now();
        match connection.ask(&request("POST", "/v1/agents/kv/bench", &body), ANSWER_WITHIN).await {
            Ok(answer) if answer.status == 200 && value(&answer.body) == index => answered += 1,
            Ok(_) => wrong += 1,
            Err(_) => lost += 1,
        }
        took_ms.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    let ask_s = asking.elapsed().as_secs_f64();
    let after = served.resident_bytes()?;
    took_ms.sort_by(f64::total_cmp);

    let each = |bytes: u64| bytes.saturating_sub(before) / count(&connections);
    let fields = [
        ("connections", connections.len().into()),
        ("answered", answered.into()),
        ("wrong", wrong.into()),
        ("lost", lost.into()),
        ("resident_before", before.into()),
        ("resident_idle", idle.into()),
        ("resident_answered", after.into()),
        ("bytes_per_idle", each(idle).into()),
        ("bytes_per_answered", each(after).into()),
        ("open_s", row::rounded(open_s)),
        ("ask_s", row::rounded(ask_s)),
        ("ask_ms_p99", row::rounded(quantile(&took_ms, 0.99))),
    ];
    let pass = answered == CONNECTIONS && wrong == 0 && lost == 0;
    Ok(row::print("idle connections", &fields, "all 15000 answered", pass))
}

fn count(connections: &[Connection]) -> u64 {
    connections.len() as u64
}

/// Waits until the node counts so many connections: one that the system has taken
/// for it costs the node nothing yet.
async fn wait_for(observer: &mut Connection, wanted: usize) -> Result<(), Failed> {
    let begun = Instant::now();
    loop {
        let answer = observer.ask(&request("GET", "/metrics", ""), ANSWER_WITHIN).await?;
        let text = String::from_utf8(answer.body)?;
        let line = text.lines().find_map(|line| line.strip_prefix("nexus_http_connections "));
        let there: usize = line.ok_or("the node does not count its connections")?.parse()?;
        if there == wanted {
            return Ok(());
        }
        if begun.elapsed() > LET_IN_WITHIN {
            return Err(format!("the node has {there} of {wanted} connections").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn value(body: &[u8]) -> Value {
    serde_json::from_slice::<Value>(body).map_or(Value::Null, |answer| answer["value"].clone())
}
