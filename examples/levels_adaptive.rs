//! The adaptive level: a pool that finds out how fast its members are. In virtual time,
//! so that an hour takes seconds.
//!
//! `cargo run --release --example levels_adaptive`
//!
//! Two of eight lorries are slow, after twenty minutes two others, and nobody says so.
//! The pool learns it from how long deliveries take, and sends less with the slow ones.
//! It also finds out by itself whether that pays: the layer is switched on and off while
//! it serves, and stays only if it is surely better. (`hello` and `levels_proactive` are
//! the levels below.)

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus::prelude::*;
use nexus::{
    CallSpec, EnabledLevels, Features, Level, Pool, PoolSpec, PoolWhy, Rng, Routing, Time,
};
use nexus_sim::World;

const LORRIES: usize = 8;
const MEAN_S: f64 = 0.1;
const AN_HOUR: Duration = Duration::from_secs(3_600);
const CHANGE_EVERY_S: u64 = 1_200;

struct Lorry {
    number: u64,
}

/// How fast a lorry is at a time: two of them are slow.
fn speed(number: u64, now: Time) -> f64 {
    let slow = now.as_nanos() / 1_000_000_000 / CHANGE_EVERY_S % 2;
    if number / 2 == slow { 0.3 } else { 1.0 }
}

impl Agent for Lorry {
    const KIND: &'static str = "lorry";
    fn new(key: &str) -> Self {
        let (_, number) = key.rsplit_once('-').expect("a pool numbers its members");
        Lorry { number: number.parse().expect("a number") }
    }
}

/// So many seconds of driving at full speed.
#[derive(Message)]
struct Deliver(f64);

impl Handler<Deliver> for Lorry {
    async fn handle(&mut self, Deliver(seconds): Deliver, cx: &mut Context<Self>) {
        cx.sleep(Duration::from_secs_f64(seconds / speed(self.number, cx.now()))).await;
    }
}

#[derive(Clone, Default)]
struct Tally {
    by_level: [u64; 4],
    seconds: f64,
}

impl Tally {
    fn count(&self) -> u64 {
        self.by_level.iter().sum()
    }
}

/// Orders as they come: each declares about what it takes.
#[derive(Clone)]
struct Orders {
    pool: Pool<Lorry>,
    routing: Routing,
    tally: Arc<Mutex<Tally>>,
    rng: Rng,
    until: Time,
}

impl Orders {
    fn come(mut self, world: &mut World) {
        let now = world.now();
        if now >= self.until {
            return;
        }
        let declared = self.rng.exponential();
        let seconds = MEAN_S * declared * (0.8 + 0.4 * self.rng.unit());
        let features = Features::new(declared, 0.5, 1.0).expect("an exponential is small");
        let call = CallSpec::new(self.routing).features(features);
        let (pool, tally, system) = (self.pool.clone(), self.tally.clone(), world.system().clone());
        let order = async move {
            let served = pool.ask(Deliver(seconds), call).await.expect("there is time");
            let mut tally = tally.lock().expect("nobody panics with it");
            tally.by_level[served.level as usize] += 1;
            tally.seconds += system.driver().now().since(now).as_secs_f64();
        };
        world.task(order).expect("the world takes tasks");
        // Three quarters of what they can carry.
        let gap_s = MEAN_S / (0.75 * 6.6) * self.rng.exponential();
        world.after(Duration::from_secs_f64(gap_s), move |world| self.come(world));
    }
}

/// An hour of the same orders, routed at a level.
fn deliver(routing: Routing) -> (PoolWhy, Tally) {
    let mut world = World::new(1);
    let levels = EnabledLevels::BASIC.with(Routing::Optimized).with(Routing::Adaptive);
    let spec = PoolSpec::new().levels(levels).layers([Level::Adaptive]);
    let pool = Pool::spawn_in(world.system(), "lorries", LORRIES, spec).expect("the name is free");
    let tally = Arc::<Mutex<Tally>>::default();
    let (rng, until) = (Rng::new(7), world.now().after(AN_HOUR));
    let orders = Orders { pool: pool.clone(), routing, tally: tally.clone(), rng, until };
    orders.come(&mut world);
    world.run_for(AN_HOUR + Duration::from_secs(60));
    let tally = tally.lock().expect("nobody panics with it").clone();
    (pool.why(), tally)
}

fn main() {
    println!("an hour, {LORRIES} lorries, two of them slow, others after every twenty minutes\n");
    let (_, reactive) = deliver(Routing::Optimized);
    let (why, adaptive) = deliver(Routing::Adaptive);
    let mean_ms = |tally: &Tally| 1_000.0 * tally.seconds / tally.count() as f64;
    println!("reactive, to the fewest in flight: {:4.0} ms from order to end", mean_ms(&reactive));
    println!("with the adaptive layer:           {:4.0} ms", mean_ms(&adaptive));
    let [without, .., with, _] = adaptive.by_level;
    println!(
        "  {with} were placed by the layer, and {without} without: that is how it is measured"
    );

    let ladder = why.ladder.expect("the pool has layers");
    let layer = ladder.layers.iter().find(|layer| layer.layer == Level::Adaptive);
    let layer = layer.expect("it was asked for");
    println!("\nwhy: the {} layer is {}; it {}", layer.layer, layer.stage, layer.gain);
    for transition in &ladder.history {
        println!("  {:6.0} s  {transition}", transition.at_s);
    }
    println!("\nspeeds as learned, relative to an ordinary one, and in truth:");
    for (number, (key, learned)) in why.speeds.expect("it has learned").iter().enumerate() {
        let truth = speed(number as u64, Time::ZERO.after(AN_HOUR - Duration::from_secs(1)));
        println!("  {key}: {learned:.2} learned, {truth:.2} in truth");
    }
}
