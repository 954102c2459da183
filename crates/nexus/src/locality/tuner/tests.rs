use nexus_base::Rng;

use super::*;

/// Time between readings.
const EVERY: Duration = Duration::from_secs(5);

/// A node that is made up: what its knobs do, how much it varies.
struct Node {
    tuner: Tuner,
    now: Time,
    values: [u64; 2],
    rng: Rng,
    /// Messages a second and for a second of CPU under these values.
    model: fn(Time, [u64; 2]) -> (f64, f64),
    /// Readings vary by up to this share, evenly.
    noise: f64,
    imbalance: f64,
    resident_bytes: u64,
    sets: usize,
}

impl Node {
    fn new(seed: u64, noise: f64, model: fn(Time, [u64; 2]) -> (f64, f64)) -> Node {
        let tuner = Tuner::new(Rng::new(seed).fork("tuner"));
        let values = [tuner.value(Knob::HelpBacklog), tuner.value(Knob::SliceMicros)];
        Node {
            tuner,
            now: Time::ZERO,
            values,
            rng: Rng::new(seed),
            model,
            noise,
            imbalance: 1.2,
            resident_bytes: 1 << 30,
            sets: 0,
        }
    }

    fn varied(&mut self, value: f64) -> f64 {
        value * (1.0 + self.noise * (2.0 * self.rng.unit() - 1.0))
    }

    fn read(&mut self) {
        self.now = self.now.after(EVERY);
        let (rate, thrift) = (self.model)(self.now, self.values);
        let (rate, thrift) = (self.varied(rate), self.varied(thrift));
        let handled = rate * EVERY.as_secs_f64();
        let reading = NodeReading {
            span: EVERY,
            handled: handled as u64,
            cpu: Duration::from_secs_f64(handled / thrift),
            resident_bytes: self.resident_bytes,
            imbalance: self.imbalance,
        };
        self.tuner.handle_reading(self.now, reading);
        while let Some(TunerEffect::Set(knob, value)) = self.tuner.poll_effect() {
            assert!(knob.values().contains(&value), "{knob} has no {value}");
            let index = Knob::ALL.iter().position(|one| *one == knob).expect("a knob");
            self.sets += usize::from(self.values[index] != value);
            self.values[index] = value;
        }
        // At most one knob is away from where it stands.
        let away = Knob::ALL
            .iter()
            .zip(self.values)
            .filter(|(knob, value)| self.tuner.value(**knob) != *value);
        assert!(away.count() <= usize::from(self.tuner.is_trying()));
    }

    fn run_for(&mut self, time: Duration) -> &mut Node {
        for _ in 0..time.as_secs() / EVERY.as_secs() {
            self.read();
        }
        self
    }

    fn kept(&self) -> Vec<(Knob, u64, u64)> {
        let kept = self.tuner.history().filter(|trial| trial.outcome == Outcome::Kept);
        kept.map(|trial| (trial.knob, trial.from, trial.to)).collect()
    }

