//! Layers in live pools: that they find by themselves whether they pay, and that
//! nothing is lost when they come and go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus::measure::{Objective, SwitchbackSpec};
use nexus::safety::Stage;
use nexus::{
    Agent, CallSpec, Context, EnabledLevels, Features, Handler, Level, Message, Pool, PoolCounts,
    PoolError, PoolShadow, PoolSpec, PoolWhy, Rng, Routing, Time, TrialSpec,
};
use nexus_sim::{World, check, seeds};

use crate::support::{assert_adds_up, eventually, lock, start};

/// A member with a speed that nobody is told: some are slow, and after every
/// twenty minutes others.
struct Uneven {
    index: u64,
}

impl Agent for Uneven {
    const KIND: &'static str = "uneven";

    fn new(key: &str) -> Uneven {
        let (_, index) = key.rsplit_once('-').expect("a pool numbers its members");
        Uneven { index: index.parse().expect("a number") }
    }
}

/// So many seconds of work at full speed.
#[derive(Message)]
struct Toil(f64);

impl Handler<Toil> for Uneven {
    async fn handle(&mut self, Toil(work_s): Toil, cx: &mut Context<Uneven>) {
        let shift = cx.now().as_nanos() / 1_200_000_000_000 % 2;
        let speed = if self.index / 2 == shift { 0.3 } else { 1.0 };
        cx.sleep(Duration::from_secs_f64(work_s / speed)).await;
    }
}

/// Members, of which two are slow.
const MEMBERS: usize = 8;
/// Mean work of a call: 100 ms.
const WORK_S: f64 = 0.1;
/// Mean time between calls: the members are 75 % busy.
const GAP_S: f64 = WORK_S / (0.75 * 6.6);

fn layered() -> PoolSpec {
    PoolSpec::new().levels(all_levels())
}

fn all_levels() -> EnabledLevels {
    EnabledLevels::BASIC.with(Routing::Optimized).with(Routing::Adaptive)
}

/// What became of the calls of one run.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<Ended>>);

#[derive(Clone, Default, PartialEq, Debug)]
struct Ended {
    began: u64,
    by_level: [u64; 4],
    too_late: u64,
    /// None of these is expected.
    others: Vec<PoolError>,
}

impl Tally {
    fn look(&self) -> Ended {
        lock(&self.0).clone()
    }
}

/// A stream of calls, as random as those of many callers, until some time.
#[derive(Clone)]
struct Stream {
    pool: Pool<Uneven>,
    tally: Tally,
    rng: Rng,
    gap_s: f64,
    within: Duration,
    until: Time,
}

impl Stream {
    fn new(world: &World, pool: &Pool<Uneven>, time: Duration) -> Stream {
        let (pool, tally) = (pool.clone(), Tally::default());
        let (rng, within) = (Rng::new(world.seed()).fork("calls"), Duration::from_secs(30));
        Stream { pool, tally, rng, gap_s: GAP_S, within, until: world.now().after(time) }
    }

    /// One call, and the next after a while.
    fn flow(mut self, world: &mut World) {
        if world.now() >= self.until {
            return;
        }
        let complexity = self.rng.exponential();
        // What a call declares is about what it takes.
        let work_s = WORK_S * complexity * (0.8 + 0.4 * self.rng.unit());
        let features = Features::new(complexity, 0.5, 1.0).expect("an exponential is small");
        let call = CallSpec::new(Routing::Adaptive).features(features).within(self.within);
        let (pool, tally) = (self.pool.clone(), self.tally.clone());
        lock(&tally.0).began += 1;
        let ask = async move {
            let served = pool.ask(Toil(work_s), call).await;
            let mut ended = lock(&tally.0);
            match served {
                Ok(served) => ended.by_level[served.level as usize] += 1,
                Err(PoolError::TooLate) => ended.too_late += 1,
                Err(error) => ended.others.push(error),
            }
        };
        world.task(ask).expect("the world takes tasks");
        let gap = Duration::from_secs_f64(self.gap_s * self.rng.exponential());
        world.after(gap, move |world| self.flow(world));
    }
}

