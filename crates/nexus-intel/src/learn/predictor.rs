//! A model beside a baseline, with gates before the model.

use super::contest::Contest;
use super::explanation::Explanation;
use super::features::check_target;
use super::model::Model;
use super::{
    Baseline, FeatureError, FeatureSet, Features, Outcomes, Prediction, Reason, Settings,
    SettingsError, Source, TargetError, Verdict,
};

/// How far outside of the least and the most that ever came a prediction may be,
/// as a share of the distance between the two. Source: a guess; beyond that a
/// line goes on where nobody has been.
pub const PLAUSIBLE_REACH: f64 = 0.5;

/// Predicts an outcome from features, and knows when not to.
///
/// [`predict`](Self::predict) gives the model's word, or the baseline's with the
/// reason: too few outcomes, an implausible prediction, or a model that has been
/// worse than the baseline lately. A doubted model begins anew, learns on unused,
/// and comes back when it has been no worse for a whole window.
///
/// Learning and judging are apart. Where what is learned comes from elsewhere,
/// say from a report of the server that did the work, [`learn`](Self::learn) from
/// that, and [`judge`](Self::judge) by what was measured here: reports that are
/// wrong, even on purpose, then make a model that is doubted, and the baseline
/// never sees them. Where both are one, [`observe`](Self::observe) does both.
///
/// ```
/// use nexus_intel::learn::{FeatureSet, ModelKind, Predictor, Settings, Source};
///
/// let set = FeatureSet::new(["size"])?;
/// let mut predictor = Predictor::new(set, Settings::new(ModelKind::Linear))?;
/// for n in 0..200 {
///     let features = predictor.features(&[f64::from(n % 10)])?;
///     predictor.observe(&features, 1.0 + 0.5 * f64::from(n % 10))?;
/// }
/// let prediction = predictor.predict(&predictor.features(&[4.0])?);
/// assert_eq!(prediction.source, Source::Model);
/// assert!((prediction.value - 3.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Predictor {
    pub(super) set: FeatureSet,
    pub(super) settings: Settings,
    pub(super) model: Model,
    pub(super) baseline: Baseline,
    pub(super) outcomes: Outcomes,
    pub(super) contest: Contest,
    /// The least and the most truth; the wrong way round before the first.
    pub(super) range: (f64, f64),
    pub(super) learned: u64,
    pub(super) judged: u64,
    pub(super) refused: u64,
}

impl Predictor {
    /// Knows nothing yet.
    ///
    /// # Errors
    /// [`SettingsError`] if the settings cannot be followed.
    pub fn new(set: FeatureSet, settings: Settings) -> Result<Predictor, SettingsError> {
        settings.check()?;
        Ok(Predictor {
            model: Model::new(&set, &settings),
            baseline: Baseline::new(settings.first_guess),
            outcomes: Outcomes::new(set.len()),
            contest: Contest::new(),
            range: (f64::INFINITY, f64::NEG_INFINITY),
            learned: 0,
            judged: 0,
            refused: 0,
            set,
            settings,
        })
    }

    /// Checked values for this predictor's features; see [`FeatureSet::values`].
    ///
    /// # Errors
    /// [`FeatureError`] names the first bad feature.
    pub fn features(&self, values: &[f64]) -> Result<Features, FeatureError> {
        self.set.values(values)
    }

    /// What is expected of a request with these features.
    ///
    /// # Panics
    /// If `features` are of a set of another size.
    pub fn predict(&self, features: &Features) -> Prediction {
        let model = self.model.predict(features);
        let baseline = self.baseline.predict();
        let source = self.gate(model).map_or(Source::Model, Source::Baseline);
        let value = if source == Source::Model { model } else { baseline };
        Prediction { value, source, model, baseline, features: *features }
    }

    /// Why `predicted` is not to be used, if it is not.
    fn gate(&self, predicted: f64) -> Option<Reason> {
        self.standing().or_else(|| self.implausible(predicted))
    }

    /// Why no prediction of the model is used at present, whatever it is.
    pub(super) fn standing(&self) -> Option<Reason> {
        let (outcomes, needed) = (self.learned.min(self.judged), self.settings.outcomes_min.max(1));
        if outcomes < needed {
            return Some(Reason::InsufficientData { outcomes, needed });
        }
        match self.contest.verdict() {
            Verdict::Trusted => None,
            Verdict::Doubted(doubt) => Some(Reason::Doubted(doubt)),
        }
    }

