//! From nothing to the first answer: what a restart costs those who wait for it.

use std::time::Duration;

use crate::connection::{Connection, request};
use crate::served::Served;
use crate::{Failed, Options, quantile, row};

/// How many times the node is started.
const STARTS: usize = 20;

/// The slowest start may take so long, in milliseconds: no client notices.
const BAR_MS: f64 = 200.0;

/// Starts a node again and again, and asks each whether it is ready.
pub async fn run(options: &Options) -> Result<bool, Failed> {
    let mut starts_ms = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let served = Served::nexus(&options.nexus)?;
        let mut connection = Connection::open(served.address).await?;
        let ready = request("GET", "/readyz", "");
        let answer = connection.ask(&ready, Duration::from_secs(10)).await?;
        let took = served.started.elapsed();
        if answer.status != 200 {
            return Err(format!("/readyz answers {}", answer.status).into());
        }
        starts_ms.push(took.as_secs_f64() * 1e3);
    }
    starts_ms.sort_by(f64::total_cmp);
    let max = quantile(&starts_ms, 1.0);
    let fields = [
        ("unit", "ms".into()),
        ("starts", STARTS.into()),
        ("median", row::rounded(quantile(&starts_ms, 0.5))),
        ("max", row::rounded(max)),
    ];
    Ok(row::print("cold start", &fields, "max <= 200", max <= BAR_MS))
}
