//! Models that learn from outcomes one at a time, explain themselves, and are doubted.
//!
//! A dispatcher that knows what a request will cost decides better; one that
//! believes a wrong number decides worse than one that has none. So a model here
//! never stands alone: a [`Predictor`] holds it beside the plain mean of what was
//! seen, judges both by the same truths, and hands out the mean, with the
//! reason, whenever the model has too little data, says something implausible,
//! or has lately been the worse of the two.
//!
//! Read [`Predictor`] first. Of the models, [`LeastSquares`] is a line through
//! the features, [`Tree`] steps over them; both are bounded in memory, cost well
//! below a microsecond for an outcome, follow change, and give the same bits for
//! the same outcomes on every machine. [`ModelKind::Pair`] keeps both and goes by
//! the one that has been off by less.
//!
//! Absent on purpose: clocks and files ([`Predictor::save`] gives bytes); any
//! idea of what is predicted or decided by it; categories and missing values,
//! which whoever makes the features turns into numbers; and search for good
//! features or settings, which is for a person with a trace.

mod baseline;
mod bytes;
mod contest;
mod explanation;
mod features;
mod forgetting;
mod least_squares;
mod model;
mod model_file;
mod number;
mod outcomes;
mod pair;
mod prediction;
mod predictor;
mod settings;
mod tree;

pub use baseline::Baseline;
pub(crate) use contest::Contest;
pub use contest::{BLOCK_OUTCOMES, DOUBT_ABOVE, Doubt, RETURN_BELOW, Verdict, WINDOW_OUTCOMES};
pub use explanation::{Explanation, ModelExplanation, Weight};
pub use features::{
    FEATURE_NAME_BYTES_MAX, FEATURES_MAX, FeatureError, FeatureSet, FeatureSetError, Features,
    MAGNITUDE_MAX, TargetError,
};
pub use forgetting::{Forgetting, ForgettingError};
pub use least_squares::LeastSquares;
pub use model::ModelKind;
pub use model_file::{
    BUILD_BYTES_MAX, MODEL_FILE_BYTES_MAX, MODEL_FILE_VERSION, ModelFileError, Origin,
};
pub use outcomes::{OUTCOMES_MAX, Outcome, Outcomes};
pub use prediction::{Prediction, Reason, Source};
pub use predictor::{PLAUSIBLE_REACH, Predictor};
pub use settings::{Settings, SettingsError, UNIT_BYTES_MAX};
pub use tree::{DEPTH_MAX, LEAVES_MAX, Tree};