    fn implausible(&self, predicted: f64) -> Option<Reason> {
        if !predicted.is_finite() {
            return Some(Reason::NotFinite);
        }
        let (lowest, highest) = self.plausible();
        let (least, most) = self.range;
        (predicted < lowest || highest < predicted).then_some(Reason::Implausible {
            predicted,
            least,
            most,
        })
    }

    /// Between which predictions are plausible, once a truth is known.
    fn plausible(&self) -> (f64, f64) {
        let (least, most) = self.range;
        let reach = PLAUSIBLE_REACH * (most - least);
        (least - reach, most + reach)
    }

    /// Has the model learn that a request with these features came to `target`.
    ///
    /// # Errors
    /// [`TargetError`] if the target is not finite or too large; that is counted,
    /// and nothing else changed.
    ///
    /// # Panics
    /// If `features` are of a set of another size.
    pub fn learn(&mut self, features: &Features, target: f64) -> Result<(), TargetError> {
        let learned = self.model.learn(features, target);
        self.count_refused(learned)?;
        self.learned += 1;
        Ok(())
    }

    /// Judges a prediction, made before anything was learned from the request, by
    /// its truth. The baseline learns from truths only.
    ///
    /// Gives the verdict if this truth changed it.
    ///
    /// # Errors
    /// [`TargetError`] if the truth is not finite or too large; that is counted,
    /// and nothing else changed.
    ///
    /// # Panics
    /// If `prediction` is from a predictor with another number of features.
    pub fn judge(
        &mut self,
        prediction: &Prediction,
        truth: f64,
    ) -> Result<Option<Verdict>, TargetError> {
        let checked = check_target(truth);
        self.count_refused(checked)?;
        let was_ready =
            !matches!(prediction.source, Source::Baseline(Reason::InsufficientData { .. }));
        self.judged += 1;
        self.range = (self.range.0.min(truth), self.range.1.max(truth));
        self.baseline.learn(truth).expect("the truth was checked");
        let model = self.made_plausible(prediction.model);
        self.outcomes.push(&prediction.features, model, prediction.baseline, truth);
        // A model with too few outcomes is not used, so it is not to blame either.
        if !was_ready {
            return Ok(None);
        }
        let verdict = self.contest.judge(model, prediction.baseline, truth, self.judged);
        if let Some(Verdict::Doubted(_)) = verdict {
            // From weights of 10¹⁶ it would be a long way back.
            self.model = Model::new(&self.set, &self.settings);
        }
        Ok(verdict)
    }

    /// The plausible number nearest to `predicted`; for what is no number, the
    /// highest: a model that says such things is to be doubted for it.
    fn made_plausible(&self, predicted: f64) -> f64 {
        let (lowest, highest) = self.plausible();
        if predicted.is_nan() { highest } else { predicted.clamp(lowest, highest) }
    }

    /// Judges what would be predicted now by `actual`, then learns from it: for
    /// where the truth is also what is to be learned.
    ///
    /// # Errors
    /// [`TargetError`] if `actual` is not finite or too large; that is counted, and
    /// nothing else changed.
    ///
    /// # Panics
    /// If `features` are of a set of another size.
    pub fn observe(
        &mut self,
        features: &Features,
        actual: f64,
    ) -> Result<Option<Verdict>, TargetError> {
        let prediction = self.predict(features);
        let verdict = self.judge(&prediction, actual)?;
        self.learn(features, actual)?;
        Ok(verdict)
    }

    fn count_refused<T>(&mut self, result: Result<T, TargetError>) -> Result<T, TargetError> {
        self.refused += u64::from(result.is_err());
        result
    }

    /// The features, by name.
    pub fn set(&self) -> &FeatureSet {
        &self.set
    }

    /// What it was told at its beginning.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is held of the model at present.
    pub fn verdict(&self) -> Verdict {
        self.contest.verdict()
    }

    /// What one would predict without features.
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// The last outcomes.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// How many outcomes were learned from.
    pub fn learned(&self) -> u64 {
        self.learned
    }

    /// How many truths predictions were judged by.
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// How many outcomes and truths were refused, being no sane numbers.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Bytes it takes, with all it holds on the heap but for names.
    pub fn size_bytes(&self) -> usize {
        size_of::<Predictor>() + self.model.heap_bytes() + self.outcomes.heap_bytes()
    }

    /// Why it predicts as it does.
    pub fn explain(&self) -> Explanation {
        Explanation::of(self)
    }
}

#[cfg(test)]
mod tests;
