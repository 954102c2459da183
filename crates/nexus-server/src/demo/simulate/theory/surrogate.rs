//! A queue on the same arrivals and services whose mean wait the books give:
//! one server that is as fast as all the others together.
//!
//! What it waits more or less than it should tells how lucky a replication was.

use super::queue::Drawn;

/// M/M/1 at the same load.
#[derive(Clone, Copy, Debug)]
pub struct Surrogate {
    /// Jobs in a service time.
    pub arrival_rate: f64,
    /// The share of time it is busy.
    pub load: f64,
}

impl Surrogate {
    /// Its mean wait over `input` at `speed`, less what is expected; as a share of that.
    pub fn excess(&self, input: &[Drawn], speed: f64) -> f64 {
        // Little's law over the number waiting in M/M/1.
        let expected = self.load * self.load / (1.0 - self.load) / self.arrival_rate;
        // It starts where it is on average, which is close enough: what it
        // starts with is forgotten long before the end.
        let mut wait = expected;
        let mut sum = 0.0;
        for pair in input.windows(2) {
            let [before, after] = pair else { unreachable!("a window of two") };
            wait = (wait + before.service / speed - after.gap).max(0.0);
            sum += wait;
        }
        sum / (input.len() - 1) as f64 / expected - 1.0
    }
}
