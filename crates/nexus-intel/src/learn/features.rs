//! What a model sees of a request: a few numbers, each with a name.
//!
//! Checked once, where they come in. A [`Features`] is proof that its values are
//! finite and of sane magnitude, so that nothing behind it has to ask again.

/// Features one model may have. Source: a guess; each adds to the cost of an
/// outcome, and nobody reads an explanation of more.
pub const FEATURES_MAX: usize = 8;

/// Bytes of the longest name of a feature. Source: a guess; it must fit a line.
pub const FEATURE_NAME_BYTES_MAX: usize = 64;

/// Largest magnitude of a feature or an outcome, in whatever unit. Thirty years
/// are 10¹⁸ nanoseconds; that much squared, summed and multiplied by all a model
/// holds is still far from the largest number there is.
pub const MAGNITUDE_MAX: f64 = 1e18;

/// Largest magnitude of a mean of such: rounding may carry it beyond them.
pub(super) const MEAN_MAX: f64 = 2.0 * MAGNITUDE_MAX;

/// The features of a model, by name and in order.
///
/// ```
/// use nexus_intel::learn::FeatureSet;
///
/// let set = FeatureSet::new(["context_tokens", "ln_context_tokens"])?;
/// let features = set.values(&[374.0, 5.93])?;
/// assert_eq!(features.as_slice(), [374.0, 5.93]);
///
/// let error = set.values(&[374.0, f64::NAN]).unwrap_err();
/// assert!(error.to_string().contains("`ln_context_tokens`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeatureSet {
    names: Vec<String>,
}

impl FeatureSet {
    /// A set of `names`, in the order in which values will come.
    ///
    /// # Errors
    /// [`FeatureSetError`] if there are none or more than [`FEATURES_MAX`], or one
    /// is empty, too long, has control characters, or is there twice.
    pub fn new<N: Into<String>>(
        names: impl IntoIterator<Item = N>,
    ) -> Result<FeatureSet, FeatureSetError> {
        let mut set = FeatureSet { names: Vec::new() };
        for name in names {
            set.add(name.into())?;
        }
        if set.names.is_empty() { Err(FeatureSetError::None) } else { Ok(set) }
    }

    fn add(&mut self, name: String) -> Result<(), FeatureSetError> {
        if self.names.len() == FEATURES_MAX {
            return Err(FeatureSetError::TooMany);
        }
        let fits = !name.is_empty() && name.len() <= FEATURE_NAME_BYTES_MAX;
        if !fits || name.chars().any(char::is_control) {
            return Err(FeatureSetError::BadName(self.names.len() + 1));
        }
        if self.names.contains(&name) {
            return Err(FeatureSetError::Twice(name));
        }
        self.names.push(name);
        Ok(())
    }

    /// The names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many features there are; at least one.
    #[allow(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Checked values, one for each name and in the same order.
    ///
    /// # Errors
    /// [`FeatureError`] if there are too few or too many, or one is not a number,
    /// infinite, or beyond [`MAGNITUDE_MAX`]; it names the first bad feature.
    pub fn values(&self, values: &[f64]) -> Result<Features, FeatureError> {
        if values.len() != self.names.len() {
            return Err(FeatureError::Count { expected: self.names.len(), found: values.len() });
        }
        // `contains` is false for what is not a number.
        let sane = |value: &f64| (-MAGNITUDE_MAX..=MAGNITUDE_MAX).contains(value);
        if let Some(bad) = values.iter().position(|value| !sane(value)) {
            return Err(FeatureError::Value { name: self.names[bad].clone(), value: values[bad] });
        }
        let mut checked = [0.0; FEATURES_MAX];
        checked[..values.len()].copy_from_slice(values);
        Ok(Features::checked(checked, values.len()))
    }
}

/// The values of one request, checked by [`FeatureSet::values`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Features {
    values: [f64; FEATURES_MAX],
    count: u8,
}

