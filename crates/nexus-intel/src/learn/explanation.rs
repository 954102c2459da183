//! Why a predictor predicts as it does, for people and programs.

use serde::{Deserialize, Serialize};

use super::number::{grouped, short};
use super::{ModelKind, Predictor};

/// Why a [`Predictor`] predicts as it does. Its `Display` is a few lines of text.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// What the model has learned.
    pub model: ModelExplanation,
    /// The unit of predictions and errors; may be empty.
    pub unit: String,
    /// Whether the model is used at present, as long as what it says is plausible.
    pub in_use: bool,
    /// Why it is not, if it is not.
    pub reason: Option<String>,
    /// Outcomes learned from.
    pub learned: u64,
    /// Truths judged by.
    pub judged: u64,
    /// Outcomes and truths that were no sane numbers.
    pub refused: u64,
    /// How often the model was doubted.
    pub doubts: u64,
    /// Outcomes kept, over which the two errors are.
    pub kept: usize,
    /// The model's mean absolute error; `None` without outcomes.
    pub model_error: Option<f64>,
    /// The baseline's, for the same outcomes.
    pub baseline_error: Option<f64>,
    /// What the baseline predicts.
    pub baseline: f64,
}

/// What a model has learned.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelExplanation {
    /// Of [`LeastSquares`](super::LeastSquares).
    Linear {
        /// What is predicted where all features are zero.
        intercept: f64,
        /// One for each feature, in order.
        weights: Vec<Weight>,
    },
    /// Of a [`Tree`](super::Tree).
    Tree {
        /// How many leaves it has.
        leaves: usize,
        /// How often a younger tree took the place of an older one.
        replaced: u64,
        /// A line for each question and each leaf.
        text: String,
    },
    /// Of a line and a tree, [`ModelKind::Pair`].
    Pair {
        /// Which of the two is used.
        used: ModelKind,
        /// What the line has learned.
        linear: Box<ModelExplanation>,
        /// The line's mean absolute error lately; `None` just after the other one was
        /// chosen, when both are judged anew.
        linear_error: Option<f64>,
        /// What the tree has learned.
        tree: Box<ModelExplanation>,
        /// The tree's, for the same outcomes.
        tree_error: Option<f64>,
    },
}

impl ModelExplanation {
    /// Which kind of model it is.
    pub fn kind(&self) -> ModelKind {
        match self {
            ModelExplanation::Linear { .. } => ModelKind::Linear,
            ModelExplanation::Tree { .. } => ModelKind::Tree,
            ModelExplanation::Pair { .. } => ModelKind::Pair,
        }
    }
}

/// What one more of a feature adds to the prediction.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Weight {
    /// The feature's name.
    pub feature: String,
    /// In the unit of predictions.
    pub weight: f64,
}

impl Explanation {
    pub(super) fn of(predictor: &Predictor) -> Explanation {
        let unit = predictor.settings.unit.clone();
        let reason = predictor.standing();
        let errors = predictor.outcomes.errors();
        Explanation {
            model: predictor.model.explain(&predictor.set, &unit),
            unit,
            in_use: reason.is_none(),
            reason: reason.map(|reason| reason.to_string()),
            learned: predictor.learned,
            judged: predictor.judged,
            refused: predictor.refused,
            doubts: predictor.contest.doubts(),
            kept: predictor.outcomes.len(),
            model_error: errors.map(|(model, _)| model),
            baseline_error: errors.map(|(_, baseline)| baseline),
            baseline: predictor.baseline.predict(),
        }
    }

    /// `value` in the unit.
    fn with_unit(&self, value: f64) -> String {
        let gap = if self.unit.is_empty() { "" } else { " " };
        format!("{}{gap}{}", short(value), self.unit)
    }
}

impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.model.kind();
        match &self.reason {
            None => writeln!(f, "{kind} model, in use")?,
            Some(reason) => writeln!(f, "{kind} model, not in use: {reason}")?,
        }
        let (learned, judged) = (grouped(self.learned), grouped(self.judged));
        write!(
            f,
            "outcomes: {learned} learned, {judged} judged, {} refused",
            grouped(self.refused)
        )?;
        writeln!(f, "; doubted {} times", grouped(self.doubts))?;
        if let (Some(model), Some(baseline)) = (self.model_error, self.baseline_error) {
            let (model, baseline) = (self.with_unit(model), self.with_unit(baseline));
            writeln!(f, "error over the last {}: {model}; plain mean {baseline}", self.kept)?;
        }
        writeln!(f, "plain mean: {}", self.with_unit(self.baseline))?;
        self.tell(&self.model, f)
    }
}

impl Explanation {
    /// What a model has learned, line by line.
    fn tell(&self, model: &ModelExplanation, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match model {
            ModelExplanation::Linear { intercept, weights } => {
                writeln!(f, "{:>12}  (always)", self.with_unit(*intercept))?;
                for Weight { feature, weight } in weights {
                    writeln!(f, "{:>12}  for each {feature}", self.with_unit(*weight))?;
                }
                Ok(())
            }
            ModelExplanation::Tree { text, .. } => f.write_str(text),
            ModelExplanation::Pair { used, linear, linear_error, tree, tree_error } => {
                let models = [
                    (ModelKind::Linear, linear, linear_error),
                    (ModelKind::Tree, tree, tree_error),
                ];
                for (kind, model, error) in models {
                    let is_used = if kind == *used { "used" } else { "not used" };
                    let error = error.map_or("judged anew".to_owned(), |error| {
                        format!("off by {} lately", self.with_unit(error))
                    });
                    writeln!(f, "of the two the {kind} one, {is_used}, {error}:")?;
                    self.tell(model, f)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
