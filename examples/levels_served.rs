//! A node with layers, to be looked at from outside: a pool that learns which of its
//! members are slow, and a kind that predicts. Ctrl-C ends it.
//!
//!     NEXUS_HTTP_LISTEN=127.0.0.1:8080 NEXUS_LEVELS_ENABLE_LEARNING=true \
//!         cargo run --release --example levels_served
//!
//! Then, in another terminal, what this prints; and the page at its address.

use std::hint::black_box;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use nexus::adaptive::AdapterSpec;
use nexus::{
    Accepts, Agent, CallSpec, Context, EnabledLevels, Features, Handler, KindLayers, Level,
    Message, Pool, PoolSpec, Reactive, ReactiveAgent, ReactiveKind, Request, Rng, Routing, Server,
    Settings, Variant,
};
use serde_json::json;

/// An oven. Two of eight are slow, which nobody is told.
struct Oven {
    speed: f64,
}

impl Agent for Oven {
    const KIND: &'static str = "oven";

    fn new(key: &str) -> Oven {
        Oven { speed: if matches!(key, "bakery-0" | "bakery-1") { 0.3 } else { 1.0 } }
    }

    fn accepts(kind: &mut Accepts<Oven>) {
        kind.message::<Bake>();
    }
}

/// So many milliseconds of work at full speed.
#[derive(Message)]
#[message(name = "bake")]
struct Bake {
    work_ms: f64,
}

impl Handler<Bake> for Oven {
    async fn handle(&mut self, bake: Bake, cx: &mut Context<Oven>) {
        cx.sleep(Duration::from_secs_f64(bake.work_ms / 1_000.0 / self.speed)).await;
    }
}

/// Reports that take some milliseconds, or none in a quick variant for when there is no
/// time; and headlines, which take none.
struct Report;

impl ReactiveKind for Report {
    const KIND: &'static str = "report";

    fn rules() -> &'static Reactive {
        static RULES: LazyLock<Reactive> = LazyLock::new(|| {
            Reactive::kv()
                .with_query("report", |_, _| {
                    Ok(json!({"sum": (0..STEPS).fold(0, |sum: u64, n| black_box(sum ^ n))}))
                })
                .with_query_variant("report", Variant::Quick, |_, _| Ok(json!({"sum": "some"})))
                .with_query("headline", |_, _| Ok(json!("all is well")))
        });
        &RULES
    }

    fn layers() -> Option<KindLayers> {
        Some(KindLayers::new(AdapterSpec::default()).expect("the default holds together"))
    }
}

/// Where all customers order.
static BAKERY: OnceLock<Pool<Oven>> = OnceLock::new();

/// A customer, who orders again when served.
struct Customer {
    rng: Rng,
}

impl Agent for Customer {
    const KIND: &'static str = "customer";

    fn new(key: &str) -> Customer {
        Customer { rng: Rng::new(0).fork(key) }
    }
}

#[derive(Message)]
struct Hungry;

impl Handler<Hungry> for Customer {
    async fn handle(&mut self, _: Hungry, cx: &mut Context<Customer>) {
        let complexity = self.rng.exponential();
        // What an order declares is what it takes at full speed.
        let features = Features::new(complexity, 0.5, 1.0).expect("an exponential is small");
        let call = CallSpec::new(Routing::Adaptive).features(features);
        let bakery = BAKERY.get().expect("it was there before its customers");
        // Whoever is not served orders again as well.
        let _ = bakery.ask(Bake { work_ms: 20.0 * complexity }, call).await;
        cx.after(Duration::from_millis(1), Hungry);
    }
}

/// Steps of a report: some milliseconds.
const STEPS: u64 = 4_000_000;

/// Who asks for reports and headlines, as it comes.
struct Reader {
    rng: Rng,
}

impl Agent for Reader {
    const KIND: &'static str = "reader";

    fn new(key: &str) -> Reader {
        Reader { rng: Rng::new(0).fork(key) }
    }
}

#[derive(Message)]
struct Read;

impl Handler<Read> for Reader {
    async fn handle(&mut self, _: Read, cx: &mut Context<Reader>) {
        let (name, number) =
            (["report", "headline"][self.rng.below(2) as usize], self.rng.below(100));
        if let Some(agent) = cx.system().find::<ReactiveAgent<Report>>("42") {
            // Those that are refused are counted in `why`.
            let _ = agent.ask(Request::query(name, json!({"number": number}))).await;
        }
        cx.after(Duration::from_millis(20), Read);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = Settings::from_env()?;
    // Customers never have enough: whoever ends this need not wait for them.
    settings.node.drain = Duration::from_secs(1);
    let server = Server::new().settings(settings).kind::<ReactiveAgent<Report>>();
    let mut running = server.start()?;
    let node = running.node();
    let levels = EnabledLevels::BASIC.with(Routing::Optimized).with(Routing::Adaptive);
    let spec = PoolSpec::new().levels(levels).layers([Level::Adaptive]);
    BAKERY.get_or_init(|| Pool::spawn(node, "bakery", 8, spec).expect("the names are free"));
    node.spawn::<ReactiveAgent<Report>>("42")?.set_level(Level::Proactive);
    for number in 0..6 {
        node.block_on(node.spawn::<Customer>(&number.to_string())?.tell(Hungry))?;
    }
    node.block_on(node.spawn::<Reader>("a")?.tell(Read))?;
    println!("{}", running.ready_line());
    println!("export NEXUS_URL={}", running.url());
    for command in [
        "why nexus.pool/bakery",
        "why report/42",
        "agents ask report/42 report --type query",
        "agents layer nexus.pool/bakery adaptive off",
        "top",
    ] {
        println!("nexus {command}");
    }
    running.wait()?;
    println!("ending; what customers still want is left");
    Ok(())
}
