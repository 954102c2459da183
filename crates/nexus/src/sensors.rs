//! What the five sensors of adaptation really show on this node.
//!
//! * *CPU*: the share in use of the CPUs this process may use, or of the CPU time
//!   its control groups allow it: whichever is nearer to its limit.
//! * *Memory*: the same of the machine's memory and of what control groups allow.
//!   Cached files do not count as used; they make room.
//! * *Network latency*: how long a datagram takes over loopback to a worker and
//!   back: the machine's network stack and the time until the worker looks at its
//!   sockets. It holds no wire: how far away others are is not in it.
//! * *Error rate*: errors that the node is to blame for (a mailbox was full, a
//!   deadline missed, a handler crashed, an agent ended before it answered), by
//!   messages handled, dropped or refused meanwhile; 0 if there were none. Who asks
//!   for what there is not raises nothing.
//! * *Throughput*: messages whose handlers were started, in a second.
//!
//! CPU and memory are read from Linux and are missing elsewhere.
//!
//! Absent on purpose: smoothing and doubt, which are the adapter's, and the pace:
//! whoever samples has a thread for it. The kernel's own round trips of TCP
//! connections would tell of the wire, and are not read: no crate we use reads
//! them without unsafe code.

mod control_group;
mod cpu;
mod echo;
mod memory;
mod traffic;

use std::path::Path;
use std::sync::Arc;

use nexus_agent::System;
use nexus_base::Time;
use nexus_intel::adaptive::Readings;

use crate::clock::Clock;
use crate::node::Node;
use crate::threads;

use control_group::ControlGroup;
use cpu::CpuGauge;
use echo::Echo;
use traffic::Traffic;

/// What one look at the sensors showed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// When, by the node's clock.
    pub at: Time,
    /// What they showed since the look before; `None` of what cannot be read here.
    pub readings: Readings,
}

/// The sensors of one node. Made once, and looked at about once a second.
///
/// ```
/// use nexus::adaptive::{Adapter, AdapterSpec};
/// use nexus::{Node, Sensors};
///
/// let node = Node::start()?;
/// let mut sensors = Sensors::of(&node);
/// let mut adapter = Adapter::new(AdapterSpec::default())?;
/// let sample = sensors.sample();
/// for (sensor, reading) in sample.readings.iter() {
///     adapter.handle_reading(sample.at, sensor, reading)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sensors {
    clock: Clock,
    cpu: CpuGauge,
    memory_groups: Vec<ControlGroup>,
    /// `None` where there is no loopback.
    echo: Option<Echo>,
    traffic: Traffic,
}

/// Where Linux tells about processes.
const PROC: &str = "/proc";

/// Where Linux tells about control groups.
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

impl Sensors {
    /// The sensors of `node`. What is counted is counted from here on. For the
    /// latency a task on a worker of the node answers, until these are dropped.
    pub fn of(node: &Node) -> Sensors {
        let figures = node.figures();
        Sensors::new(figures.system, figures.threads.clock(), node.handles().first())
    }

    /// The same without the node; for the latency a task on `worker` answers.
    pub(crate) fn new(
        system: Arc<System>,
        clock: Clock,
        worker: Option<&tokio::runtime::Handle>,
    ) -> Sensors {
        let (proc, root) = (Path::new(PROC), Path::new(CONTROL_GROUPS));
        Sensors {
            clock,
            cpu: CpuGauge::new(proc, root, clock.now()),
            memory_groups: ControlGroup::of_this_process(proc, root, "memory"),
            echo: worker.and_then(Echo::new),
            traffic: Traffic::new(system, clock.now()),
        }
    }

    /// Looks at all sensors. Takes some tens of microseconds, and up to a second
    /// if the worker does not answer: the latency is then at least that, which is
    /// what it shows.
    ///
    /// # Panics
    /// On a worker, that is in a handler or a task: it may wait for that worker.
    pub fn sample(&mut self) -> Sample {
        assert!(!threads::is_worker(), "sensors wait for a worker: sample on a thread of your own");
        let network_latency = self.echo.as_mut().and_then(|echo| echo.round_trip(self.clock));
        let at = self.clock.now();
        let traffic = self.traffic.read(at);
        let readings = Readings {
            cpu: self.cpu.read(at),
            memory: memory::share_of(Path::new(PROC), &self.memory_groups),
            network_latency: network_latency.map(|latency| latency.as_secs_f64()),
            error_rate: traffic.map(|traffic| traffic.error_rate),
            throughput: traffic.map(|traffic| traffic.throughput),
        };
        Sample { at, readings }
    }
}

/// The share in use; of more in use than there may be, all. `None` if there is
/// nothing to be used.
fn share(used: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (used / whole).clamp(0.0, 1.0))
}

/// Of shares of different limits the one nearest to its limit.
fn nearest_to_limit(shares: impl Iterator<Item = f64>) -> Option<f64> {
    shares.reduce(f64::max)
}

#[cfg(test)]
mod tests;
