//! Several ways to answer one request, of which one runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which way of answering a request runs. All of them must be right for the caller:
/// they differ in what they cost and in how good the answer is.
///
/// ```
/// use nexus_coord::{Reactive, Request, RequestKind, State, Variant};
/// use serde_json::json;
///
/// let rules = Reactive::new()
///     .with_query("report", |_state, _args| Ok(json!("of each day")))
///     .with_query_variant("report", Variant::Quick, |_state, _args| Ok(json!("of each year")));
/// let mut state = State::default();
/// let report = Request::new(RequestKind::Query, "report", json!({}));
/// assert_eq!(rules.handle_request(&mut state, &report).unwrap(), json!("of each day"));
///
/// assert!(rules.has_variant(&report, Variant::Quick));
/// let quick = rules.handle_request_as(&mut state, &report, Variant::Quick).unwrap();
/// assert_eq!(quick, json!("of each year"));
/// ```
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Less work, for a coarser answer.
    Quick,
    /// What was registered first, and runs where nobody chooses.
    #[default]
    Usual,
    /// More work, for a better answer.
    Thorough,
}

impl Variant {
    /// All of them, from the least work up.
    pub const ALL: [Variant; 3] = [Variant::Quick, Variant::Usual, Variant::Thorough];

    /// The name, as in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Variant::Quick => "quick",
            Variant::Usual => "usual",
            Variant::Thorough => "thorough",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One query, update or action: how it is usually done, and other ways if there are.
pub(super) struct Rule<F: ?Sized> {
    pub(super) usual: Box<F>,
    quick: Option<Box<F>>,
    thorough: Option<Box<F>>,
}

impl<F: ?Sized> Rule<F> {
    pub(super) fn new(usual: Box<F>) -> Rule<F> {
        Rule { usual, quick: None, thorough: None }
    }

    pub(super) fn get(&self, variant: Variant) -> Option<&F> {
        match variant {
            Variant::Quick => self.quick.as_deref(),
            Variant::Usual => Some(&self.usual),
            Variant::Thorough => self.thorough.as_deref(),
        }
    }

    pub(super) fn has(&self, variant: Variant) -> bool {
        self.get(variant).is_some()
    }

    /// Adds a variant; false if there is one already.
    pub(super) fn add(&mut self, variant: Variant, function: Box<F>) -> bool {
        let place = match variant {
            Variant::Quick => &mut self.quick,
            Variant::Usual => return false,
            Variant::Thorough => &mut self.thorough,
        };
        place.replace(function).is_none()
    }
}