/// Serves a stream for so long: what the pool and its simulator say of it, and what became
/// of the calls.
fn serve(
    seed: u64,
    spec: PoolSpec,
    time: Duration,
) -> (PoolWhy, Option<PoolShadow>, PoolCounts, Ended) {
    let mut world = World::new(seed);
    let pool = Pool::<Uneven>::spawn_in(world.system(), "u", MEMBERS, spec);
    let pool = pool.expect("the names are free");
    let stream = Stream::new(&world, &pool, time);
    let tally = stream.tally.clone();
    stream.flow(&mut world);
    world.run_for(time);
    let (why, shadow) = (pool.why(), pool.shadow());
    world.run_for(Duration::from_secs(60));
    let counts = pool.counts();
    assert_adds_up(&counts);
    let text = serde_json::to_string(&why).expect("it is all numbers and names");
    assert_eq!(serde_json::from_str::<PoolWhy>(&text).expect("it is read back"), why);
    (why, shadow, counts, tally.look())
}

#[test]
fn within_an_hour_a_pool_finds_that_learning_speeds_pays() {
    // Without the proactive layer: what that gains here, some 3 %, is too little to be
    // sure of in an hour, and layers are measured one after the other from below.
    let spec = layered().layers([Level::Adaptive]);
    let (why, shadow, counts, ended) = serve(1, spec, Duration::from_secs(3_600));
    let ladder = why.ladder.expect("it has layers");
    assert_eq!((ended.others, counts.done), (Vec::new(), ended.began));
    let adaptive = &ladder.layers[1];
    assert_eq!((adaptive.layer, adaptive.stage), (Level::Adaptive, Stage::On), "{ladder:#?}");
    let [_, high] = adaptive.gain.interval.expect("there are hundreds of blocks");
    assert!(high < 1.0, "{}", adaptive.gain);
    let shadow = shadow.expect("it is measured");
    let interval = shadow.gain.and_then(|gain| gain.interval);
    let is_gain = interval.is_some_and(|[_, high]| high < 1.0);
    assert!(is_gain && shadow.layer == Level::Adaptive, "{shadow:?} {}", adaptive.gain);
    let model = why.model.expect("there is one");
    assert!(model.in_use && model.learned > 100_000, "{model}");
    // In the last twenty minutes as in the first the slow ones are 0 and 1.
    let speeds = why.speeds.expect("they are learned");
    let (slow, fast): (Vec<_>, Vec<_>) = speeds.iter().partition(|(key, _)| key.as_str() < "u-2");
    let slowest = |of: &[(_, &f64)]| of.iter().map(|(_, speed)| **speed).fold(f64::MAX, f64::min);
    let fastest = |of: &[(_, &f64)]| of.iter().map(|(_, speed)| **speed).fold(0.0, f64::max);
    assert!(fastest(&slow) < 0.6 * slowest(&fast), "{speeds:?}");
}

#[test]
fn a_pool_without_layers_may_choose_by_conditions_how_it_balances() {
    let spec = PoolSpec::new().optimized_by_conditions();
    let (why, shadow, counts, ended) = serve(2, spec, Duration::from_secs(600));
    let chosen = why.optimized.expect("it was asked for");
    assert_eq!(chosen.strategy, "weighted-response-time");
    assert_eq!(chosen.reason, "servers differ in speed");
    assert_eq!((ended.others, counts.done, shadow), (Vec::new(), ended.began, None));
}

#[test]
fn equal_seeds_give_equal_layers() {
    let run = |seed| serve(seed, layered(), Duration::from_secs(120));
    let first = run(3);
    assert!(first == run(3), "the second run differs");
    assert!(first.0 != run(4).0);
}

