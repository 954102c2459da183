//! Work distributed over agents at each level, in virtual time: who did what, how long
//! it took, and why a level fell to the next lower one.
//!
//! `cargo run --release --example coordinate`
//!
//! Six painters paint walls. Two of them are slow, and nobody says so. Walls declare
//! about how large they are. A fresh coordinator has learned nothing, so it falls to
//! "whoever is free takes the next", and says why; after some batches it plans.

use std::time::Duration;

use nexus::prelude::*;
use nexus::{Agents, CoordinationLevel, Coordinator, Distributed, Features, Rng, Work, WorkItem};
use nexus_sim::World;

const SPEEDS: [f64; 6] = [1.0, 0.3, 1.0, 1.0, 0.4, 1.0];
const WALLS: usize = 30;
const LEARNED_FROM: usize = 5;

struct Painter {
    speed: f64,
}

impl Agent for Painter {
    const KIND: &'static str = "painter";
    const DEADLINE: Duration = Duration::from_secs(3_600);
    fn new(key: &str) -> Self {
        let number: usize = key.parse().expect("painters are numbered");
        Painter { speed: SPEEDS[number] }
    }
}

/// So many square metres.
#[derive(Message, Clone)]
struct Wall(f64);

impl Handler<Wall> for Painter {
    async fn handle(&mut self, Wall(size): Wall, cx: &mut Context<Self>) {
        cx.sleep(Duration::from_secs_f64(size / self.speed)).await;
    }
}

/// Walls that are about as large as they declare.
fn walls(rng: &mut Rng) -> Work<Wall> {
    let wall = |declared: f64, chance: f64| {
        let features = Features::new(declared, 0.5, 1.0).expect("an exponential is small");
        WorkItem::new(Wall(declared * (0.8 + 0.4 * chance))).features(features)
    };
    (0..WALLS).map(|_| wall(0.2 + rng.exponential(), rng.unit())).collect()
}

/// The same batches at each level: the last of them, and seconds for those that count.
fn paint(level: CoordinationLevel, learned_from: usize) -> (Distributed<()>, f64) {
    let (mut world, mut rng) = (World::new(1), Rng::new(1));
    let painters: Vec<_> =
        (0..SPEEDS.len()).map(|number| world.spawn::<Painter>(&number.to_string())).collect();
    let coordinator = Coordinator::new();
    let mut serve = |level, work| {
        let agents = Agents::of_system(world.system(), painters.iter().cloned());
        let done = world.block_on(coordinator.distribute(agents, work, level));
        done.expect("there are painters")
    };
    for _ in 0..learned_from {
        serve(CoordinationLevel::Optimized, walls(&mut rng));
    }
    let mut rng = Rng::new(2);
    let done: Vec<_> = (0..20).map(|_| serve(level, walls(&mut rng))).collect();
    let seconds = done.iter().map(|done| done.account.makespan.as_secs_f64()).sum();
    (done.into_iter().next_back().expect("there are twenty"), seconds)
}

fn main() {
    println!("20 batches of {WALLS} walls, six painters, two of them slow\n");
    println!("{:12} {:12} {:>9} {:>8}  walls by painter", "asked", "used", "seconds", "ratio");
    let (_, optimized) = paint(CoordinationLevel::Optimized, LEARNED_FROM);
    for level in CoordinationLevel::ALL {
        let (last, seconds) = paint(level, LEARNED_FROM);
        let by: Vec<_> = last.account.shares.iter().map(|share| share.done).collect();
        let (used, ratio) = (last.account.used, seconds / optimized);
        println!("{level:12} {used:12} {seconds:9.1} {ratio:8.3}  {by:?}");
        for fall in &last.account.falls {
            println!("  {} fell: {}", fall.from, fall.why);
        }
    }

    let (last, _) = paint(CoordinationLevel::Adaptive, LEARNED_FROM);
    println!("\nspeeds as learned, relative to an ordinary one, and in truth:");
    for (agent, speed) in last.agents.iter().zip(SPEEDS) {
        let learned = agent.speed.expect("each has painted");
        println!("  painter {}: {learned:.2} learned, {speed:.2} in truth", agent.key);
    }

    let mut world = World::new(1);
    let painter = world.spawn::<Painter>("0");
    let agents = Agents::of_system(world.system(), [painter]);
    let first = nexus::coordinate(agents, walls(&mut Rng::new(1)), CoordinationLevel::Adaptive);
    let nexus::Coordinated::Distributed(first) = world.block_on(first).expect("one painter") else {
        return;
    };
    println!("\na coordinator that has learned nothing, asked for adaptive:");
    for fall in &first.account.falls {
        println!("  {} fell: {}", fall.from, fall.why);
    }
    println!("  {} served", first.account.used);
}
