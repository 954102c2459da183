//! A million agents made by clients, and all of them listed in pages.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::connection::{Connection, request};
use crate::served::Served;
use crate::{Failed, Options, row};

/// Agents made.
const AGENTS: usize = 1_000_000;

/// Connections over which they are made.
const CONNECTIONS: usize = 64;

/// Requests sent over a connection before their answers are read.
const PIPELINED: usize = 16;

/// Agents of one page: as many as a node gives.
const PAGE: usize = 1_000;

/// How long making all of them may take, and how long listing them.
const WITHIN: Duration = Duration::from_secs(100);

/// Makes the agents, lists them, and looks at the node's memory.
pub async fn run(options: &Options) -> Result<bool, Failed> {
    let served = Served::nexus(&options.nexus)?;
    let before = served.resident_bytes()?;

    let making = Instant::now();
    let mut makers = JoinSet::new();
    for first in 0..CONNECTIONS {
        makers.spawn(make(served.address, first));
    }
    let made = tokio::time::timeout(WITHIN, makers.join_all()).await?;
    let made: usize = made.into_iter().sum::<Result<usize, std::io::Error>>()?;
    let make_s = making.elapsed().as_secs_f64();
    let after = served.resident_bytes()?;

    let listing = Instant::now();
    let Listed { seen, pages, twice, strange } =
        tokio::time::timeout(WITHIN, list(served.address)).await??;
    let list_s = listing.elapsed().as_secs_f64();
    let listed = served.resident_bytes()?;

    let fields = [
        ("agents", made.into()),
        ("create_per_s", (made as f64 / make_s).round().into()),
        ("listed", seen.into()),
        ("listed_again", twice.into()),
        ("strange", strange.into()),
        ("pages", pages.into()),
        ("list_s", row::rounded(list_s)),
        ("resident_before", before.into()),
        ("resident_after", after.into()),
        ("resident_listed", listed.into()),
        ("bytes_per_agent", (after.saturating_sub(before) / AGENTS as u64).into()),
    ];
    let pass = made == AGENTS && seen == AGENTS && twice == 0 && strange == 0;
    Ok(row::print("one million agents", &fields, "each listed exactly once", pass))
}

/// Makes every [`CONNECTIONS`]th agent from `first` on; how many were new.
async fn make(address: SocketAddr, first: usize) -> std::io::Result<usize> {
    let mut connection = Connection::open(address).await?;
    let mut numbers = (first..AGENTS).step_by(CONNECTIONS);
    let mut created = 0;
    loop {
        let some: Vec<Vec<u8>> = numbers
            .by_ref()
            .take(PIPELINED)
            .map(|number| request("PUT", &format!("/v1/agents/kv/{}", name(number)), ""))
            .collect();
        if some.is_empty() {
            return Ok(created);
        }
        connection.send(&some.concat()).await?;
        for _ in &some {
            let answer = connection.receive().await?;
            created += usize::from(answer.status == 201);
        }
    }
}

fn name(number: usize) -> String {
    format!("agent-{number:06}")
}

/// What a walk over all pages found.
struct Listed {
    /// Names of ours that were seen.
    seen: usize,
    pages: usize,
    /// Names that were seen once more.
    twice: usize,
    /// Names that are none of ours.
    strange: usize,
}

/// Walks over all pages.
async fn list(address: SocketAddr) -> Result<Listed, Failed> {
    let mut connection = Connection::open(address).await?;
    let mut is_seen = vec![false; AGENTS];
    let mut listed = Listed { seen: 0, pages: 0, twice: 0, strange: 0 };
    let mut after = String::new();
    // Pages may be short, but not all of them.
    for _ in 0..2 * AGENTS / PAGE {
        let path = format!("/v1/agents?kind=kv&limit={PAGE}{after}");
        connection.send(&request("GET", &path, "")).await?;
        let answer = connection.receive().await?;
        if answer.status != 200 {
            return Err(format!("a page answers {}", answer.status).into());
        }
        let page: Value = serde_json::from_slice(&answer.body)?;
        for agent in page["agents"].as_array().ok_or("a page has no agents")? {
            let key = agent["key"].as_str().unwrap_or_default();
            let number = key.strip_prefix("agent-").and_then(|digits| digits.parse().ok());
            match number.filter(|&number: &usize| number < AGENTS && name(number) == key) {
                Some(number) if is_seen[number] => listed.twice += 1,
                Some(number) => {
                    is_seen[number] = true;
                    listed.seen += 1;
                }
                None => listed.strange += 1,
            }
        }
        listed.pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(listed),
        }
    }
    Err("the pages do not end".into())
}
