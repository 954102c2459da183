use std::time::Duration;

use super::*;
use crate::safety::RungSpec;

const UPPER: [Level; 3] = [Level::Proactive, Level::Adaptive, Level::Emergent];

fn at(second: u64) -> Time {
    Time::ZERO.after(Duration::from_secs(second))
}

fn spec(asked: Level, enabled: &[Level]) -> LadderSpec {
    let rung = RungSpec {
        dwell: Duration::from_secs(10),
        cool_down_min: Duration::from_secs(100),
        cool_down_max: Duration::from_secs(1_000),
    };
    LadderSpec { asked, enabled: enabled.to_vec(), built: UPPER[..2].to_vec(), rung }
}

fn ladder(asked: Level, enabled: &[Level]) -> Ladder {
    Ladder::new(Time::ZERO, spec(asked, enabled)).expect("a sound spec")
}

#[track_caller]
fn check(ladder: &Ladder, used: Level, reason: Option<Reason>) {
    let found = (ladder.used(), ladder.reason(ladder.asked()));
    assert_eq!(found, (used, reason.as_ref()));
}

#[test]
fn everything_above_reactive_is_off_unless_enabled() {
    let none = Ladder::new(Time::ZERO, LadderSpec::default()).expect("the default is sound");
    check(&none, Level::Reactive, None);
    check(&ladder(Level::Adaptive, &[]), Level::Reactive, Some(Reason::NotEnabled));
}

#[test]
fn what_is_not_built_is_passed_over_with_a_reason() {
    check(&ladder(Level::Emergent, &UPPER), Level::Adaptive, Some(Reason::NotBuilt));
    let whole = LadderSpec { built: UPPER.to_vec(), ..spec(Level::Emergent, &UPPER) };
    let whole = Ladder::new(Time::ZERO, whole).expect("a sound spec");
    check(&whole, Level::Emergent, None);
}

#[test]
fn no_layer_above_what_is_asked_for_is_used() {
    let mut ladder = ladder(Level::Adaptive, &UPPER);
    ladder.ask(at(1), Level::Proactive);
    check(&ladder, Level::Proactive, None);
    let asked = Level::Proactive;
    assert_eq!(ladder.enter(Level::Adaptive), Err(Reason::NotAsked { asked }));
    ladder.ask(at(2), Level::Adaptive);
    check(&ladder, Level::Adaptive, None);
}

#[test]
fn each_layer_is_sent_down_and_comes_back_by_itself() {
    let mut ladder = ladder(Level::Adaptive, &UPPER);
    ladder.handle_fault(at(5), Level::Adaptive, Reason::NotANumber).expect("a layer");
    check(&ladder, Level::Proactive, Some(Reason::NotANumber));
    let gain = Gain { ratio: Some(1.2), interval: Some([1.1, 1.3]), ..Gain::default() };
    ladder.handle_verdict(at(6), Level::Proactive, Verdict::Harm, gain).expect("a layer");
    check(&ladder, Level::Reactive, Some(Reason::NotANumber));
    assert_eq!(ladder.reason(Level::Proactive), Some(&Reason::Harm { gain }));
    assert_eq!(ladder.next_timeout(), Some(at(105)));
    ladder.handle_timeout(at(105));
    check(&ladder, Level::Adaptive, None);
    assert_eq!(ladder.stage(Level::Proactive), Stage::CoolingDown);
}

#[test]
fn a_layer_that_was_sent_down_is_tried_again_at_once_if_somebody_says_so() {
    let mut ladder = ladder(Level::Adaptive, &UPPER);
    ladder.handle_fault(at(5), Level::Adaptive, Reason::NotANumber).expect("a layer");
    ladder.enable(at(6), Level::Proactive).expect("a layer");
    assert_eq!(ladder.stage(Level::Adaptive), Stage::CoolingDown, "another one was meant");
    ladder.enable(at(7), Level::Adaptive).expect("a layer");
    check(&ladder, Level::Adaptive, None);
    // Not beyond what is asked for.
    ladder.handle_fault(at(8), Level::Adaptive, Reason::NotANumber).expect("a layer");
    ladder.ask(at(9), Level::Proactive);
    ladder.enable(at(10), Level::Adaptive).expect("a layer");
    assert_eq!(ladder.used(), Level::Proactive);
}

