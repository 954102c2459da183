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
                "with the speeds of servers predictions were off by {}, without by {}, up to \
                 outcome {at_outcome}",
                Seconds(*model_error),
                Seconds(*baseline_error)
            ),
        }
    }
}

/// Seconds in a unit of which there are some.
struct Seconds(f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seconds(seconds) = *self;
        let units = [(1.0, "s"), (1e3, "ms")];
        let unit = units.into_iter().find(|(per_second, _)| seconds * per_second >= 1.0);
        let (per_second, name) = unit.unwrap_or((1e6, "µs"));
        write!(f, "{:.2} {name}", seconds * per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_a_unit_that_shows_them() {
        let check = |seconds, told: &str| assert_eq!(Seconds(seconds).to_string(), told);
        check(2.345, "2.35 s");
        check(0.0045, "4.50 ms");
        check(0.000_012, "12.00 µs");
        check(0.0, "0.00 µs");
    }
}
