//! The proactive level: a pool that predicts what calls take, and refuses at once what
//! would be late. In virtual time, so that half an hour takes a second.
//!
//! `cargo run --release --example levels_proactive`
//!
//! Eight ovens are asked for more than they can bake, and a loaf that is late is of no
//! use. Without predictions nearly everything is late before long. With them those are
//! refused that would be, and the others are in time. (`hello` is the level below, the
//! reactive one; `levels_adaptive` is the one above.)

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus::measure::{Objective, SwitchbackSpec};
use nexus::prelude::*;
use nexus::{
    CallSpec, EnabledLevels, Features, Level, Pool, PoolError, PoolSpec, PoolWhy, Rng, Routing,
    Time, TrialSpec,
};
use nexus_sim::World;

const OVENS: usize = 8;
const MEAN_S: f64 = 0.1;
const DEADLINE: Duration = Duration::from_millis(800);
const HALF_AN_HOUR: Duration = Duration::from_secs(1_800);

struct Oven;

impl Agent for Oven {
    const KIND: &'static str = "oven";
    fn new(_key: &str) -> Self {
        Oven
    }
}

/// Takes so many seconds.
#[derive(Message)]
struct Loaf(f64);

impl Handler<Loaf> for Oven {
    async fn handle(&mut self, Loaf(seconds): Loaf, cx: &mut Context<Self>) {
        cx.sleep(Duration::from_secs_f64(seconds)).await;
    }
}

/// What became of the loaves.
#[derive(Clone, Default)]
struct Tally {
    asked: u64,
    by_level: [u64; 4],
    refused: u64,
    late: u64,
}

/// Loaves as they come: each declares about what it takes.
#[derive(Clone)]
struct Customers {
    pool: Pool<Oven>,
    routing: Routing,
    tally: Arc<Mutex<Tally>>,
    rng: Rng,
    until: Time,
}

impl Customers {
    fn come(mut self, world: &mut World) {
        if world.now() >= self.until {
            return;
        }
        let declared = self.rng.exponential();
        let seconds = MEAN_S * declared * (0.8 + 0.4 * self.rng.unit());
        let features = Features::new(declared, 0.5, 1.0).expect("an exponential is small");
        let call = CallSpec::new(self.routing).features(features).within(DEADLINE);
        let (pool, tally) = (self.pool.clone(), self.tally.clone());
        let buy = async move {
            let served = pool.ask(Loaf(seconds), call).await;
            let mut tally = tally.lock().expect("nobody panics with it");
            tally.asked += 1;
            match served {
                Ok(served) => tally.by_level[served.level as usize] += 1,
                Err(PoolError::TooLate) => tally.refused += 1,
                Err(_) => tally.late += 1,
            }
        };
        world.task(buy).expect("the world takes tasks");
        // 1.2 times what eight ovens can bake.
        let gap_s = MEAN_S / (1.2 * OVENS as f64) * self.rng.exponential();
        world.after(Duration::from_secs_f64(gap_s), move |world| self.come(world));
    }
}

/// Half an hour of the same customers, routed at a level.
fn bake(routing: Routing) -> (PoolWhy, Tally) {
    let mut world = World::new(1);
    let levels = EnabledLevels::BASIC.with(Routing::Optimized).with(Routing::Adaptive);
    // What counts is the share that is late; each layer is measured by that.
    let usual = TrialSpec::new(Objective::MissedShare(DEADLINE));
    let block_min = Duration::from_secs(5);
    let switchback = SwitchbackSpec { block_min, ..usual.switchback };
    let spec = PoolSpec::new()
        .levels(levels)
        .layers([Level::Proactive])
        .trial(TrialSpec { switchback, ..usual });
    let pool = Pool::spawn_in(world.system(), "ovens", OVENS, spec).expect("the name is free");
    let tally = Arc::<Mutex<Tally>>::default();
    let (rng, until) = (Rng::new(7), world.now().after(HALF_AN_HOUR));
    let customers = Customers { pool: pool.clone(), routing, tally: tally.clone(), rng, until };
    customers.come(&mut world);
    world.run_for(HALF_AN_HOUR + Duration::from_secs(60));
    let tally = tally.lock().expect("nobody panics with it").clone();
    (pool.why(), tally)
}

fn show(what: &str, tally: &Tally) {
    let in_time: u64 = tally.by_level.iter().sum();
    let share = |count: u64| 100.0 * count as f64 / tally.asked as f64;
    println!(
        "{what}: {:.1} % in time, {:.1} % refused at once, {:.1} % late",
        share(in_time),
        share(tally.refused),
        share(tally.late)
    );
}

fn main() {
    println!("half an hour, {OVENS} ovens, 1.2 times what they can bake\n");
    let (_, reactive) = bake(Routing::Optimized);
    show("reactive, to the fewest in flight", &reactive);
    let (why, proactive) = bake(Routing::Adaptive);
    show("with the proactive layer        ", &proactive);
    let [without, with, ..] = proactive.by_level;
    println!("  of those in time {with} were placed by the layer, {without} without: it is");
    println!("  switched on and off while it serves, or nobody would know what it is worth");

    let ladder = why.ladder.expect("the pool has layers");
    let layer = &ladder.layers[0];
    println!("\nwhy: the {} layer is {}; it {}", layer.layer, layer.stage, layer.gain);
    for transition in &ladder.history {
        println!("  {:6.0} s  {transition}", transition.at_s);
    }
    println!("\nwhat it predicts by, the first lines:");
    let model = why.model.expect("it has learned").to_string();
    model.lines().take(8).for_each(|line| println!("  {line}"));
}