/// Levels come and go while calls are inside: each is served all the same.
#[test]
fn switching_levels_loses_no_call() {
    check(seeds(4), |world| {
        let pool = Pool::<Uneven>::spawn_in(world.system(), "u", MEMBERS, layered());
        let pool = pool.expect("the names are free");
        let stream = Stream::new(world, &pool, Duration::from_secs(60));
        let (tally, mut rng) = (stream.tally.clone(), Rng::new(world.seed()).fork("switch"));
        stream.flow(world);
        for _ in 0..200 {
            world.run_for(Duration::from_millis(rng.below(600)));
            let level = Level::ALL[rng.below(3) as usize];
            match rng.below(5) {
                0 => pool.set_level(level).expect("there are layers"),
                1 => pool.disable_layer(Level::Adaptive).expect("there are layers"),
                2 => pool.enable_layer(Level::Adaptive).expect("there are layers"),
                3 => pool.set_levels(EnabledLevels::BASIC.with(Routing::Optimized)),
                _ => pool.set_levels(all_levels()),
            }
            assert_adds_up(&pool.counts());
        }
        world.run_for(Duration::from_secs(60));
        let (ended, counts) = (tally.look(), pool.counts());
        assert_eq!((&ended.others[..], ended.too_late), (&[][..], 0));
        assert_eq!((ended.by_level.iter().sum(), counts.done), (ended.began, ended.began));
        assert_eq!((counts.in_flight, counts.held), (0, 0));
    });
}

/// More calls than can be served, none of use after half a second.
#[test]
fn what_would_be_late_is_refused_and_counted() {
    let mut world = World::new(5);
    let pool = Pool::<Uneven>::spawn_in(world.system(), "u", MEMBERS, layered());
    let pool = pool.expect("the names are free");
    let usual = Stream::new(&world, &pool, Duration::from_secs(120));
    let gap_s = usual.gap_s / 2.0;
    let stream = Stream { gap_s, within: Duration::from_millis(500), ..usual };
    let tally = stream.tally.clone();
    stream.flow(&mut world);
    world.run_for(Duration::from_secs(180));
    let (ended, counts) = (tally.look(), pool.counts());
    assert!(ended.too_late > 0, "{ended:?}");
    assert!(counts.too_late <= ended.too_late, "{counts:?}");
    let refused = ended.too_late - counts.too_late;
    assert_eq!((counts.refused, counts.placed), (refused, ended.began - refused));
    assert_eq!((counts.in_flight, counts.held), (0, 0));
    assert_adds_up(&counts);
}

/// The same against the wall clock.
#[test]
fn on_real_threads_calls_are_served_through_the_layers_and_learned_from() {
    let node = start();
    let usual = TrialSpec::new(Objective::MeanSeconds);
    let block_min = Duration::from_millis(100);
    let switchback = SwitchbackSpec { block_min, ..usual.switchback };
    let spec = layered().trial(TrialSpec { switchback, ..usual });
    let pool = Pool::<Uneven>::spawn(&node, "u", 3, spec).expect("the names are free");
    let (is_over, by_layers) = (AtomicBool::new(false), Mutex::new(0_u64));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let call = pool.ask(Toil(0.000_5), Routing::Swarm);
                    let served = node.block_on(call).expect("it is served");
                    assert_eq!(served.routed.used, Routing::Adaptive);
                    *lock(&by_layers) += u64::from(served.level > Level::Reactive);
                }
            });
        }
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually("layers serve", || *lock(&by_layers) > 100);
        }));
        is_over.store(true, Ordering::Relaxed);
        seen.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let (why, counts) = (pool.why(), pool.counts());
    let model = why.model.expect("there is one");
    assert!(model.learned > 100 && model.refused == 0, "{model}");
    assert!(why.measured.is_some() && why.speeds.is_some_and(|speeds| speeds.len() == 3));
    assert_eq!((counts.done, counts.in_flight, counts.held), (counts.placed, 0, 0));
    assert_adds_up(&counts);
}
