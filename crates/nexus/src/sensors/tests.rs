use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use nexus_intel::adaptive::Sensor;

use super::*;
use crate::NodeSpec;
use crate::prelude::*;

struct Counter;

impl Agent for Counter {
    const KIND: &'static str = "sensed-counter";
    fn new(_key: &str) -> Counter {
        Counter
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Fail(bool);

impl Handler<Fail> for Counter {
    async fn handle(&mut self, Fail(fail): Fail, _: &mut Context<Self>) -> u64 {
        assert!(!fail, "as it was told");
        1
    }
}

/// How long any of these waits for what is to come.
const DEADLINE: Duration = Duration::from_secs(60);

/// Samples, a moment after each other, until one will do.
fn sample_until(sensors: &mut Sensors, mut will_do: impl FnMut(&Readings) -> bool) -> Sample {
    let begin = sensors.clock.now();
    loop {
        std::thread::park_timeout(Duration::from_millis(200));
        let sample = sensors.sample();
        if will_do(&sample.readings) {
            return sample;
        }
        assert!(sample.at.since(begin) < DEADLINE, "not in time: {sample:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn this_machine_shows_all_five_and_each_within_its_range() {
    let node = Node::start().expect("a node starts");
    let mut sensors = Sensors::of(&node);
    let sample = sample_until(&mut sensors, |readings| readings.iter().count() == 5);
    for (sensor, reading) in sample.readings.iter() {
        let (least, greatest) = sensor.range();
        assert!((least..=greatest).contains(&reading), "{sensor} {reading}");
    }
    let get = |sensor| sample.readings.get(sensor).expect("all five are there");
    assert!(get(Sensor::Memory) > 0.0, "this program is in memory");
    assert!(get(Sensor::NetworkLatency) > 0.0, "nothing takes no time");
}

/// Burns a CPU until the sender is gone.
fn burn(stop: &Receiver<()>) {
    while !matches!(stop.try_recv(), Err(TryRecvError::Disconnected)) {
        std::hint::spin_loop();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_share_of_cpu_rises_while_this_test_burns_one() {
    let node = Node::start().expect("a node starts");
    let mut sensors = Sensors::of(&node);
    let cpus = crate::locality::affinity::allowed().expect("Linux tells").len();
    std::thread::scope(|scope| {
        let stops: Vec<_> = (0..cpus)
            .map(|_| {
                let (stop, stopped) = channel::<()>();
                scope.spawn(move || burn(&stopped));
                stop
            })
            .collect();
        // All of them at work leave nothing over, however busy others are.
        sample_until(&mut sensors, |readings| readings.cpu.is_some_and(|share| share > 0.95));
        drop(stops);
    });
}

#[test]
fn what_agents_do_is_seen() {
    let node = Node::start().expect("a node starts");
    let mut sensors = Sensors::of(&node);
    let agent = node.spawn::<Counter>("one").expect("it is new");
    sample_until(&mut sensors, |readings| readings.throughput == Some(0.0));
    for number in 0..20 {
        let asked = node.block_on(agent.ask(Fail(number == 7)));
        assert_eq!(asked.is_err(), number == 7);
    }
    let sample = sample_until(&mut sensors, |readings| readings.throughput != Some(0.0));
    let errors = sample.readings.error_rate.expect("time has passed");
    assert!((0.04..=0.06).contains(&errors), "one of twenty: {errors}");
    let rested = sample_until(&mut sensors, |readings| readings.throughput == Some(0.0));
    assert_eq!(rested.readings.error_rate, Some(0.0), "nothing failed since");
}

#[test]
fn a_worker_that_is_kept_busy_answers_late() {
    let node = NodeSpec::new().workers(1).start().expect("a node starts");
    let mut sensors = Sensors::of(&node);
    let (stop, stopped) = channel::<()>();
    let (begun, begins) = channel();
    let task = node.task(async move {
        begun.send(()).expect("the test waits");
        burn(&stopped);
    });
    begins.recv_timeout(DEADLINE).expect("the task begins");
    let latency = sensors.sample().readings.network_latency.expect("there is loopback");
    assert!(latency >= 1.0, "nobody answers: {latency}");
    drop(stop);
    node.block_on(task.expect("the node runs")).expect("it does not panic");
    // The answer that came too late is not taken for one to a later question.
    sample_until(&mut sensors, |readings| readings.network_latency.is_some_and(|s| s < 0.5));
}

#[test]
fn without_its_node_there_is_no_latency_and_no_wait() {
    let node = Node::start().expect("a node starts");
    let mut sensors = Sensors::of(&node);
    drop(node);
    let begin = sensors.clock.now();
    // The first question may still find the other end's socket.
    let latencies: Vec<_> = (0..3).map(|_| sensors.sample().readings.network_latency).collect();
    assert!(latencies.contains(&None), "{latencies:?}");
    assert!(sensors.clock.now().since(begin) < DEADLINE);
}
