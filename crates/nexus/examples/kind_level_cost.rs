//! What each level of a kind costs a request.
//!
//! ```text
//! cargo run --release -p nexus --example kind_level_cost
//! ```
//!
//! A query is asked in place, many times, of an agent of a kind without layers and of
//! agents of one with them, at each level; printed is what each takes beyond the first.
//! Allocations are counted by `cargo test -p nexus --test kind_allocations`, since
//! counting costs time.
//! Of some rounds the fastest counts, since a shared machine only ever adds.
#![allow(clippy::disallowed_methods, reason = "it measures time")]

use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use nexus::adaptive::AdapterSpec;
use nexus::{
    Agent, Context, Handle, Handler, KindLayers, Kv, Level, Message, NodeSpec, Reactive,
    ReactiveAgent, ReactiveKind, Request,
};
use serde_json::json;

/// Rounds of which the fastest counts.
const ROUNDS: u32 = 15;

/// Requests in a round.
const REQUESTS: u32 = 20_000;

/// As [`Kv`], with layers.
struct Layered;

impl ReactiveKind for Layered {
    const KIND: &'static str = "layered";

    fn rules() -> &'static Reactive {
        static RULES: LazyLock<Reactive> = LazyLock::new(Reactive::kv);
        &RULES
    }

    fn layers() -> Option<KindLayers> {
        Some(KindLayers::new(AdapterSpec::default()).expect("the default holds together"))
    }
}

/// Asks from where it costs least: another agent, which is served in place.
struct Asker;

impl Agent for Asker {
    const KIND: &'static str = "asker";
    const DEADLINE: Duration = Duration::from_secs(60);

    fn new(_key: &str) -> Asker {
        Asker
    }
}

/// Ask whom has no layers, or whom has them; replies the nanoseconds of a request.
#[derive(Message)]
#[message(reply = f64)]
struct Ask {
    layered: bool,
}

static PLAIN: OnceLock<Handle<Kv>> = OnceLock::new();
static LAYERED: OnceLock<Handle<ReactiveAgent<Layered>>> = OnceLock::new();

impl Handler<Ask> for Asker {
    async fn handle(&mut self, ask: Ask, _cx: &mut Context<Asker>) -> f64 {
        match ask.layered {
            true => ns(LAYERED.get().expect("it is there")).await,
            false => ns(PLAIN.get().expect("it is there")).await,
        }
    }
}

async fn ns<K: ReactiveKind>(agent: &Handle<ReactiveAgent<K>>) -> f64 {
    let request = Request::query("get", json!({"key": "n", "default": 0}));
    let began = Instant::now();
    for _ in 0..REQUESTS {
        let answer = agent.ask(request.clone()).await;
        answer.expect("it answers").expect("it is a query");
    }
    began.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = NodeSpec::new().workers(1).start()?;
    let asker = node.spawn::<Asker>("one")?;
    let (plain, agent) = (node.spawn("plain")?, node.spawn("layered")?);
    let agent = LAYERED.get_or_init(|| agent);
    PLAIN.get_or_init(|| plain);
    let best_ns = |layered| {
        let round = |_| node.block_on(asker.ask(Ask { layered })).expect("it answers");
        (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
    };
    let plain_ns = best_ns(false);
    println!("{:<10} {plain_ns:>6.0} ns a request", "no layers");
    let layers = KindLayers::of(node.system(), Layered::KIND).expect("it has some");
    for level in [Level::Reactive, Level::Proactive, Level::Adaptive] {
        if level != Level::Reactive {
            layers.enable(level)?;
        }
        agent.set_level(level);
        println!("{level:<10} {:>+6.0} ns", best_ns(true) - plain_ns);
    }
    Ok(())
}
