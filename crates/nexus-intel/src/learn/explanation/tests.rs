//! What an explanation says.

use super::super::{FeatureSet, Settings};
use super::*;

fn predictor(kind: ModelKind, outcomes: u32) -> Predictor {
    let set = FeatureSet::new(["size"]).expect("one name");
    let settings = Settings { unit: "s".into(), ..Settings::new(kind) };
    let mut predictor = Predictor::new(set, settings).expect("good settings");
    for n in 0..outcomes {
        let size = f64::from(n % 10);
        let features = predictor.features(&[size]).expect("sane");
        predictor.observe(&features, if size < 5.0 { 1.0 } else { 3.0 }).expect("sane");
    }
    predictor
}

#[test]
fn a_line_is_told_by_the_names_of_its_weights() {
    let said = predictor(ModelKind::Linear, 1_500).explain().to_string();
    assert!(said.starts_with("linear model, in use\n"), "{said}");
    assert!(said.contains("1,500 learned, 1,500 judged, 0 refused; doubted 0 times"), "{said}");
    assert!(said.contains("error over the last 1000: "), "{said}");
    assert!(said.contains(" s  for each size\n"), "{said}");
}

#[test]
fn a_tree_is_told_by_its_questions() {
    let said = predictor(ModelKind::Tree, 1_500).explain().to_string();
    assert!(said.contains("\nsize ≤ 4.5: 1 s (750 outcomes)\n"), "{said}");
    assert!(said.contains("\nsize > 4.5: 3 s (750 outcomes)\n"), "{said}");
}

#[test]
fn of_a_pair_both_are_told_and_which_is_used() {
    let said = predictor(ModelKind::Pair, 1_500).explain().to_string();
    assert!(said.starts_with("pair model, in use\n"), "{said}");
    assert!(said.contains("\nof the two the linear one, not used, off by "), "{said}");
    assert!(said.contains("\nof the two the tree one, used, off by 0 s lately:\n"), "{said}");
    assert!(said.contains(" s  for each size\n"), "{said}");
    assert!(said.contains("\nsize > 4.5: 3 s (750 outcomes)\n"), "{said}");
}

#[test]
fn the_gate_that_holds_is_told() {
    let explanation = predictor(ModelKind::Tree, 10).explain();
    assert!(!explanation.in_use);
    let said = explanation.to_string();
    let expected = "tree model, not in use: insufficient data: 10 outcomes, 100 are needed\n";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn an_explanation_reads_back_from_json() {
    for kind in [ModelKind::Linear, ModelKind::Tree, ModelKind::Pair] {
        let explanation = predictor(kind, 0).explain();
        let json = serde_json::to_string(&explanation).expect("numbers and texts");
        assert!(json.contains(&format!("\"kind\":\"{kind}\"")), "{json}");
        assert_eq!(serde_json::from_str::<Explanation>(&json).expect("reads back"), explanation);
    }
}