    fn settled(&self) -> [u64; 2] {
        [self.tuner.value(Knob::HelpBacklog), self.tuner.value(Knob::SliceMicros)]
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
const UNTUNED: [u64; 2] = [64, 100];

#[test]
fn noise_alone_turns_nothing() {
    for noise in [0.0, 0.02, 0.1, 0.3] {
        for seed in 0..50 {
            let mut node = Node::new(seed, noise, |_, _| (1e6, 2e6));
            node.run_for(24 * HOUR);
            assert_eq!(node.kept(), [], "noise {noise}, seed {seed}");
            assert!(node.tuner.history().count() >= 4, "it did try");
        }
    }
}

#[test]
fn a_node_on_which_nothing_pays_is_left_in_peace() {
    let mut node = Node::new(1, 0.1, |_, _| (1e6, 2e6));
    node.run_for(24 * HOUR);
    let first_day = node.sets;
    node.run_for(24 * HOUR);
    // Four steps, each tried at 0, 10, 20, 40, ... minutes after the last time:
    // eight times on the first day, once or twice on the next.
    assert!(first_day <= 4 * 9 * 2 * PAIRS, "{first_day}");
    assert!(node.sets - first_day <= 4 * 2 * 2 * PAIRS, "{}", node.sets - first_day);
}

#[test]
fn a_gain_is_found_kept_and_left() {
    // Slices of 200 µs save a tenth of the CPU, those of 400 nothing more.
    let model = |_: Time, [_, slice]: [u64; 2]| (1e6, 2e6 * if slice >= 200 { 1.1 } else { 1.0 });
    for seed in 0..50 {
        let mut node = Node::new(seed, 0.05, model);
        node.run_for(12 * HOUR);
        assert_eq!(node.kept(), [(Knob::SliceMicros, 100, 200)], "seed {seed}");
        assert_eq!(node.settled(), [64, 200]);
    }
}

#[test]
fn steps_add_up_where_each_pays() {
    let model = |_: Time, [backlog, _]: [u64; 2]| {
        (
            match backlog {
                16 => 1.2e6,
                32 => 1.1e6,
                _ => 1e6,
            },
            2e6,
        )
    };
    let mut node = Node::new(7, 0.03, model);
    node.imbalance = 1.8;
    node.run_for(6 * HOUR);
    let expected = [(Knob::HelpBacklog, 64, 32), (Knob::HelpBacklog, 32, 16)];
    assert_eq!(node.kept(), expected);
}

#[test]
fn what_costs_more_than_it_gains_is_rolled_back() {
    // More messages a second for more CPU each.
    let model = |_: Time, [backlog, _]: [u64; 2]| {
        if backlog < 64 { (1.1e6, 1.8e6) } else { (1e6, 2e6) }
    };
    for seed in 0..20 {
        let mut node = Node::new(seed, 0.03, model);
        node.run_for(12 * HOUR);
        assert_eq!((node.kept(), node.settled()), (vec![], UNTUNED), "seed {seed}");
    }
}

#[test]
fn gains_below_the_least_worthwhile_are_not_taken() {
    let model = |_: Time, [_, slice]: [u64; 2]| (1e6, 2e6 * if slice > 100 { 1.01 } else { 1.0 });
    let mut node = Node::new(3, 0.001, model);
    node.run_for(12 * HOUR);
    assert_eq!(node.kept(), []);
}

#[test]
fn a_load_that_rises_falls_or_swings_is_no_gain() {
    fn rises(now: Time, _: [u64; 2]) -> (f64, f64) {
        let hours = now.as_secs_f64() / 3_600.0;
        (1e5 * (1.0 + hours), 2e6 * (1.0 + 0.1 * hours))
    }
    fn falls(now: Time, _: [u64; 2]) -> (f64, f64) {
        (1e6 / (1.0 + now.as_secs_f64() / 7_200.0), 2e6)
    }
    // As long as one pair and as long as two, the worst there are: in any fixed
    // order of readings one of them would look like a gain.
    fn swings(now: Time, period: u64) -> (f64, f64) {
        let reading = now.as_nanos() / EVERY.as_nanos() as u64;
        let high = [1, 2].contains(&(reading * 4 / period % 4));
        (if high { 1.3e6 } else { 1e6 }, 2e6)
    }
    fn swings_fast(now: Time, _: [u64; 2]) -> (f64, f64) {
        swings(now, 2)
    }
    fn swings_slowly(now: Time, _: [u64; 2]) -> (f64, f64) {
        swings(now, 4)
    }
    for model in [rises, falls, swings_fast, swings_slowly] {
        for seed in 0..10 {
            let mut node = Node::new(seed, 0.05, model);
            node.run_for(12 * HOUR);
            assert_eq!(node.kept(), [], "seed {seed}");
        }
    }
}

#[test]
fn one_wild_reading_in_ten_decides_nothing() {
    let model = |now: Time, _: [u64; 2]| {
        let wild = now.as_nanos() / EVERY.as_nanos() as u64 % 10 == 3;
        (if wild { 1.8e6 } else { 1e6 }, if wild { 3e6 } else { 2e6 })
    };
    for seed in 0..10 {
        let mut node = Node::new(seed, 0.02, model);
        node.run_for(12 * HOUR);
        assert_eq!(node.kept(), [], "seed {seed}");
    }
}

#[test]
fn an_idle_node_is_not_touched() {
    let mut node = Node::new(1, 0.1, |_, _| (100.0, 1e5));
    node.run_for(24 * HOUR);
    assert_eq!((node.sets, node.tuner.is_trying(), node.tuner.history().count()), (0, false, 0));
}

#[test]
fn a_node_that_falls_idle_ends_its_trial_at_the_old_value() {
    let model = |now: Time, _: [u64; 2]| (if now.as_secs_f64() < 60.0 { 1e6 } else { 0.0 }, 2e6);
    let mut node = Node::new(1, 0.0, model);
    node.run_for(Duration::from_secs(600));
    let outcomes: Vec<Outcome> = node.tuner.history().map(|trial| trial.outcome).collect();
    assert_eq!(outcomes, [Outcome::GivenUp]);
    assert_eq!((node.values, node.tuner.is_trying()), (UNTUNED, false));
}

#[test]
fn memory_that_grows_ends_a_trial() {
    let mut node = Node::new(1, 0.0, |_, _| (1e6, 2e6));
    node.run_for(Duration::from_secs(60));
    assert!(node.tuner.is_trying());
    node.resident_bytes *= 2;
    node.read();
    let outcomes: Vec<Outcome> = node.tuner.history().map(|trial| trial.outcome).collect();
    assert_eq!((outcomes, node.values), (vec![Outcome::GivenUp], UNTUNED));
}

#[test]
fn a_knob_does_not_swing_when_what_pays_changes() {
    // What pays turns around every two hours.
    let model = |now: Time, [_, slice]: [u64; 2]| {
        let evening = now.as_nanos() / (2 * HOUR).as_nanos() as u64 % 2 != 1;
        (1e6, 2e6 * if (slice >= 200) == evening { 1.1 } else { 1.0 })
    };
    let mut node = Node::new(5, 0.02, model);
    node.run_for(48 * HOUR);
    let turns = node.kept().iter().filter(|(knob, ..)| *knob == Knob::SliceMicros).count();
    assert!((1..=14).contains(&turns), "{turns} times in 48 hours");
}

#[test]
fn how_work_is_spread_says_what_to_try_first() {
    let first = |imbalance: f64| {
        let mut node = Node::new(1, 0.0, |_, _| (1e6, 2e6));
        node.imbalance = imbalance;
        node.run_for(Duration::from_secs(300));
        let trial = node.tuner.history().next().copied().expect("one is over");
        (trial.knob, trial.to)
    };
    assert_eq!(first(2.0), (Knob::HelpBacklog, 32));
    assert_eq!(first(1.0), (Knob::HelpBacklog, 128));
}

#[test]
fn trials_have_ids_times_and_figures() {
    let model = |_: Time, [_, slice]: [u64; 2]| (1e6, 2e6 * if slice >= 200 { 1.1 } else { 1.0 });
    let mut node = Node::new(1, 0.0, model);
    node.run_for(2 * HOUR);
    let ids: Vec<u64> = node.tuner.history().map(|trial| trial.id).collect();
    assert!(ids.iter().copied().eq(1..=ids.len() as u64), "{ids:?}");
    let trial = node.tuner.history().find(|one| one.outcome == Outcome::Kept).expect("it pays");
    assert_eq!((trial.pairs, trial.ended.since(trial.began)), (PAIRS, 2 * PAIRS as u32 * EVERY));
    assert!((trial.thrift.low - 0.0952).abs() < 1e-3 && trial.rate.median == 0.0, "{trial}");
    assert!(trial.to_string().contains("slice µs 100 to 200 kept after 24 pairs"), "{trial}");
}

#[test]
fn history_is_bounded_and_the_same_every_time() {
    let run = || {
        let mut node = Node::new(9, 0.2, |_, _| (1e6, 2e6));
        node.run_for(24 * 30 * HOUR);
        assert!(node.tuner.history().count() <= HISTORY_MAX);
        format!("{:?}", node.tuner)
    };
    assert_eq!(run(), run());
}
