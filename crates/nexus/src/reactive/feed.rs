//! Readings of a node's sensors for the layers of its kinds, every second.
//!
//! There is a thread for it only while a kind of the node has a layer that is
//! enabled: the monitor looks, starts it and ends it.
//!
//! Absent on purpose: what follows from readings, which is for [`KindLayers`].

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use nexus_agent::System;
use nexus_base::Time;
use nexus_intel::adaptive::Readings;

use super::layers::KindLayers;
use crate::clock::Clock;
use crate::sensors::Sensors;

/// How often sensors are read: what their adapter's defaults are made for.
const READ_EVERY: Duration = Duration::from_secs(1);

/// Hands readings to the layers of all kinds of a system, and tells its events what
/// they make of them. A node does this by itself, every second, while any layer is
/// enabled; in a simulated world, whoever plays the sensors does it.
///
/// Readings that cannot be are counted and passed over; a sensor that goes on with
/// them is doubted, which is an event.
///
/// ```
/// use nexus::adaptive::Readings;
/// use nexus::{Node, Time, feed_layers};
///
/// let node = Node::start()?;
/// let readings = Readings { cpu: Some(0.97), ..Readings::default() };
/// feed_layers(node.system(), Time::from_nanos(1), &readings);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn feed_layers(system: &System, now: Time, readings: &Readings) {
    for (kind, layers) in layers(system) {
        // Who told it is doubted in time; of one bad reading there is nothing to tell.
        let _ = layers.handle_readings(now, readings);
        layers.tell(kind, system.driver());
    }
}

fn layers(system: &System) -> impl Iterator<Item = (&'static str, Arc<KindLayers>)> {
    let kinds = system.kind_names().into_iter();
    kinds.filter_map(|kind| Some((kind, KindLayers::of(system, kind)?)))
}

/// Sees to it that sensors are read while somebody wants readings.
pub(crate) struct Feed {
    system: Arc<System>,
    clock: Clock,
    worker: tokio::runtime::Handle,
    looked_at: Option<Time>,
    /// Dropped, it ends the thread.
    reader: Option<Sender<()>>,
}

impl Feed {
    /// For latency a task on `worker` answers.
    pub(crate) fn new(system: Arc<System>, clock: Clock, worker: tokio::runtime::Handle) -> Feed {
        Feed { system, clock, worker, looked_at: None, reader: None }
    }

    /// Looks whether readings are wanted, once a second.
    pub(crate) fn look(&mut self, now: Time) {
        if self.looked_at.is_some_and(|at| now.since(at) < READ_EVERY) {
            return;
        }
        self.looked_at = Some(now);
        let is_wanted = layers(&self.system).any(|(_, layers)| layers.is_enabled());
        match (is_wanted, &self.reader) {
            (true, None) => self.reader = self.start(),
            (false, Some(_)) => self.reader = None,
            _ => (),
        }
    }

    /// Nobody joins the thread: a reading may wait for a worker that has ended, for a
    /// second at most.
    fn start(&self) -> Option<Sender<()>> {
        let (stop, stopped) = channel();
        let (system, clock, worker) = (self.system.clone(), self.clock, self.worker.clone());
        let read = move || {
            let sensors = Sensors::new(system.clone(), clock, Some(&worker));
            read_on(&system, sensors, &stopped);
        };
        let thread = std::thread::Builder::new().name("nexus-sensors".to_owned());
        match thread.spawn(read) {
            Ok(_) => Some(stop),
            Err(error) => {
                tracing::warn!(target: "nexus", "no thread to read sensors: {error}");
                None
            }
        }
    }
}

fn read_on(system: &System, mut sensors: Sensors, stopped: &Receiver<()>) {
    while stopped.recv_timeout(READ_EVERY) == Err(RecvTimeoutError::Timeout) {
        let sample = sensors.sample();
        feed_layers(system, sample.at, &sample.readings);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use nexus_base::Level;
    use nexus_coord::Reactive;
    use nexus_intel::adaptive::AdapterSpec;

    use super::*;
    use crate::{NodeSpec, ReactiveAgent, ReactiveKind};

    struct Layered;

    impl ReactiveKind for Layered {
        const KIND: &'static str = "layered";

        fn rules() -> &'static Reactive {
            static RULES: LazyLock<Reactive> = LazyLock::new(Reactive::kv);
            &RULES
        }

        fn layers() -> Option<KindLayers> {
            Some(KindLayers::new(AdapterSpec::default()).expect("the default holds together"))
        }
    }

    #[test]
    fn sensors_are_read_only_while_a_kind_has_a_layer_that_is_enabled() {
        let node = NodeSpec::new().workers(1).hand_in_readings().start().expect("one worker");
        let (figures, handles) = (node.figures(), node.handles());
        let mut feed =
            Feed::new(figures.system.clone(), figures.threads.clock(), handles[0].clone());
        let mut second = 0;
        let mut check = |is_read: bool| {
            // In between it does not look.
            for _ in 0..2 {
                feed.look(Time::from_nanos(second * 1_000_000_000));
                second += 1;
            }
            assert_eq!(feed.reader.is_some(), is_read, "second {second}");
        };
        check(false);
        node.spawn::<ReactiveAgent<Layered>>("a").expect("the key is free");
        check(false);
        let layers = KindLayers::of(node.system(), Layered::KIND).expect("it has some");
        layers.enable(Level::Emergent).expect("it can be asked for");
        check(false);
        layers.enable(Level::Adaptive).expect("it can be enabled");
        check(true);
        layers.disable(Level::Adaptive).expect("it can be disabled");
        check(false);
    }
}