#[test]
fn a_layer_that_is_taken_away_lets_those_inside_finish_and_nobody_enter() {
    let mut ladder = ladder(Level::Proactive, &UPPER);
    (0..3).for_each(|_| ladder.enter(Level::Proactive).expect("it is tried"));
    ladder.disable(at(1), Level::Proactive).expect("a layer");
    check(&ladder, Level::Reactive, Some(Reason::Operator));
    assert_eq!(ladder.enter(Level::Proactive), Err(Reason::Operator));
    for left in [2, 1, 0] {
        ladder.leave(Level::Proactive);
        assert_eq!(ladder.inside(Level::Proactive), left);
    }
    ladder.enable(at(2), Level::Proactive).expect("a layer");
    ladder.enter(Level::Proactive).expect("it is tried again");
}

#[test]
#[should_panic(expected = "who leaves a layer has entered it")]
fn nobody_leaves_who_has_not_entered() {
    ladder(Level::Proactive, &UPPER).leave(Level::Proactive);
}

#[test]
fn the_reactive_level_is_always_there() {
    let mut ladder = ladder(Level::Reactive, &[]);
    assert_eq!(ladder.enter(Level::Reactive), Ok(()));
    ladder.leave(Level::Reactive);
    let refused = Err(LadderError::Reactive);
    assert_eq!(ladder.disable(at(1), Level::Reactive), refused);
    assert_eq!(ladder.handle_fault(at(1), Level::Reactive, Reason::NotANumber), refused);
    assert_eq!(ladder.stage(Level::Reactive), Stage::On);
    assert!(ladder.status().history.is_empty());
}

#[test]
fn what_contradicts_itself_is_refused() {
    let reactive = spec(Level::Reactive, &[Level::Reactive]);
    assert_eq!(Ladder::new(Time::ZERO, reactive).err(), Some(LadderError::Reactive));
    let mut hasty = spec(Level::Reactive, &[]);
    hasty.rung.dwell = Duration::from_secs(2_000);
    assert!(matches!(Ladder::new(Time::ZERO, hasty).err(), Some(LadderError::Rung(_))));
    let json = r#"{"asked": "genius"}"#;
    let error = serde_json::from_str::<LadderSpec>(json).expect_err("no such level");
    assert!(error.to_string().contains("genius"), "{error}");
}

#[test]
fn every_change_is_told_once_and_the_last_are_remembered() {
    let mut ladder = ladder(Level::Proactive, &UPPER);
    for second in 0..200 {
        ladder.disable(at(second), Level::Proactive).expect("a layer");
        ladder.disable(at(second), Level::Proactive).expect("a layer");
        ladder.enable(at(second), Level::Proactive).expect("a layer");
    }
    let mut told = Vec::new();
    while let Some(LadderEffect::Event { name, detail, .. }) = ladder.poll_effect() {
        told.push((name, detail));
    }
    assert_eq!((told.len(), ladder.status().history.len()), (EFFECTS_LEN_MAX, HISTORY_LEN_MAX));
    let down = "proactive: trying to off, reactive is used: switched off by an operator";
    assert_eq!(told[62], (EventName::LayerSteppedDown, down.to_owned()));
    let up = "proactive: off to trying, proactive is used";
    assert_eq!(told[63], (EventName::AgentIntelligenceAdapted, up.to_owned()));
}

#[test]
fn the_status_says_it_all_and_survives_json() {
    let mut ladder = ladder(Level::Emergent, &UPPER);
    let gain =
        Gain { ratio: Some(0.8), interval: Some([0.7, 0.9]), blocks: 40, detectable: Some(0.1) };
    ladder.handle_verdict(at(20), Level::Adaptive, Verdict::Gain, gain).expect("a layer");
    ladder.handle_fault(at(21), Level::Proactive, Reason::sensor_stuck("cpu")).expect("a layer");
    let status = ladder.status();
    let json = serde_json::to_string_pretty(&status).expect("plain data");
    assert_eq!(serde_json::from_str::<LadderStatus>(&json).expect("as written"), status);
    assert_eq!((status.used, status.gain), (Level::Adaptive, gain));
    assert_eq!(status.reason.as_deref(), Some("not part of this build"));
    assert_eq!(status.layers[0].until_s, Some(121.0));
    assert_eq!(status.layers[1].stage, Stage::On);
    assert_eq!(status.history.len(), 4);
}
