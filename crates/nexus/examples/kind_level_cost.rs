//! What each level of a kind costs a request.
//!
//! ```text
//! cargo run --release -p nexus --example kind_level_cost
//! ```
//!
//! Queries are asked in place of an agent of a kind without layers and of agents of kinds
//! with them, at each level, in turn; printed is what each takes beyond the first. Of many
//! rounds the fastest and the median count: a shared machine only ever adds, and is slow
//! for seconds at a time. Allocations are counted by
//! `cargo test -p nexus --test kind_allocations`: counting them costs time.
#![allow(clippy::disallowed_methods, reason = "it measures time")]

#[path = "../tests/layered/mod.rs"]
mod layered;

use std::time::{Duration, Instant};

use layered::{Layered, Plain, assert_used, requests};
use nexus::{
    Agent, Context, Handler, KindLayers, Level, Message, Node, NodeSpec, ReactiveAgent,
    ReactiveKind, Request, System, Wire,
};

/// Rounds of each.
const ROUNDS: usize = 400;

/// Asks from where it costs least: another agent, which is served in place.
struct Asker {
    requests: Vec<Request>,
}

impl Agent for Asker {
    const KIND: &'static str = "asker";
    const DEADLINE: Duration = Duration::from_secs(60);

    fn new(_key: &str) -> Asker {
        Asker { requests: requests() }
    }
}

/// Who is asked, at which level.
const ASKED: [(Whom, Level); 5] = [
    (Whom::Plain, Level::Reactive),
    (Whom::Layered, Level::Reactive),
    (Whom::Layered, Level::Proactive),
    (Whom::Layered, Level::Adaptive),
    (Whom::Keeping, Level::Adaptive),
];

#[derive(Clone, Copy, PartialEq, Debug, Wire)]
enum Whom {
    Plain,
    Layered,
    Keeping,
}

/// Has the agent that is called as its level asked a round; replies the nanoseconds of a
/// request.
#[derive(Message)]
#[message(reply = f64)]
struct Ask {
    whom: Whom,
    key: String,
}

impl Handler<Ask> for Asker {
    async fn handle(&mut self, Ask { whom, key }: Ask, cx: &mut Context<Asker>) -> f64 {
        match whom {
            Whom::Plain => self.ns::<Plain>(cx.system(), &key).await,
            Whom::Layered => self.ns::<Layered<false>>(cx.system(), &key).await,
            Whom::Keeping => self.ns::<Layered<true>>(cx.system(), &key).await,
        }
    }
}

impl Asker {
    async fn ns<K: ReactiveKind>(&self, system: &System, key: &str) -> f64 {
        let agent = system.find::<ReactiveAgent<K>>(key).expect("it runs");
        let began = Instant::now();
        for request in &self.requests {
            let answer = agent.ask(request.clone()).await;
            answer.expect("it answers").expect("it is a query");
        }
        began.elapsed().as_secs_f64() * 1e9 / self.requests.len() as f64
    }
}

/// Agents of a kind, each called as the level it is set to; all layers are enabled.
fn spawn<K: ReactiveKind>(node: &Node) -> Result<(), Box<dyn std::error::Error>> {
    for level in [Level::Reactive, Level::Proactive, Level::Adaptive] {
        node.spawn::<ReactiveAgent<K>>(level.as_str())?.set_level(level);
        if let Some(layers) = KindLayers::of(node.system(), K::KIND)
            && level > Level::Reactive
        {
            layers.enable(level)?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = NodeSpec::new().workers(1).hand_in_readings().start()?;
    let asker = node.spawn::<Asker>("a")?;
    spawn::<Plain>(&node)?;
    spawn::<Layered<false>>(&node)?;
    spawn::<Layered<true>>(&node)?;
    let mut rounds = [const { Vec::new() }; ASKED.len()];
    for _ in 0..ROUNDS {
        for ((whom, level), taken) in ASKED.into_iter().zip(&mut rounds) {
            let key = level.as_str().to_owned();
            taken.push(node.block_on(asker.ask(Ask { whom, key }))?);
        }
    }
    for kind in [Layered::<false>::KIND, Layered::<true>::KIND] {
        let layers = KindLayers::of(node.system(), kind).expect("it has some");
        assert_used(&layers.status(), Level::Adaptive);
    }
    let [plain, layered @ ..] = rounds.map(of_rounds);
    println!("{:<20} {:>10} {:>10}", "ns a request", "fastest", "median");
    println!("{:<20} {:>10.0} {:>10.0}", Plain::KIND, plain[0], plain[1]);
    for ((whom, level), taken) in ASKED[1..].iter().zip(layered) {
        let name = format!("{whom:?} {level}").to_lowercase();
        let [fastest, median] = [taken[0] - plain[0], taken[1] - plain[1]];
        println!("{name:<20} {fastest:>+10.0} {median:>+10.0}");
    }
    Ok(())
}

/// The fastest and the median of them.
fn of_rounds(mut rounds: Vec<f64>) -> [f64; 2] {
    rounds.sort_by(f64::total_cmp);
    [rounds[0], rounds[rounds.len() / 2]]
}
