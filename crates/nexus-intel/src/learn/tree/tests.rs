//! What the tree promises, on made-up outcomes.

use nexus_base::Rng;

use super::*;

fn set() -> FeatureSet {
    FeatureSet::new(["size", "hour"]).expect("two good names")
}

/// A number from 0 to `most`.
fn chance(rng: &mut Rng, most: f64) -> f64 {
    rng.below(1_000_001) as f64 / 1e6 * most
}

/// Learns `count` outcomes of `truth`, give or take `noise`.
fn learn(tree: &mut Tree, rng: &mut Rng, count: u32, noise: f64, truth: impl Fn(f64, f64) -> f64) {
    for _ in 0..count {
        let (size, hour) = (chance(rng, 100.0), chance(rng, 24.0));
        let target = truth(size, hour) + chance(rng, 2.0 * noise) - noise;
        tree.learn(&set().values(&[size, hour]).expect("sane"), target).expect("sane");
    }
}

/// The mean absolute error on fresh requests.
fn error(tree: &Tree, truth: impl Fn(f64, f64) -> f64) -> f64 {
    let mut rng = Rng::new(99);
    let mut sum = 0.0;
    for _ in 0..1_000 {
        let (size, hour) = (chance(&mut rng, 100.0), chance(&mut rng, 24.0));
        let features = set().values(&[size, hour]).expect("sane");
        sum += (tree.predict(&features) - truth(size, hour)).abs();
    }
    sum / 1_000.0
}

fn steps(size: f64, hour: f64) -> f64 {
    match (size < 40.0, hour < 12.0) {
        (true, _) => 1.0,
        (false, true) => 5.0,
        (false, false) => 9.0,
    }
}

#[test]
fn steps_over_two_features_are_found_and_told() {
    let mut tree = Tree::new(2, Forgetting::DEFAULT);
    learn(&mut tree, &mut Rng::new(1), 3_000, 0.5, steps);
    assert!(error(&tree, steps) < 0.4, "{}", tree.to_text(&set(), "s"));
    let text = tree.to_text(&set(), "s");
    assert!(text.starts_with("size ≤ "), "{text}");
    assert!(text.contains("\n  hour > "), "{text}");
    assert_eq!(text.matches(" outcomes)\n").count(), tree.leaves(), "{text}");
}

#[test]
fn noise_alone_splits_hardly_ever() {
    let splits = (0..100).map(|seed| {
        let mut tree = Tree::new(2, Forgetting::DEFAULT);
        // One generation, looked at some thirty times.
        learn(&mut tree, &mut Rng::new(seed), 999, 1.0, |_, _| 5.0);
        usize::from(tree.leaves() > 1)
    });
    let splits: usize = splits.sum();
    assert!(splits <= 5, "{splits} of 100");
}

#[test]
fn a_change_of_levels_is_followed_within_a_thousand_outcomes() {
    let mut tree = Tree::new(2, Forgetting::DEFAULT);
    let mut rng = Rng::new(2);
    learn(&mut tree, &mut rng, 5_000, 0.5, steps);
    let reversed = |size, hour| 10.0 - steps(size, hour);
    learn(&mut tree, &mut rng, 1_000, 0.5, reversed);
    assert!(error(&tree, reversed) < 0.5, "{}", tree.to_text(&set(), ""));
}

#[test]
fn a_change_of_what_matters_grows_another_tree_within_two_generations() {
    let mut tree = Tree::new(2, Forgetting::DEFAULT);
    let mut rng = Rng::new(3);
    // Not at the end of a generation, and no leaf is left that could split.
    learn(&mut tree, &mut rng, 20_300, 0.0, |size, _| size * size);
    assert_eq!(tree.leaves(), LEAVES_MAX);
    let later = |_, hour| if hour < 6.0 { 1.0 } else { 9.0 };
    learn(&mut tree, &mut rng, 2 * GENERATION_OUTCOMES, 0.5, later);
    assert!(error(&tree, later) < 0.4, "{}", tree.to_text(&set(), ""));
    assert!(tree.replaced() > 0);
}

