//! A file is whole and meant for here, or refused.

use nexus_base::Rng;

use super::*;

const ORIGIN: Origin<'static> = Origin { build: "0.1.0 (abc)", cluster: 7 };
const KINDS: [ModelKind; 3] = [ModelKind::Linear, ModelKind::Tree, ModelKind::Pair];

fn set() -> FeatureSet {
    FeatureSet::new(["size", "hour"]).expect("two good names")
}

fn predictor(kind: ModelKind, outcomes: u32) -> Predictor {
    let settings = Settings { unit: "ms".into(), ..Settings::new(kind) };
    let mut predictor = Predictor::new(set(), settings).expect("good settings");
    observe(&mut predictor, &mut Rng::new(1), outcomes);
    predictor
}

fn observe(predictor: &mut Predictor, rng: &mut Rng, count: u32) {
    for _ in 0..count {
        let (size, hour) = (rng.below(1_000) as f64, rng.below(24) as f64);
        let features = predictor.features(&[size, hour]).expect("sane");
        let actual = size.min(300.0) + hour + rng.below(100) as f64 / 7.0;
        predictor.observe(&features, actual).expect("sane");
    }
}

fn load(bytes: &[u8], like: &Predictor) -> Result<Predictor, ModelFileError> {
    Predictor::load(bytes, &ORIGIN, like.set(), like.settings())
}

/// Gives damaged bytes a sum that fits, as if somebody had meant them.
fn resum(bytes: &mut [u8]) {
    let sum = checksum(&bytes[28..]);
    bytes[20..28].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn what_was_saved_goes_on_to_the_same_bits() {
    for kind in KINDS {
        for outcomes in [0, 1, 50, 255, 256, 257, 700, 4_321] {
            let mut saved = predictor(kind, outcomes);
            let bytes = saved.save(&ORIGIN);
            let mut loaded = load(&bytes, &saved).expect("nothing is wrong with it");
            assert_eq!(loaded, saved, "{kind} {outcomes}");
            observe(&mut saved, &mut Rng::new(2), 1_500);
            observe(&mut loaded, &mut Rng::new(2), 1_500);
            assert_eq!(loaded.save(&ORIGIN), saved.save(&ORIGIN), "{kind} {outcomes}");
        }
    }
}

#[test]
fn every_truncation_is_an_error() {
    for kind in KINDS {
        let predictor = predictor(kind, 300);
        let bytes = predictor.save(&ORIGIN);
        for len in 0..bytes.len() {
            assert_eq!(load(&bytes[..len], &predictor), Err(ModelFileError::Truncated), "{len}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(load(&longer, &predictor), Err(ModelFileError::Damaged));
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    for kind in KINDS {
        let predictor = predictor(kind, 20);
        let mut bytes = predictor.save(&ORIGIN);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                load(&bytes, &predictor).expect_err("a bit is wrong");
                bytes[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn bytes_that_are_wrong_on_purpose_never_panic_and_load_only_what_can_go_on() {
    for kind in KINDS {
        let predictor = predictor(kind, 600);
        let good = predictor.save(&ORIGIN);
        let mut rng = Rng::new(3);
        let mut loaded = 0;
        for _ in 0..3_000 {
            let mut bytes = good.clone();
            for _ in 0..=rng.below(3) {
                let at = 28 + rng.below(good.len() as u64 - 28) as usize;
                bytes[at] = rng.below(256) as u8;
            }
            resum(&mut bytes);
            if let Ok(mut predictor) = load(&bytes, &predictor) {
                observe(&mut predictor, &mut Rng::new(4), 50);
                loaded += 1;
            }
        }
        assert!(loaded > 100, "{kind}: the bounds are to be met, not the sum: {loaded}");
    }
}

#[test]
fn what_is_meant_for_elsewhere_is_refused_with_its_reason() {
    let predictor = predictor(ModelKind::Linear, 200);
    let bytes = predictor.save(&ORIGIN);
    let (set, settings) = (predictor.set(), predictor.settings());
    let check = |result: Result<Predictor, ModelFileError>, expected: &str| {
        assert_eq!(result.expect_err("refused").to_string(), expected);
    };
    let other = Origin { build: "0.2.0", ..ORIGIN };
    check(
        Predictor::load(&bytes, &other, set, settings),
        "the model was made by build `0.1.0 (abc)`, this is `0.2.0`; let it be learned again",
    );
    let other = Origin { cluster: 8, ..ORIGIN };
    check(
        Predictor::load(&bytes, &other, set, settings),
        "the model was learned in cluster 00000000000000000000000000000007, this is \
         00000000000000000000000000000008",
    );
    let other = FeatureSet::new(["hour", "size"]).expect("two good names");
    check(
        Predictor::load(&bytes, &ORIGIN, &other, settings),
        "the model was learned from [\"size\", \"hour\"], the features here are [\"hour\", \
         \"size\"]",
    );
    let other = Settings { outcomes_min: 7, ..settings.clone() };
    check(
        Predictor::load(&bytes, &ORIGIN, set, &other),
        "the model was learned under other settings; let it be learned again",
    );
    let other = Settings { model: ModelKind::Tree, ..settings.clone() };
    check(
        Predictor::load(&bytes, &ORIGIN, set, &other),
        "the model was learned under other settings; let it be learned again",
    );
}

#[test]
fn what_is_no_model_of_this_format_is_refused() {
    let predictor = predictor(ModelKind::Linear, 200);
    let good = predictor.save(&ORIGIN);
    let check = |bytes: &[u8], expected: ModelFileError| {
        assert_eq!(load(bytes, &predictor), Err(expected));
    };
    check(b"{\"model\":1}", ModelFileError::NotAModel);
    check(&vec![0; MODEL_FILE_BYTES_MAX + 1], ModelFileError::TooLarge(MODEL_FILE_BYTES_MAX + 1));
    let mut other = good.clone();
    other[8] = 2;
    check(&other, ModelFileError::OtherVersion { found: 2 });
    let mut huge = good;
    huge[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
    check(&huge, ModelFileError::Truncated);
}

#[test]
fn a_weight_that_is_no_number_is_refused() {
    let predictor = predictor(ModelKind::Linear, 200);
    let Model::Linear(line) = &predictor.model else { panic!("a line") };
    let mut bytes = predictor.save(&ORIGIN);
    let weight = line.weights()[0].to_le_bytes();
    let at = bytes.windows(8).position(|window| window == weight).expect("it is in there");
    for bad in [f64::NAN, f64::INFINITY, 1e200] {
        bytes[at..at + 8].copy_from_slice(&bad.to_le_bytes());
        resum(&mut bytes);
        assert_eq!(load(&bytes, &predictor), Err(ModelFileError::Invalid("a weight")));
    }
}

#[test]
fn the_largest_model_is_far_below_the_bound() {
    let names = (0..FEATURES_MAX).map(|n| format!("{n}").repeat(FEATURE_NAME_BYTES_MAX));
    let set = FeatureSet::new(names).expect("long names");
    let mut predictor = Predictor::new(set, Settings::new(ModelKind::Tree)).expect("usual");
    let mut rng = Rng::new(5);
    let mut bytes_max = 0;
    for _ in 0..6_000 {
        let values = [0; FEATURES_MAX].map(|_| rng.below(1_000) as f64);
        let features = predictor.features(&values).expect("sane");
        predictor.observe(&features, values.iter().sum()).expect("sane");
        if rng.below(50) == 0 {
            bytes_max = bytes_max.max(predictor.save(&ORIGIN).len());
        }
    }
    assert!(bytes_max < MODEL_FILE_BYTES_MAX / 2, "{bytes_max}");
}
