//! Why predictions are not to be trusted any more.

use std::fmt;

use crate::learn::Doubt;

/// What is wrong with a dispatcher's predictions. Until it is right again the
/// dispatcher does without: every request is the average one, every server an
/// ordinary one.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The model predicted what is no amount of work.
    NoAmount,
    /// The model has been worse than the plain mean.
    Model(Doubt),
    /// A server was said to have a speed that is none.
    NoSpeed,
    /// With the speeds of servers predictions have been worse than without.
    Speeds(Doubt),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoAmount => f.write_str("the model predicted what is no amount of work"),
            Fault::Model(doubt) => write!(f, "the model is {doubt}"),
            Fault::NoSpeed => f.write_str("a server was said to have a speed that is none"),
            Fault::Speeds(Doubt { model_error, baseline_error, at_outcome }) => write!(
                f,
                "with the speeds of servers predictions were off by {model_error:.2} s, without \
                 by {baseline_error:.2} s, up to outcome {at_outcome}"
            ),
        }
    }
}
