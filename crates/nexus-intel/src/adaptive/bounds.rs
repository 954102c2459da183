//! How far adaptations may go.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::knobs::{AdaptationKind, CacheKnobs, Knobs};

/// Steps in which a knob can be turned from end to end, at most. A guess: more
/// are too small to be measured.
pub const STEPS_MAX: u8 = 8;

/// The greatest factor of timeouts and of effort. A guess: who needs more has
/// set them wrong.
pub const FACTOR_MAX: f64 = 100.0;

/// The most answers a cache may be allowed. A guess.
pub const CACHE_ENTRIES_MAX: u32 = 10_000_000;

/// The longest that an answer may be kept: a day. A guess.
pub const CACHE_TTL_MAX: Duration = Duration::from_secs(86_400);

/// Whether an adaptation may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// It is never applied.
    Never,
    /// Rules apply it, and take it back.
    #[default]
    Allowed,
    /// It is in force always and as far as it goes, whatever rules say.
    Forced,
}

/// From the value without adaptation to the farthest, in so many steps.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// Steps from one to the other, 1 to [`STEPS_MAX`].
    pub steps: u8,
}

/// Bounds as they are written down; [`Bounds::new`] checks them.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BoundsSpec {
    /// Whether work may be reduced.
    pub reduce_complexity: Use,
    /// Whether timeouts may be raised.
    pub raise_timeout: Use,
    /// Whether answers may be kept.
    pub enable_caching: Use,
    /// Whether quality may be preferred.
    pub prefer_quality: Use,
    /// The share of the full work: `max` without adaptation, `min` at the least.
    pub complexity: Span,
    /// The factor of timeouts: `min` without adaptation, `max` at the most.
    pub timeout_factor: Span,
    /// The factor of effort: `min` without adaptation, `max` at the most.
    pub effort: Span,
    /// Answers kept, at most.
    pub cache_entries_max: u32,
    /// Bytes of answers and their keys, at most.
    pub cache_bytes_max: u64,
    /// How long an answer may be given again, in seconds.
    pub cache_ttl_s: f64,
}

impl Default for BoundsSpec {
    /// Half the work at the least, timeouts up to three times, a quarter more
    /// effort, 10,000 answers in 64 MiB for 5 s. All guesses: what a handler can
    /// leave out, and how old an answer may be, only its author knows.
    fn default() -> BoundsSpec {
        BoundsSpec {
            reduce_complexity: Use::Allowed,
            raise_timeout: Use::Allowed,
            enable_caching: Use::Allowed,
            prefer_quality: Use::Allowed,
            complexity: Span { min: 0.5, max: 1.0, steps: 2 },
            timeout_factor: Span { min: 1.0, max: 3.0, steps: 2 },
            effort: Span { min: 1.0, max: 1.25, steps: 1 },
            cache_entries_max: 10_000,
            cache_bytes_max: 64 << 20,
            cache_ttl_s: 5.0,
        }
    }
}

/// Bounds that make no sense. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BoundsError {
    /// A figure is not a number or out of its own range.
    #[error("{figure} is {value}, must be from {least} to {greatest}")]
    OutOfRange {
        /// Which.
        figure: &'static str,
        /// What it is.
        value: f64,
        /// What it must be at least.
        least: f64,
        /// What it may be at most.
        greatest: f64,
    },
    /// A least value above the greatest.
    #[error("the least {figure} is {min}, the greatest {max}: exchange them")]
    Reversed {
        /// Of what.
        figure: &'static str,
        /// The least value.
        min: f64,
        /// The greatest value.
        max: f64,
    },
    /// Less work and more quality at once.
    #[error("complexity cannot be reduced always while quality is preferred always: allow one")]
    ForcedBoth,
    /// Something is forced that can do nothing.
    #[error("{kind} is forced, but its bounds leave it no room: widen them or allow it only")]
    ForcedWithoutRoom {
        /// What.
        kind: AdaptationKind,
    },
}

/// Bounds that hold together.
///
/// ```
/// use nexus_intel::adaptive::{Bounds, BoundsSpec, Span};
///
/// let complexity = Span { min: 0.9, max: 0.2, steps: 1 };
/// let error = Bounds::new(BoundsSpec { complexity, ..BoundsSpec::default() }).unwrap_err();
/// assert!(error.to_string().contains("the least complexity is 0.9, the greatest 0.2"));
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounds(BoundsSpec);

/// How many steps of each adaptation are asked for.
pub(super) type Steps = [u32; AdaptationKind::ALL.len()];

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds::new(BoundsSpec::default()).expect("the default bounds hold together")
    }
}

