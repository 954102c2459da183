//! What servers tell a dispatcher about themselves.

use std::time::Duration;

use nexus_base::Time;

/// A server's account of itself at one moment, possibly a while ago.
///
/// ```compile_fail,E0609
/// # use nexus_coord::balance::Report;
/// // A server reports what it measures; nobody tells how fast it is.
/// fn speed(report: &Report) -> f64 { report.speed }
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Report {
    /// When the server measured this; what a dispatcher knows is that old.
    pub at: Time,
    /// What made the server report.
    pub cause: ReportCause,
    /// Requests at the server from all dispatchers, waiting and running.
    pub in_flight: u32,
    /// What a request arriving now may expect to take there, waiting included:
    /// the median of recent ones that met about as many others.
    pub latency: Option<Duration>,
    /// Processor in use.
    pub cpu: Option<Utilisation>,
    /// Memory in use.
    pub memory: Option<Utilisation>,
}

/// What made a server report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReportCause {
    /// It began to work on a request.
    Started,
    /// It finished a request.
    Finished {
        /// Time it spent working on the request.
        service: Duration,
        /// From the request's arrival at the server to its end.
        response: Duration,
    },
    /// A strategy probed it.
    Probed,
    /// It was time to report.
    Periodic,
}

/// The share of a resource in use, from 0 to 1.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Utilisation(f64);

impl Utilisation {
    /// `share` of the resource is in use.
    ///
    /// # Errors
    /// [`UtilisationError`] unless `share` is a number from 0 to 1.
    pub fn new(share: f64) -> Result<Utilisation, UtilisationError> {
        if (0.0..=1.0).contains(&share) {
            Ok(Utilisation(share))
        } else {
            Err(UtilisationError { share })
        }
    }

    /// The share, from 0 to 1.
    pub const fn share(self) -> f64 {
        self.0
    }
}

/// A share that is no share. Measure again; nothing was recorded.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
#[error("utilisation is {share}, must be between 0 and 1")]
pub struct UtilisationError {
    /// What was offered instead.
    pub share: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_between_zero_and_one() {
        for share in [0.0, 0.5, 1.0] {
            assert_eq!(Utilisation::new(share).expect("a share").share(), share);
        }
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Utilisation::new(share).is_err(), "{share}");
        }
    }
}
