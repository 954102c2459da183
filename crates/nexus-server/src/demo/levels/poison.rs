//! What can go wrong with a layer, done on purpose.

use nexus_coord::balance::ServerIndex;
use nexus_intel::adaptive::LearnedSpeeds;
use nexus_intel::learn::{Explanation, Prediction, Source, Verdict};
use nexus_intel::proactive::{Demand, LearnedWork, Speeds, WorkModel};
use serde::Serialize;

/// One thing that goes wrong, from the first outcome on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Poison {
    /// The learner is told that short work was long, and long work short.
    Reversed,
    /// The sensor of service times always says the same.
    Stuck,
    /// The model predicts what is not a number.
    Nan,
}

impl Poison {
    /// All of them.
    pub const ALL: [Poison; 3] = [Poison::Reversed, Poison::Stuck, Poison::Nan];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Poison::Reversed => "reversed",
            Poison::Stuck => "stuck",
            Poison::Nan => "nan",
        }
    }
}

/// What a stuck sensor says: the longest service there is in the shipped trace at
/// an ordinary server, rounded up.
const STUCK_S: f64 = 24.0;

/// A model of work that may be poisoned.
pub struct Work {
    learned: LearnedWork,
    poison: Option<Poison>,
    longest_s: f64,
    is_ready: bool,
}

impl Work {
    /// One with this poison.
    pub fn new(poison: Option<Poison>) -> Work {
        Work { learned: LearnedWork::new(), poison, longest_s: 0.0, is_ready: false }
    }
}

impl WorkModel for Work {
    fn predict(&self, demand: &Demand) -> Prediction {
        let prediction = self.learned.predict(demand);
        // As soon as anybody would believe it.
        if self.poison == Some(Poison::Nan) && self.is_ready {
            return Prediction { value: f64::NAN, model: f64::NAN, ..prediction };
        }
        prediction
    }

    fn handle_truth(&mut self, prediction: &Prediction, service_s: f64) -> Option<Verdict> {
        self.is_ready |= prediction.source == Source::Model;
        self.learned.handle_truth(prediction, service_s)
    }

    fn learn(&mut self, prediction: &Prediction, service_s: f64) {
        self.longest_s = self.longest_s.max(service_s);
        let told_s = match self.poison {
            Some(Poison::Reversed) => self.longest_s - service_s,
            _ => service_s,
        };
        self.learned.learn(prediction, told_s);
    }

    fn explain(&self) -> Explanation {
        self.learned.explain()
    }

    fn size_bytes(&self) -> usize {
        self.learned.size_bytes()
    }
}

/// Speeds that may be poisoned.
pub struct ServerSpeeds {
    learned: LearnedSpeeds,
    is_stuck: bool,
}

impl ServerSpeeds {
    /// Those with this poison.
    pub fn new(poison: Option<Poison>) -> ServerSpeeds {
        ServerSpeeds { learned: LearnedSpeeds::new(), is_stuck: poison == Some(Poison::Stuck) }
    }

    /// What has been learned of a server.
    pub fn learned(&self, server: ServerIndex) -> f64 {
        self.learned.learned(server)
    }
}

impl Speeds for ServerSpeeds {
    fn handle_joined(&mut self, server: ServerIndex) {
        self.learned.handle_joined(server);
    }

    fn handle_served(&mut self, server: ServerIndex, expected_s: f64, service_s: f64) {
        let told_s = if self.is_stuck { STUCK_S } else { service_s };
        self.learned.handle_served(server, expected_s, told_s);
    }

    fn speed(&self, server: ServerIndex) -> f64 {
        self.learned.speed(server)
    }

    fn set_on(&mut self, is_on: bool) {
        self.learned.set_on(is_on);
    }

    fn forget(&mut self) {
        self.learned.forget();
    }

    fn size_bytes(&self) -> usize {
        self.learned.size_bytes()
    }
}
