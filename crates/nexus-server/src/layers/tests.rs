//! What people read of layers, of all shapes.

use serde_json::json;

use super::*;

/// A pool in which the adaptive layer pays.
fn pool() -> Value {
    let gain = json!({"ratio": 0.78, "interval": [0.7, 0.87], "blocks": 84, "detectable": 0.085});
    let none = json!({"ratio": null, "interval": null, "blocks": 0, "detectable": null});
    let layer = |layer: &str, stage: &str, reason: Value, gain: &Value| {
        json!({"layer": layer, "stage": stage, "since_s": 347.2, "until_s": null,
               "reason": reason, "gain": gain, "inside": 0})
    };
    json!({
        "used": "reactive",
        "ladder": {
            "asked": "emergent", "used": "adaptive", "reason": "not part of this build",
            "gain": gain,
            "layers": [
                layer("proactive", "off", json!("switched off by an operator"), &none),
                layer("adaptive", "on", json!(null), &gain),
            ],
            "history": [{"at_s": 347.2, "layer": "adaptive", "from": "trying", "to": "on",
                         "used_before": "adaptive", "used": "adaptive", "reason": null}],
        },
        "measured": {"layer": "adaptive", "gain": gain,
                     "phase": {"measuring": {"block": {"secs": 2, "nanos": 0}}}},
        "model": {
            "model": {"kind": "linear", "intercept": 0.25,
                      "weights": [{"feature": "complexity", "weight": 0.5}]},
            "unit": "s", "in_use": true, "reason": null, "learned": 12_000, "judged": 1_000,
            "refused": 0, "doubts": 1, "kept": 1_000, "model_error": 0.02,
            "baseline_error": 0.08, "baseline": 0.1,
        },
        "speeds": {"m-0": 1.31, "m-1": 0.31},
    })
}

fn of_pool(pool: Value) -> String {
    let why = Why { pool, ..Why::default() };
    sections(&why).iter().map(Section::text).collect()
}

fn of_kind(layers: Value) -> String {
    let why = Why { layers, ..Why::default() };
    sections(&why).iter().map(Section::text).collect()
}

#[test]
fn a_pool_reads_well() {
    let expected = "layers of the pool:
  asked      emergent
  used       adaptive, in this block of the trial reactive
  because    emergent: not part of this build
  on trial   adaptive: on and off by turns, in blocks of 2.0 s
  adaptive   on since second 347; costs ×0.780 (0.700 to 0.870) by 84 blocks, which tell 8.5 % from none
  proactive  off: switched off by an operator
model:
  linear model, in use
  outcomes: 12,000 learned, 1,000 judged, 0 refused; doubted 1 times
  error over the last 1000: 0.02 s; plain mean 0.08 s
  plain mean: 0.1 s
        0.25 s  (always)
         0.5 s  for each complexity
speeds of members (1 is an ordinary one):
     0.31  m-1
     1.31  m-0
last changes of layers:
     347.200 s  adaptive: trying to on, adaptive is used
";
    assert_eq!(of_pool(pool()), expected);
}

#[test]
fn what_was_not_measured_is_said_not_to_be() {
    let mut pool = pool();
    let layer = &mut pool["ladder"]["layers"][1];
    layer["gain"] = json!({"ratio": 0.9, "interval": null, "blocks": 2, "detectable": null});
    let text = of_pool(pool.clone());
    assert!(text.contains("costs ×0.900 by 2 blocks, too few for an interval"), "{text}");
    pool["ladder"]["layers"][1]["gain"] = json!(Gain::default());
    assert!(of_pool(pool).contains("on since second 347; not measured yet"));
}

#[test]
fn a_layer_that_was_sent_down_says_why_and_until_when() {
    let mut pool = pool();
    let layer = &mut pool["ladder"]["layers"][1];
    layer["stage"] = json!("cooling_down");
    layer["until_s"] = json!(647.2);
    layer["reason"] = json!("costs rose to 2.10 times those without it");
    let expected =
        "adaptive   cooling down since second 347, tried again at second 647: costs rose to 2.10";
    let text = of_pool(pool);
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_kind_shows_adaptations_with_id_and_cause_and_its_knobs() {
    let adaptation = json!({
        "id": "a-3", "kind": "reduce_complexity", "at_s": 19.04, "rule": "busy", "sensor": "cpu",
        "readings": {"cpu": 0.951}, "gain": null, "rolled_back": null,
    });
    let mut layers = json!({
        "ladder": pool()["ladder"],
        "knobs": {"complexity": 0.5, "cache": null, "prefer_quality": false},
        "adaptations": [adaptation],
        "answers": {"kept": 2, "hits": 7},
    });
    let text = of_kind(layers.clone());
    let expected = "adaptations in force:
  a-3  reduce complexity at 19.0 s, by the rule busy: cpu was 0.95; not measured yet
knobs:
  cache           –
  complexity      0.5
  prefer quality  no
answers kept:
  hits  7
  kept  2
";
    assert!(text.starts_with("layers of the kind:\n") && text.contains(expected), "{text}");
    layers["adaptations"] = json!([]);
    assert!(of_kind(layers).contains("adaptations in force:\n  none\n"));
}

#[test]
fn what_is_not_known_here_is_shown_as_it_came() {
    let layers = json!({
        "ladder": {"rungs": 3},
        "model": {"kind": "oracle", "right": true},
        "measured": {"layer": "adaptive", "phase": "elsewhere"},
        "prefetch": {"asked_for": 3, "hits": [1, 2]},
        "variants": ["full", "brief"],
        "admission": null,
    });
    let expected = "layers of the kind:
  rungs  3
model:
  kind   oracle
  right  yes
prefetch:
  asked for  3
  hits       1, 2
variants:
  full
  brief
";
    assert_eq!(of_kind(layers), expected);
    assert_eq!(of_kind(json!(null)), "");
    assert_eq!(of_kind(json!([7])), "");
    assert!(of_pool(json!({"used": "reactive"})).contains("none: they come with"));
}

#[test]
fn much_is_cut_and_nothing_moves_the_cursor() {
    let many: serde_json::Map<String, Value> =
        (0..40).map(|member| (format!("m-{member}"), json!(member))).collect();
    let mut pool = pool();
    pool["speeds"] = many.into();
    let text = of_pool(pool.clone());
    assert!(text.contains("7.00  m-7\n  and 24 members between\n    32.00  m-32\n"), "{text}");
    let long: Vec<Value> = (0..100).map(|line| json!(line)).collect();
    pool["odd\u{1b}[2J"] = long.into();
    let text = of_pool(pool);
    assert!(text.contains("odd\\u{1b}[2J:\n  0\n"), "{text}");
    assert!(text.contains("  and 40 more; --format json has all\n"), "{text}");
}