impl Bounds {
    /// Takes bounds that hold together.
    ///
    /// # Errors
    /// [`BoundsError`] names the first figure that is wrong.
    pub fn new(spec: BoundsSpec) -> Result<Bounds, BoundsError> {
        // A handler that may do nothing of its work does nothing.
        check_span("complexity", spec.complexity, (0.01, 1.0))?;
        check_span("timeout_factor", spec.timeout_factor, (1.0, FACTOR_MAX))?;
        check_span("effort", spec.effort, (1.0, FACTOR_MAX))?;
        let entries = f64::from(spec.cache_entries_max);
        check("cache_entries_max", entries, (0.0, f64::from(CACHE_ENTRIES_MAX)))?;
        // A millisecond at least: what is kept for less is never found.
        check("cache_ttl_s", spec.cache_ttl_s, (0.001, CACHE_TTL_MAX.as_secs_f64()))?;
        let bounds = Bounds(spec);
        let forced = |kind| bounds.allows(kind) == Use::Forced;
        if forced(AdaptationKind::ReduceComplexity) && forced(AdaptationKind::PreferQuality) {
            return Err(BoundsError::ForcedBoth);
        }
        let stuck = |kind: &AdaptationKind| forced(*kind) && bounds.steps_of(*kind) == 0;
        match AdaptationKind::ALL.into_iter().find(stuck) {
            Some(kind) => Err(BoundsError::ForcedWithoutRoom { kind }),
            None => Ok(bounds),
        }
    }

    /// The bounds as they were written down.
    pub const fn spec(&self) -> &BoundsSpec {
        &self.0
    }

    /// Whether `kind` may be used.
    pub const fn allows(&self, kind: AdaptationKind) -> Use {
        match kind {
            AdaptationKind::ReduceComplexity => self.0.reduce_complexity,
            AdaptationKind::RaiseTimeout => self.0.raise_timeout,
            AdaptationKind::EnableCaching => self.0.enable_caching,
            AdaptationKind::PreferQuality => self.0.prefer_quality,
        }
    }

    /// In how many steps `kind` goes as far as it may; 0 if it has no room.
    fn steps_of(&self, kind: AdaptationKind) -> u32 {
        let by_span = |span: Span| if span.min < span.max { u32::from(span.steps) } else { 0 };
        let spec = &self.0;
        match kind {
            AdaptationKind::ReduceComplexity => by_span(spec.complexity),
            AdaptationKind::RaiseTimeout => by_span(spec.timeout_factor),
            AdaptationKind::EnableCaching => {
                u32::from(spec.cache_entries_max > 0 && spec.cache_bytes_max > 0)
            }
            // Even without more effort it has the full variant run.
            AdaptationKind::PreferQuality => by_span(spec.effort).max(1),
        }
    }

    /// How many steps of `kind` are in force if `asked` for.
    fn in_force(&self, kind: AdaptationKind, asked: &Steps) -> u32 {
        match self.allows(kind) {
            Use::Never => 0,
            Use::Allowed => asked[kind as usize].min(self.steps_of(kind)),
            Use::Forced => self.steps_of(kind),
        }
    }

    /// Where the knobs stand if so many steps of each adaptation are asked for.
    ///
    /// What is forced comes before what rules ask for; among these, reduced
    /// complexity comes before quality.
    pub(super) fn knobs(&self, asked: &Steps) -> Knobs {
        let quality_forced = self.0.prefer_quality == Use::Forced;
        let reduce = self.in_force(AdaptationKind::ReduceComplexity, asked);
        let reduce = if quality_forced { 0 } else { reduce };
        let quality = self.in_force(AdaptationKind::PreferQuality, asked);
        let quality = if reduce > 0 { 0 } else { quality };
        let raise = self.in_force(AdaptationKind::RaiseTimeout, asked);
        let spec = &self.0;
        Knobs {
            complexity: between(spec.complexity.max, spec.complexity.min, reduce, spec.complexity),
            timeout_factor: between(
                spec.timeout_factor.min,
                spec.timeout_factor.max,
                raise,
                spec.timeout_factor,
            ),
            cache: (self.in_force(AdaptationKind::EnableCaching, asked) > 0).then(|| CacheKnobs {
                entries_max: spec.cache_entries_max,
                bytes_max: spec.cache_bytes_max,
                ttl: Duration::from_secs_f64(spec.cache_ttl_s),
            }),
            prefer_quality: quality > 0,
            effort: between(spec.effort.min, spec.effort.max, quality, spec.effort),
        }
    }

    /// Whether `knobs` are inside: for tests, and for knobs from elsewhere.
    pub fn hold(&self, knobs: &Knobs) -> bool {
        let spec = &self.0;
        let inside = |span: Span, value: f64| (span.min..=span.max).contains(&value);
        inside(spec.complexity, knobs.complexity)
            && inside(spec.timeout_factor, knobs.timeout_factor)
            && inside(spec.effort, knobs.effort)
            && knobs.cache.is_none_or(|cache| {
                cache.entries_max <= spec.cache_entries_max
                    && cache.bytes_max <= spec.cache_bytes_max
                    && cache.ttl.as_secs_f64() <= spec.cache_ttl_s
            })
    }
}

