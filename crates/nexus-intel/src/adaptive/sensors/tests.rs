use super::*;

fn at(seconds: f64) -> Time {
    Time::ZERO.after(Duration::from_secs_f64(seconds))
}

/// Has `sensor` read `value(i)` every `every_s` seconds until it is doubted; how
/// long after the first reading that was, if it was within ten minutes.
fn doubted_after(sensor: Sensor, every_s: f64, value: impl Fn(u32) -> f64) -> Option<(f64, Doubt)> {
    let mut sensors = Sensors::new(SensorSpec::default()).expect("the default holds");
    let mut number = 0;
    loop {
        let now = f64::from(number) * every_s;
        if now > 600.0 {
            return None;
        }
        while let Some(due) = sensors.next_timeout().filter(|due| *due <= at(now)) {
            if let Some(Turn { health: Health::Doubted(doubt), .. }) = sensors.handle_timeout(due) {
                return Some((due.as_secs_f64(), doubt));
            }
        }
        let turn = sensors.handle_reading(at(now), sensor, value(number)).ok().flatten();
        if let Some(Turn { health: Health::Doubted(doubt), .. }) = turn {
            return Some((now, doubt));
        }
        number += 1;
    }
}

/// As [`doubted_after`], and says in a word why.
fn check(sensor: Sensor, every_s: f64, value: impl Fn(u32) -> f64, expected: Option<&str>) {
    let doubted = doubted_after(sensor, every_s, value);
    let why = doubted.map(|(_, doubt)| match doubt {
        Doubt::Silent(_) => "silent",
        Doubt::Nonsense(_) => "nonsense",
        Doubt::Stuck(_) => "stuck",
    });
    assert_eq!(why, expected, "{sensor} every {every_s} s: {doubted:?}");
    assert!(doubted.is_none_or(|(after, _)| after <= DOUBT_WITHIN.as_secs_f64()), "{doubted:?}");
}

#[test]
fn a_stuck_sensor_is_doubted_within_two_minutes_whatever_its_pace() {
    for every_s in [0.01, 0.1, 1.0, 3.0, 9.9, 10.0] {
        for sensor in Sensor::ALL {
            check(sensor, every_s, |_| 0.95, Some("stuck"));
            // It may move well before it gets stuck.
            check(sensor, every_s, |number| f64::from(number.min(2)) * 0.3, Some("stuck"));
        }
    }
    check(Sensor::Cpu, 10.1, |_| 0.95, Some("silent"));
}

#[test]
fn a_sensor_that_moves_or_rests_where_it_may_is_believed() {
    for sensor in Sensor::ALL {
        check(sensor, 1.0, |number| 0.5 + f64::from(number % 2) * 1e-12, None);
    }
    check(Sensor::ErrorRate, 1.0, |_| 0.0, None);
    check(Sensor::ErrorRate, 1.0, |number| if number % 2 == 0 { 0.0 } else { -0.0 }, None);
    check(Sensor::Throughput, 1.0, |_| 0.0, None);
    check(Sensor::Cpu, 1.0, |_| 1.0, None);
    check(Sensor::NetworkLatency, 1.0, |_| 0.0, Some("stuck"));
}

#[test]
fn a_sensor_that_tells_nonsense_or_nothing_is_doubted() {
    for nonsense in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, 1e13] {
        for sensor in Sensor::ALL {
            check(sensor, 1.0, |_| nonsense, Some("nonsense"));
            check(sensor, 1.0, |n| if n < 3 { 0.1 } else { nonsense }, Some("nonsense"));
        }
    }
    check(Sensor::Memory, 11.0, f64::from, Some("silent"));
}

#[test]
fn what_cannot_be_is_refused_with_what_could_be_and_changes_nothing() {
    let mut sensors = Sensors::new(SensorSpec::default()).expect("the default holds");
    sensors.handle_reading(at(0.0), Sensor::Cpu, 0.5).expect("a share");
    let error = sensors.handle_reading(at(1.0), Sensor::Cpu, f64::NAN).expect_err("no number");
    assert_eq!(error.to_string(), "cpu cannot be NaN: readings are from 0 to 1 (share)");
    assert_eq!(sensors.reading(Sensor::Cpu), Some(0.5));
    assert_eq!(sensors.counts(Sensor::Cpu), (1, 1));
}

#[test]
fn smoothing_goes_by_time_not_by_the_number_of_readings() {
    let after = |readings: u32, over: f64| {
        let mut sensors = Sensors::new(SensorSpec::default()).expect("the default holds");
        sensors.handle_reading(at(0.0), Sensor::Cpu, 0.0).expect("a share");
        for number in 1..=readings {
            let now = at(over * f64::from(number) / f64::from(readings));
            sensors.handle_reading(now, Sensor::Cpu, 1.0).expect("a share");
        }
        sensors.reading(Sensor::Cpu).expect("it is believed")
    };
    let expected = 1.0 - math::exp(-1.0);
    for readings in [1, 10, 1_000] {
        assert!((after(readings, 5.0) - expected).abs() < 1e-6, "{readings}");
    }
    assert_eq!(after(1_000, 0.0), 0.0, "a flood in no time weighs nothing");
}

#[test]
fn after_a_doubt_a_sensor_begins_anew() {
    let mut sensors = Sensors::new(SensorSpec::default()).expect("the default holds");
    sensors.handle_reading(at(0.0), Sensor::Cpu, 0.1).expect("a share");
    assert!(sensors.handle_timeout(at(10.0)).is_none(), "just in time would be in time");
    assert!(sensors.handle_timeout(at(10.1)).is_some());
    assert_eq!(sensors.reading(Sensor::Cpu), None);
    let turn = sensors.handle_reading(at(20.0), Sensor::Cpu, 0.9).expect("a share");
    assert_eq!(turn, Some(Turn { sensor: Sensor::Cpu, health: Health::Trusted }));
    assert_eq!(sensors.reading(Sensor::Cpu), Some(0.9));
}

#[test]
fn a_specification_that_would_notice_too_late_is_refused() {
    let check = |spec: SensorSpec, holds: bool| assert_eq!(spec.check().is_ok(), holds, "{spec:?}");
    let default = SensorSpec::default();
    check(default, true);
    check(SensorSpec { stuck_after: Duration::from_secs(111), ..default }, false);
    check(SensorSpec { stuck_readings: 14, ..default }, false);
    check(SensorSpec { stuck_readings: 2, ..default }, false);
    check(SensorSpec { stuck_readings: u32::MAX, ..default }, false);
    check(SensorSpec { silent_after: Duration::MAX, ..default }, false);
    check(SensorSpec { smoothing: Duration::ZERO, ..default }, false);
}
