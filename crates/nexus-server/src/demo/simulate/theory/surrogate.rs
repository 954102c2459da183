//! A queue on the same arrivals and services whose mean wait the books give:
//! what it waits more or less than that tells how lucky a replication was.

use super::queue::{Drawn, Queue};

/// How much further apart arrivals are where the queue itself has one server:
/// on its own arrivals the surrogate would be that queue, and prove itself.
const STRETCH: f64 = 1.1;

/// One server, as fast as all of the queue's together.
#[derive(Clone, Copy, Debug)]
pub struct Surrogate {
    speed: f64,
    stretch: f64,
    wait_mean: f64,
}

impl Surrogate {
    /// The surrogate of `queue`.
    ///
    /// # Source
    /// Its mean wait in M/G/1 by Pollaczek and Khinchine.
    pub fn of(queue: &Queue) -> Surrogate {
        let speed = queue.servers as f64;
        let stretch = if queue.servers == 1 { STRETCH } else { 1.0 };
        let load = queue.load / stretch;
        let wait_mean = load * (1.0 + queue.service.variance()) / (2.0 * (1.0 - load)) / speed;
        Surrogate { speed, stretch, wait_mean }
    }

    /// Its mean wait over `input`, less what is expected, as a share of that.
    pub fn excess(&self, input: &[Drawn]) -> f64 {
        // What it starts with is forgotten long before the end.
        let mut wait = self.wait_mean;
        let mut sum = 0.0;
        for pair in input.windows(2) {
            let [before, after] = pair else { unreachable!("a window of two") };
            wait = (wait + before.service / self.speed - after.gap * self.stretch).max(0.0);
            sum += wait;
        }
        sum / (input.len() - 1) as f64 / self.wait_mean - 1.0
    }
}