/// `step` steps of the way, exactly `to` at the end of it.
fn between(from: f64, to: f64, step: u32, span: Span) -> f64 {
    if step >= u32::from(span.steps) {
        return to;
    }
    let way = f64::from(step) / f64::from(span.steps);
    (from + (to - from) * way).clamp(span.min, span.max)
}

fn check(
    figure: &'static str,
    value: f64,
    (least, greatest): (f64, f64),
) -> Result<(), BoundsError> {
    // What is not a number is in no range.
    if (least..=greatest).contains(&value) {
        return Ok(());
    }
    Err(BoundsError::OutOfRange { figure, value, least, greatest })
}

fn check_span(figure: &'static str, span: Span, range: (f64, f64)) -> Result<(), BoundsError> {
    check(figure, span.min, range)?;
    check(figure, span.max, range)?;
    check("the number of steps", f64::from(span.steps), (1.0, f64::from(STEPS_MAX)))?;
    let Span { min, max, .. } = span;
    if min > max { Err(BoundsError::Reversed { figure, min, max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl Fn(&mut BoundsSpec)) -> String {
        let mut spec = BoundsSpec::default();
        change(&mut spec);
        Bounds::new(spec).expect_err("contradicts itself").to_string()
    }

    #[test]
    fn bounds_that_contradict_each_other_are_refused_by_name() {
        let check = |change: fn(&mut BoundsSpec), says: &str| {
            let error = refused(change);
            assert!(error.contains(says), "{error}");
        };
        check(|spec| spec.complexity.min = f64::NAN, "complexity is NaN");
        check(|spec| spec.complexity.min = 0.0, "complexity is 0,");
        check(|spec| spec.complexity.max = 1.5, "complexity is 1.5");
        check(|spec| spec.timeout_factor.max = f64::INFINITY, "timeout_factor is inf");
        check(|spec| spec.timeout_factor.min = 4.0, "the least timeout_factor is 4");
        check(|spec| spec.effort.min = 0.5, "effort is 0.5");
        check(|spec| spec.effort.steps = 0, "number of steps is 0");
        check(|spec| spec.cache_ttl_s = -1.0, "cache_ttl_s is -1");
        check(|spec| spec.cache_entries_max = u32::MAX, "cache_entries_max");
        check(
            |spec| (spec.reduce_complexity, spec.prefer_quality) = (Use::Forced, Use::Forced),
            "allow one",
        );
        check(
            |spec| (spec.complexity.min, spec.reduce_complexity) = (1.0, Use::Forced),
            "reduce_complexity is forced",
        );
        check(
            |spec| (spec.cache_entries_max, spec.enable_caching) = (0, Use::Forced),
            "enable_caching is forced",
        );
    }

    #[test]
    fn knobs_go_from_neutral_to_the_bound_and_no_further() {
        let bounds = Bounds::default();
        assert_eq!(bounds.knobs(&[0; 4]), Knobs::NEUTRAL);
        let complexity = |steps| bounds.knobs(&[steps, 0, 0, 0]).complexity;
        assert_eq!([0, 1, 2, 3, u32::MAX].map(complexity), [1.0, 0.75, 0.5, 0.5, 0.5]);
        let factor = |steps| bounds.knobs(&[0, steps, 0, 0]).timeout_factor;
        assert_eq!([0, 1, 2, 9].map(factor), [1.0, 2.0, 3.0, 3.0]);
    }

    #[test]
    fn reduced_complexity_comes_before_quality_and_what_is_forced_before_both() {
        let both = [1, 0, 0, 1];
        let knobs = Bounds::default().knobs(&both);
        assert_eq!((knobs.complexity, knobs.prefer_quality, knobs.effort), (0.75, false, 1.0));
        let spec = BoundsSpec { prefer_quality: Use::Forced, ..BoundsSpec::default() };
        let knobs = Bounds::new(spec).expect("holds").knobs(&both);
        assert_eq!((knobs.complexity, knobs.prefer_quality, knobs.effort), (1.0, true, 1.25));
        let spec = BoundsSpec { reduce_complexity: Use::Never, ..BoundsSpec::default() };
        assert!(Bounds::new(spec).expect("holds").knobs(&both).prefer_quality);
    }

    #[test]
    fn bounds_are_read_with_unknown_words_refused() {
        let read = |json: &str| serde_json::from_str::<BoundsSpec>(json);
        let spec = read(r#"{"enable_caching": "forced", "cache_ttl_s": 2.5}"#).expect("is read");
        assert_eq!((spec.enable_caching, spec.cache_ttl_s), (Use::Forced, 2.5));
        assert!(read(r#"{"cache_tll_s": 1}"#).is_err());
        assert!(read(r#"{"enable_caching": "perhaps"}"#).is_err());
    }
}
