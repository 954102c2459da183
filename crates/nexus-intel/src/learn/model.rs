//! One model, of whichever kind.

use serde::{Deserialize, Serialize};

use super::bytes::{Reader, Writer};
use super::pair::Pair;
use super::{
    FeatureSet, Features, LeastSquares, ModelExplanation, ModelFileError, Settings, TargetError,
    Tree, Weight,
};

/// Which model learns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModelKind {
    /// [`LeastSquares`]: where outcomes grow evenly with features.
    Linear,
    /// [`Tree`]: where they jump, or features matter together.
    Tree,
    /// Both of them, of which the one is used that has been off by less lately.
    Pair,
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            ModelKind::Linear => "linear",
            ModelKind::Tree => "tree",
            ModelKind::Pair => "pair",
        })
    }
}

/// What learns.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Model {
    Linear(Box<LeastSquares>),
    Tree(Box<Tree>),
    Pair(Box<Pair>),
}

impl Model {
    pub(super) fn new(set: &FeatureSet, settings: &Settings) -> Model {
        match settings.model {
            ModelKind::Linear => {
                Model::Linear(Box::new(LeastSquares::new(set.len(), settings.forgetting)))
            }
            ModelKind::Tree => Model::Tree(Box::new(Tree::new(set.len(), settings.forgetting))),
            ModelKind::Pair => Model::Pair(Box::new(Pair::new(set.len(), settings.forgetting))),
        }
    }

    #[inline]
    pub(super) fn predict(&self, features: &Features) -> f64 {
        match self {
            Model::Linear(line) => line.predict(features),
            Model::Tree(tree) => tree.predict(features),
            Model::Pair(pair) => pair.predict(features),
        }
    }

    pub(super) fn learn(&mut self, features: &Features, target: f64) -> Result<(), TargetError> {
        match self {
            Model::Linear(line) => line.learn(features, target),
            Model::Tree(tree) => tree.learn(features, target),
            Model::Pair(pair) => pair.learn(features, target),
        }
    }

    pub(super) fn explain(&self, set: &FeatureSet, unit: &str) -> ModelExplanation {
        match self {
            Model::Linear(line) => explain_line(line, set),
            Model::Tree(tree) => explain_tree(tree, set, unit),
            Model::Pair(pair) => {
                let [linear_error, tree_error] = pair.errors().map_or([None; 2], |e| e.map(Some));
                ModelExplanation::Pair {
                    used: pair.used(),
                    linear: Box::new(explain_line(&pair.line, set)),
                    linear_error,
                    tree: Box::new(explain_tree(&pair.tree, set, unit)),
                    tree_error,
                }
            }
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Model::Linear(_) => size_of::<LeastSquares>(),
            Model::Tree(tree) => tree.size_bytes(),
            Model::Pair(pair) => pair.heap_bytes(),
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        match self {
            Model::Linear(line) => line.write(to),
            Model::Tree(tree) => tree.write(to),
            Model::Pair(pair) => pair.write(to),
        }
    }

    pub(super) fn read(
        from: &mut Reader<'_>,
        set: &FeatureSet,
        settings: &Settings,
    ) -> Result<Model, ModelFileError> {
        let (len, forgetting) = (set.len(), settings.forgetting);
        Ok(match settings.model {
            ModelKind::Linear => {
                Model::Linear(Box::new(LeastSquares::read(from, len, forgetting)?))
            }
            ModelKind::Tree => Model::Tree(Box::new(Tree::read(from, len, forgetting)?)),
            ModelKind::Pair => Model::Pair(Box::new(Pair::read(from, len, forgetting)?)),
        })
    }
}

fn explain_line(line: &LeastSquares, set: &FeatureSet) -> ModelExplanation {
    let weights = set.names().iter().zip(line.weights());
    let weight =
        |(feature, weight): (&String, &f64)| Weight { feature: feature.clone(), weight: *weight };
    ModelExplanation::Linear { intercept: line.intercept(), weights: weights.map(weight).collect() }
}

fn explain_tree(tree: &Tree, set: &FeatureSet, unit: &str) -> ModelExplanation {
    ModelExplanation::Tree {
        leaves: tree.leaves(),
        replaced: tree.replaced(),
        text: tree.to_text(set, unit),
    }
}