impl Features {
    /// Of values that somebody else has checked.
    pub(super) fn checked(values: [f64; FEATURES_MAX], count: usize) -> Features {
        Features { values, count: count as u8 }
    }

    /// The values, in the order of the names.
    #[inline]
    pub fn as_slice(&self) -> &[f64] {
        &self.values[..usize::from(self.count)]
    }
}

/// Refuses an outcome that nothing could be learned from.
#[inline]
pub(super) fn check_target(target: f64) -> Result<f64, TargetError> {
    if (-MAGNITUDE_MAX..=MAGNITUDE_MAX).contains(&target) {
        Ok(target)
    } else {
        Err(TargetError { target })
    }
}

/// Why names make no set of features.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureSetError {
    /// There is nothing to learn from.
    #[error("no feature is named, name at least one")]
    None,
    /// More than a model may have.
    #[error("there are more than {FEATURES_MAX} features, leave some out")]
    TooMany,
    /// The name at this place, counted from one.
    #[error(
        "the name of feature {0} is empty, longer than {FEATURE_NAME_BYTES_MAX} bytes or has \
         control characters"
    )]
    BadName(usize),
    /// Two features have this name.
    #[error("two features are called `{0}`, name them apart")]
    Twice(String),
}

/// Why values are not features. Nothing was predicted or learned.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// Not one value for each name.
    #[error("{expected} features are expected, there are {found}")]
    Count {
        /// How many names there are.
        expected: usize,
        /// How many values came.
        found: usize,
    },
    /// Not a number, infinite, or too large.
    #[error(
        "feature `{name}` is {value}, it has to be a finite number of at most {MAGNITUDE_MAX:e}"
    )]
    Value {
        /// Which feature.
        name: String,
        /// What came.
        value: f64,
    },
}

/// An outcome that is not a number, infinite, or beyond [`MAGNITUDE_MAX`]. Nothing
/// was learned from it.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
#[error("the outcome is {target}, it has to be a finite number of at most {MAGNITUDE_MAX:e}")]
pub struct TargetError {
    /// What came.
    pub target: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> FeatureSet {
        FeatureSet::new(["size", "hour"]).expect("two good names")
    }

    #[test]
    fn a_bad_value_is_refused_by_its_name() {
        let check = |values: &[f64], expected: &str| {
            let said = set().values(values).expect_err("it is refused").to_string();
            assert_eq!(said, expected);
        };
        let sane = "it has to be a finite number of at most 1e18";
        check(&[f64::NAN, 1.0], &format!("feature `size` is NaN, {sane}"));
        check(&[1.0, f64::INFINITY], &format!("feature `hour` is inf, {sane}"));
        check(&[1.0, -f64::INFINITY], &format!("feature `hour` is -inf, {sane}"));
        check(&[2e18, 1.0], &format!("feature `size` is 2000000000000000000, {sane}"));
        check(&[1.0], "2 features are expected, there are 1");
        check(&[1.0; 3], "2 features are expected, there are 3");
    }

    #[test]
    fn every_sane_value_is_taken_as_it_is() {
        let values = [f64::MIN_POSITIVE, -MAGNITUDE_MAX];
        assert_eq!(set().values(&values).expect("sane").as_slice(), values);
    }

    #[test]
    fn names_that_make_no_set_are_refused() {
        let check = |names: &[&str], expected: FeatureSetError| {
            assert_eq!(FeatureSet::new(names.iter().copied()), Err(expected));
        };
        check(&[], FeatureSetError::None);
        check(&["a", ""], FeatureSetError::BadName(2));
        check(&["a\n"], FeatureSetError::BadName(1));
        check(&[&"x".repeat(FEATURE_NAME_BYTES_MAX + 1)], FeatureSetError::BadName(1));
        check(&["a", "b", "a"], FeatureSetError::Twice("a".into()));
        check(&["1", "2", "3", "4", "5", "6", "7", "8", "9"], FeatureSetError::TooMany);
    }
}