#[test]
fn while_nothing_changes_the_grown_tree_mostly_stays_and_is_never_far_off() {
    let mut replaced = 0;
    for seed in 0..20 {
        let mut tree = Tree::new(2, Forgetting::DEFAULT);
        let mut rng = Rng::new(seed);
        learn(&mut tree, &mut rng, 3_000, 1.0, steps);
        for _ in 0..10 {
            learn(&mut tree, &mut rng, GENERATION_OUTCOMES, 1.0, steps);
            // The noise itself is 0.5 off on average, the plain mean 2.7.
            let error = error(&tree, steps);
            assert!(error < 0.4, "{seed}: {error}, {}", tree.to_text(&set(), ""));
        }
        replaced += tree.replaced();
    }
    assert!(replaced <= 40, "{replaced} in 260 generations");
}

#[test]
fn it_stays_within_its_bounds() {
    let mut tree = Tree::new(2, Forgetting::DEFAULT);
    learn(&mut tree, &mut Rng::new(5), 30_000, 0.0, |size, hour| size * size + 100.0 * hour);
    assert_eq!(tree.leaves(), LEAVES_MAX);
    let text = tree.to_text(&set(), "");
    let deepest = text.lines().map(|line| line.len() - line.trim_start().len());
    assert!(deepest.max().expect("a line") / 2 < DEPTH_MAX);
    assert!(tree.size_bytes() < 64 * 1024, "{}", tree.size_bytes());
}

#[test]
fn large_numbers_that_differ_by_little_are_told_apart() {
    let mut tree = Tree::new(2, Forgetting::DEFAULT);
    let truth = |size, _| if size < 50.0 { 1e9 } else { 1e9 + 1.0 };
    learn(&mut tree, &mut Rng::new(6), 2_000, 0.1, truth);
    assert!(error(&tree, truth) < 0.1, "{}", tree.to_text(&set(), ""));
}

#[test]
fn a_feature_that_never_changes_is_no_question() {
    let mut tree = Tree::new(1, Forgetting::DEFAULT);
    let set = FeatureSet::new(["size"]).expect("one name");
    for n in 0..5_000 {
        tree.learn(&set.values(&[3.0]).expect("sane"), f64::from(n % 7)).expect("sane");
    }
    assert_eq!(tree.leaves(), 1);
}

#[test]
fn a_target_that_is_no_number_changes_nothing() {
    let mut tree = Tree::new(2, Forgetting::DEFAULT);
    learn(&mut tree, &mut Rng::new(7), 1_000, 0.5, steps);
    let before = tree.clone();
    for target in [f64::NAN, f64::INFINITY, -f64::INFINITY, 1e19] {
        tree.learn(&set().values(&[1.0, 1.0]).expect("sane"), target).expect_err("refused");
    }
    assert_eq!(tree, before);
}

#[test]
fn a_file_with_a_question_that_leads_back_to_itself_is_refused() {
    let mut tree = Tree::new(2, Forgetting::DEFAULT);
    learn(&mut tree, &mut Rng::new(8), 1_000, 0.5, steps);
    let mut to = Writer::default();
    tree.write(&mut to);
    let mut bytes = to.finish();
    let read = |bytes: &[u8]| Tree::read(&mut Reader::new(bytes), 2, Forgetting::DEFAULT);
    assert_eq!(read(&bytes), Ok(tree));
    // Before the root are: outcomes of the warm-up, none; cuts; origin; how many
    // nodes. The root is its mark, feature, cut, and where to go on.
    let root = 4 + 2 * (cuts::BINS - 1) * 8 + 8 + 4;
    assert_eq!((bytes[root], bytes[root + 3]), (1, 1), "a question, whose children follow");
    for below in [0, 2 * LEAVES_MAX as u8] {
        bytes[root + 3] = below;
        assert_eq!(read(&bytes), Err(ModelFileError::Invalid("a question of a tree")));
    }
}
