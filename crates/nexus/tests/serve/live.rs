//! A pool that learns behind the port: real agents whose speed nobody is told, real
//! connections, the real clock, for less than a minute.
//!
//! That learning surely pays is proved in virtual time, where an hour costs little
//! (`tests/pool/layers.rs`). Here the same layers measure themselves on what comes over
//! HTTP, and tell so over HTTP.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nexus::measure::{Objective, SwitchbackSpec};
use nexus::{
    Accepts, Agent, Context, EnabledLevels, Handler, Level, Message, Pool, PoolSpec, Rng, Routing,
    TrialSpec,
};
use serde_json::{Value, json};

use crate::support::{Client, Served, ms, now, serve};

/// Members, of which two are slow.
const MEMBERS: usize = 8;
/// Clients, each of which asks again when it has its answer: as many as there are fast
/// members, so that the slow ones need not serve.
const CLIENTS: u64 = 6;
/// Mean work of a request.
const WORK_MS: f64 = 8.0;
/// How long the slow ones stay slow.
const SHIFT_S: u64 = 15;
/// Blocks that are to be measured, in four pairs.
const BLOCKS_MIN: u64 = 8;
/// When it is enough, sure or not.
const LIMIT: Duration = Duration::from_secs(40);

const POOL: &str = "/v1/agents/nexus.pool/uneven";

struct Uneven {
    index: u64,
}

impl Agent for Uneven {
    const KIND: &'static str = "uneven";

    fn new(key: &str) -> Uneven {
        let (_, index) = key.rsplit_once('-').expect("a pool numbers its members");
        Uneven { index: index.parse().expect("a number") }
    }

    fn accepts(kind: &mut Accepts<Uneven>) {
        kind.message::<Toil>();
    }
}

#[derive(Message)]
#[message(name = "toil")]
struct Toil {
    work_ms: f64,
}

impl Handler<Toil> for Uneven {
    async fn handle(&mut self, toil: Toil, cx: &mut Context<Uneven>) {
        let shift = cx.now().as_nanos() / (SHIFT_S * 1_000_000_000) % 2;
        let speed = if self.index / 2 == shift { 0.3 } else { 1.0 };
        cx.sleep(Duration::from_secs_f64(toil.work_ms / 1_000.0 / speed)).await;
    }
}

fn spawn(served: &Served) -> Pool<Uneven> {
    let levels = EnabledLevels::BASIC.with(Routing::Optimized).with(Routing::Adaptive);
    let usual = TrialSpec::new(Objective::MeanSeconds);
    let switchback = SwitchbackSpec { block_min: ms(200), ..usual.switchback };
    let spec = PoolSpec::new()
        .levels(levels)
        .layers([Level::Adaptive])
        .trial(TrialSpec { switchback, ..usual })
        .seed(7);
    let node = served.running.as_ref().expect("it runs").node();
    Pool::spawn(node, "uneven", MEMBERS, spec).expect("the names are free")
}

/// Asks until it is over. How many were placed at each level.
fn flow(address: SocketAddr, number: u64, is_over: &AtomicBool) -> [u64; 2] {
    let mut client = Client::connect(address);
    let mut rng = Rng::new(number);
    let mut placed = [0; 2];
    while !is_over.load(Ordering::Relaxed) {
        let complexity = rng.exponential();
        let body = json!({
            "type": "message", "name": "toil", "args": {"work_ms": WORK_MS * complexity},
            "routing": "adaptive", "features": {"complexity": complexity}, "deadline_ms": 10_000,
        });
        let answer = client.ask("POST", POOL, &[], &body.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        match answer.json()["pool"]["level"].as_str() {
            Some("reactive") => placed[0] += 1,
            Some("adaptive") => placed[1] += 1,
            other => panic!("{other:?} placed it"),
        }
    }
    placed
}

/// The layers as the port tells of them, once enough was measured or the time is over.
fn watch(served: &Served) -> Value {
    let begun = now();
    loop {
        let why = served.get(&format!("{POOL}/why")).json();
        let gain = &why["pool"]["ladder"]["layers"][1]["gain"];
        let is_sure = gain["interval"][1].as_f64().is_some_and(|high| high < 1.0);
        let is_enough = gain["blocks"].as_u64() >= Some(BLOCKS_MIN) && is_sure;
        if is_enough || begun.elapsed() > LIMIT {
            println!("after {:?}: {}", begun.elapsed(), why["pool"]["ladder"]["layers"][1]);
            return why;
        }
        std::thread::park_timeout(ms(200));
    }
}

#[test]
fn a_pool_behind_the_port_measures_what_learning_is_worth_and_says_so() {
    let served = serve();
    let pool = spawn(&served);
    let (is_over, placed) = (AtomicBool::new(false), Mutex::new([0; 2]));
    let why = std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (address, is_over, placed) = (served.address, &is_over, &placed);
            scope.spawn(move || {
                let [below, above] = flow(address, number, is_over);
                let mut placed = placed.lock().expect("nobody panics with it");
                *placed = [placed[0] + below, placed[1] + above];
            });
        }
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watch(&served)));
        is_over.store(true, Ordering::Relaxed);
        seen.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let layers = &why["pool"];
    let adaptive = &layers["ladder"]["layers"][1];
    let gain = &adaptive["gain"];
    assert!(gain["blocks"].as_u64() >= Some(BLOCKS_MIN), "{layers}");
    let ratio = gain["ratio"].as_f64().expect("it is measured");
    if let [Some(low), Some(high)] = [0, 1].map(|end| gain["interval"][end].as_f64()) {
        assert!(low <= ratio && ratio <= high, "{gain}");
    }
    assert_eq!(adaptive["layer"], json!("adaptive"));
    // On a machine that is busy with other things it may be sent down, and says why.
    let is_up = ["trying", "on"].contains(&adaptive["stage"].as_str().expect("it is a word"));
    assert!(is_up != adaptive["reason"].is_string(), "{adaptive}");
    assert!(layers["model"]["learned"].as_u64() > Some(100), "{layers}");
    assert_eq!(layers["speeds"].as_object().map(serde_json::Map::len), Some(MEMBERS));
    // By turns, as a switchback does.
    let [below, above] = placed.into_inner().expect("nobody panicked");
    assert!(below > 0 && above > 0, "{below} below, {above} above");
    assert_eq!(pool.counts().done, below + above);
    let counts = &served.get(POOL).json()["state"]["counts"];
    assert_eq!(counts["done"], json!(below + above), "{counts}");
}
