//! How much work a request is expected to be.

use nexus_base::math;
use nexus_coord::balance::Arrival;

use crate::learn::{
    Explanation, FeatureSet, Features, ModelKind, Prediction, Predictor, Settings, Verdict,
};

/// What is known of a request's work when it comes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Demand {
    /// Tokens of context that must be read.
    pub unread_tokens: u32,
    /// Tokens of context in all.
    pub context_tokens: u32,
    /// What the caller declared.
    pub features: nexus_coord::Features,
}

impl Demand {
    /// Of a request at a server that has read `known_tokens` of its context already.
    pub fn of(arrival: &Arrival, known_tokens: u32) -> Demand {
        let context_tokens = arrival.context_tokens;
        let unread_tokens = context_tokens.saturating_sub(known_tokens);
        Demand { unread_tokens, context_tokens, features: arrival.features }
    }
}

/// Expects so many seconds of work of a request, and learns from outcomes.
///
/// What is to be learned and what a prediction is judged by come apart here, so
/// that a model which is fed something else than the truth is found out.
pub trait WorkModel: Send {
    /// What is expected of a request, in seconds of an ordinary server.
    fn predict(&self, demand: &Demand) -> Prediction;

    /// What a prediction came to in truth; the verdict on the model if it changed.
    fn handle_truth(&mut self, prediction: &Prediction, service_s: f64) -> Option<Verdict>;

    /// Has the model learn what the request came to that `prediction` was made for.
    fn learn(&mut self, prediction: &Prediction, service_s: f64);

    /// What it has learned, for people.
    fn explain(&self) -> Explanation;

    /// Bytes that it has on the heap.
    fn size_bytes(&self) -> usize;
}

/// The features that a dispatcher sees of work, in order.
const FEATURES: [&str; 5] =
    ["unread_kilotokens", "ln_context_tokens", "complexity", "resources", "priority"];

/// A learned model of work, by context and by what callers declare. Unless said
/// otherwise both a line and a tree, of which the one is used that has been off by less
/// lately: on the shipped trace the tree is off by 0.95 s on average, the line by 2.24 s
/// and the plain mean by 2.64 s; where servers keep contexts, the line is the better one.
#[derive(Clone, Debug)]
pub struct LearnedWork {
    predictor: Predictor,
}

impl LearnedWork {
    /// One that has learned nothing yet, and expects a second of everything.
    pub fn new() -> LearnedWork {
        LearnedWork::of(ModelKind::Pair)
    }

    /// As [`Self::new`], with a model of this kind.
    pub fn of(kind: ModelKind) -> LearnedWork {
        let set = FeatureSet::new(FEATURES).expect("few names, and no two alike");
        let settings = Settings { first_guess: 1.0, unit: "s".to_owned(), ..Settings::new(kind) };
        let predictor = Predictor::new(set, settings).expect("a guess of one second is sane");
        LearnedWork { predictor }
    }

    /// The predictor inside, to be saved or looked at.
    pub fn predictor(&self) -> &Predictor {
        &self.predictor
    }

    fn features(&self, demand: &Demand) -> Features {
        let values = [
            f64::from(demand.unread_tokens) / 1_000.0,
            math::ln(1.0 + f64::from(demand.context_tokens)),
            demand.features.complexity(),
            demand.features.resources(),
            demand.features.priority(),
        ];
        self.predictor.features(&values).expect("counts and checked features are finite")
    }
}

impl Default for LearnedWork {
    fn default() -> LearnedWork {
        LearnedWork::new()
    }
}

impl WorkModel for LearnedWork {
    fn predict(&self, demand: &Demand) -> Prediction {
        self.predictor.predict(&self.features(demand))
    }

    fn handle_truth(&mut self, prediction: &Prediction, service_s: f64) -> Option<Verdict> {
        // What is no truth is counted and otherwise of no consequence.
        self.predictor.judge(prediction, service_s).ok().flatten()
    }

    fn learn(&mut self, prediction: &Prediction, service_s: f64) {
        // As above.
        let _ = self.predictor.learn(&prediction.features, service_s);
    }

    fn explain(&self) -> Explanation {
        self.predictor.explain()
    }

    fn size_bytes(&self) -> usize {
        self.predictor.size_bytes()
    }
}
