//! How long a request will take its handler, and what surely follows from that.
//!
//! A kind of agents knows of a request its name and variant, the size of its
//! arguments, what its caller declares and the hour. What requests of the same name
//! took so far is the strongest of these, so it is a feature too.
//!
//! Absent on purpose: who is refused or served otherwise; and a wall clock. The hour
//! is that of the clock which is handed in: where its day begins does not matter.

mod names;
mod ratios;

use std::time::Duration;

use nexus_base::Time;
use nexus_coord::Variant;

use super::Fault;
use crate::learn::{
    Explanation, FeatureSet, Features, ModelFileError, ModelKind, Origin, Prediction, Predictor,
    Reason, Settings, Source, Verdict,
};
use names::Names;

/// Outcomes before any prediction of the model is acted upon. Source: the bound that
/// models are held to; see `docs/levels.md`.
pub const OUTCOMES_NEEDED: u64 = 1_000;

const FEATURES: [&str; 5] =
    ["seconds_of_its_name", "args_kilobytes", "complexity", "resources", "hour"];

/// What is known of a request before it is served.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Task<'a> {
    /// What it asks for.
    pub name: &'a str,
    /// Which variant would run.
    pub variant: Variant,
    /// Bytes of its arguments.
    pub args_bytes: usize,
    /// What its caller declares.
    pub declared: nexus_coord::Features,
    /// When it would begin.
    pub at: Time,
}

/// How long a request is expected to take.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Foreseen {
    prediction: Prediction,
    /// Of a hundred outcomes five are shorter ...
    least_s: f64,
    /// ... and five longer than this.
    most_s: f64,
}

/// Learns how long requests take.
///
/// ```
/// use std::time::Duration;
/// use nexus_base::Time;
/// use nexus_coord::{Features, Variant};
/// use nexus_intel::proactive::{Foresight, Task};
///
/// let mut foresight = Foresight::new();
/// let (name, declared, at) = ("report", Features::DEFAULT, Time::ZERO);
/// let task = Task { name, variant: Variant::Usual, args_bytes: 2, declared, at };
/// for _ in 0..1_100 {
///     let foreseen = foresight.foresee(&task);
///     foresight.handle_outcome(&task, &foreseen, Duration::from_secs(2));
/// }
/// let foreseen = foresight.foresee(&task);
/// assert!(foreseen.is_surely_late(Duration::from_secs(1)));
/// assert!(!foreseen.is_surely_late(Duration::from_secs(3)));
/// ```
#[derive(Clone, Debug)]
pub struct Foresight {
    predictor: Predictor,
    names: Names,
    fault: Option<Fault>,
}

impl Default for Foresight {
    fn default() -> Foresight {
        Foresight::new()
    }
}

impl Foresight {
    /// Has seen nothing yet.
    pub fn new() -> Foresight {
        let predictor = Predictor::new(set(), settings()).expect("a guess of nothing is sane");
        Foresight { predictor, names: Names::default(), fault: None }
    }

    /// What is expected of a request. Until the model is trusted that is the plain
    /// mean, from which nothing surely follows.
    pub fn foresee(&self, task: &Task<'_>) -> Foreseen {
        let known = self.names.known(task.name, task.variant);
        let prediction = self.predictor.predict(&self.features(task, known.mean_s));
        let (least, most) = known.range;
        Foreseen { prediction, least_s: prediction.value * least, most_s: prediction.value * most }
    }

    /// A request that was foreseen took so long.
    pub fn handle_outcome(&mut self, task: &Task<'_>, foreseen: &Foreseen, took: Duration) {
        let took_s = took.as_secs_f64();
        let verdict = self.predictor.judge(&foreseen.prediction, took_s);
        match verdict.expect("a duration is a sane number of seconds") {
            Some(Verdict::Doubted(doubt)) => self.fault = Some(Fault::Model(doubt)),
            Some(Verdict::Trusted) => self.fault = None,
            None => {}
        }
        if let Source::Baseline(Reason::NotFinite) = foreseen.prediction.source {
            self.fault = Some(Fault::NoAmount);
        }
        self.predictor.learn(&foreseen.prediction.features, took_s).expect("as above");
        let is_models = foreseen.prediction.source == Source::Model;
        let expected_s = is_models.then_some(foreseen.prediction.value);
        self.names.handle_outcome((task.name, task.variant), took_s, expected_s);
    }

    /// Whether anything may follow from what is foreseen.
    pub fn is_trusted(&self) -> bool {
        let outcomes = self.predictor.learned().min(self.predictor.judged());
        outcomes >= OUTCOMES_NEEDED && self.predictor.verdict() == Verdict::Trusted
    }

    /// What is wrong with the model, told once.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Why it expects what it does.
    pub fn explain(&self) -> Explanation {
        self.predictor.explain()
    }

    /// The model as bytes, for [`Self::load`].
    pub fn save(&self, origin: &Origin<'_>) -> Vec<u8> {
        self.predictor.save(origin)
    }

    /// Takes on a model that was saved. How long requests of which name take is
    /// learned anew.
    ///
    /// # Errors
    /// [`ModelFileError`] if it is none, damaged, or of another build; nothing changed.
    pub fn load(&mut self, bytes: &[u8], origin: &Origin<'_>) -> Result<(), ModelFileError> {
        let predictor = Predictor::load(bytes, origin, &set(), &settings())?;
        *self = Foresight { predictor, ..Foresight::new() };
        Ok(())
    }

    fn features(&self, task: &Task<'_>, known_s: Option<f64>) -> Features {
        let hours = task.at.as_nanos() / 3_600_000_000_000;
        let values = [
            known_s.unwrap_or_else(|| self.predictor.baseline().predict()),
            task.args_bytes as f64 / 1_024.0,
            task.declared.complexity(),
            task.declared.resources(),
            (hours % 24) as f64,
        ];
        self.predictor.features(&values).expect("counts, means and checked features are finite")
    }
}

impl Foreseen {
    /// Whether it cannot be done in what is `left`, as far as the model is trusted.
    pub fn is_surely_late(&self, left: Duration) -> bool {
        self.prediction.source == Source::Model && self.least_s > left.as_secs_f64()
    }

    /// How long it takes at most, but for one in twenty; `None` while the model is
    /// not trusted.
    pub fn at_most(&self) -> Option<Duration> {
        let is_known = self.prediction.source == Source::Model;
        is_known.then(|| Duration::try_from_secs_f64(self.most_s).unwrap_or(Duration::MAX))
    }

    /// What is expected, in seconds.
    pub fn seconds(&self) -> f64 {
        self.prediction.value
    }

    /// What it takes at least, but for one in twenty, in seconds.
    pub fn least_seconds(&self) -> f64 {
        self.least_s
    }
}

fn set() -> FeatureSet {
    FeatureSet::new(FEATURES).expect("few names, and no two alike")
}

fn settings() -> Settings {
    Settings {
        outcomes_min: OUTCOMES_NEEDED,
        unit: "s".to_owned(),
        ..Settings::new(ModelKind::Tree)
    }
}

#[cfg(test)]
mod tests;
