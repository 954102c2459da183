use proptest::prelude::*;

use super::*;
use crate::safety::Stage;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn at(second: u64) -> Time {
    Time::ZERO.after(seconds(second))
}

const SPEC: RungSpec = RungSpec {
    dwell: Duration::from_secs(10),
    cool_down_min: Duration::from_secs(100),
    cool_down_max: Duration::from_secs(1_000),
};

/// Lines of second and input; checks the standing after each.
fn check(script: &str) {
    let mut rung = Rung::new(SPEC, Reason::NotEnabled).expect("a sound spec");
    for line in script.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [second, input, "->", expected] = words[..] else { panic!("unreadable: {line}") };
        let now = at(second.parse().expect("a second"));
        let mut verdict = |verdict| rung.handle_verdict(now, verdict, Gain::default());
        match input {
            "gain" => verdict(Verdict::Gain),
            "not-worth" => verdict(Verdict::NotWorth),
            "unsure" => verdict(Verdict::Unsure),
            "harm" => verdict(Verdict::Harm),
            "fault" => rung.handle_fault(now, Reason::NotANumber),
            "enable" => rung.enable(now),
            "disable" => rung.disable(now, Reason::Operator),
            "time" => rung.handle_timeout(now),
            other => panic!("no input is called {other}"),
        }
        assert_eq!(rung.standing().stage().to_string().replace(' ', "-"), expected, "{line}");
    }
}

#[test]
fn a_layer_is_tried_before_it_is_used() {
    check(
        "0   gain      -> off
         1   enable    -> trying
         5   unsure    -> trying
         500 unsure    -> trying
         501 gain      -> on
         900 unsure    -> on
         901 disable   -> off
         902 gain      -> off",
    );
}

#[test]
fn a_verdict_waits_until_the_stay_is_over_but_harm_and_faults_do_not() {
    check(
        "0   enable    -> trying
         5   not-worth -> trying
         9   time      -> trying
         10  time      -> cooling-down
         110 time      -> trying
         111 gain      -> trying
         112 unsure    -> trying
         120 time      -> trying
         121 gain      -> on
         122 harm      -> cooling-down",
    );
    check(
        "0   enable    -> trying
         1   fault     -> cooling-down
         2   fault     -> cooling-down
         99  enable    -> cooling-down
         101 time      -> trying",
    );
}

#[test]
fn each_time_it_stays_away_twice_as_long_up_to_the_longest() {
    let mut rung = Rung::new(SPEC, Reason::NotEnabled).expect("a sound spec");
    rung.enable(at(0));
    let (mut now, mut waits) = (at(0), Vec::new());
    for _ in 0..6 {
        rung.handle_fault(now, Reason::NotANumber);
        let until = rung.next_timeout().expect("it cools down");
        waits.push(until.since(now).as_secs());
        now = until;
        rung.handle_timeout(now);
    }
    assert_eq!(waits, [100, 200, 400, 800, 1_000, 1_000]);
    // As long in use as the longest cool-down: a first time again.
    rung.handle_verdict(now.after(SPEC.dwell), Verdict::Gain, Gain::default());
    let later = now.after(SPEC.dwell).after(SPEC.cool_down_max);
    rung.handle_fault(later, Reason::NotANumber);
    assert_eq!(rung.next_timeout(), Some(later.after(SPEC.cool_down_min)));
}

#[test]
fn an_operator_cannot_shorten_a_later_cool_down_by_switching_off_and_on() {
    let mut rung = Rung::new(SPEC, Reason::NotEnabled).expect("a sound spec");
    rung.enable(at(0));
    rung.handle_fault(at(0), Reason::NotANumber);
    rung.disable(at(1), Reason::Operator);
    rung.enable(at(2));
    rung.handle_fault(at(3), Reason::NotANumber);
    assert_eq!(rung.next_timeout(), Some(at(203)));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let zero = Duration::ZERO;
    for bad in [
        RungSpec { dwell: zero, ..SPEC },
        RungSpec { cool_down_min: zero, ..SPEC },
        RungSpec { cool_down_min: seconds(1_001), ..SPEC },
        RungSpec { dwell: seconds(1_001), ..SPEC },
    ] {
        assert!(Rung::new(bad, Reason::NotEnabled).is_err(), "{bad:?}");
    }
    assert_eq!(RungSpec::default().check(), Ok(()));
}

proptest! {
    /// Whatever is measured and whatever breaks, in a span of 5,000 s it is sent
    /// down at most 8 times (100 + 200 + 400 + 800 + 1,000 × 3 and a first one;
    /// a first time again costs 1,000 s in use), and each time is three changes at
    /// the most: sent down, tried, used.
    #[test]
    fn it_cannot_come_and_go(inputs in prop::collection::vec((0_u64..60, 0_u8..6), 0..2_000)) {
        let mut rung = Rung::new(SPEC, Reason::NotEnabled).expect("a sound spec");
        rung.enable(Time::ZERO);
        let (mut second, mut changes, mut sent_down) = (0, 0, 0);
        for (later, input) in inputs {
            second += later;
            if second > 5_000 {
                break;
            }
            let before = rung.standing().stage();
            match input {
                0 => rung.handle_fault(at(second), Reason::NotANumber),
                1 => rung.handle_verdict(at(second), Verdict::Harm, Gain::default()),
                2 => rung.handle_verdict(at(second), Verdict::Gain, Gain::default()),
                3 => rung.handle_verdict(at(second), Verdict::NotWorth, Gain::default()),
                4 => rung.handle_verdict(at(second), Verdict::Unsure, Gain::default()),
                _ => rung.handle_timeout(at(second)),
            }
            let after = rung.standing().stage();
            changes += u32::from(before != after);
            sent_down += u32::from(before != after && after == Stage::CoolingDown);
        }
        prop_assert!(sent_down <= 8, "sent down {sent_down} times");
        prop_assert!(changes <= 3 * 8, "{changes} changes");
    }
}
