//! A line and a tree that learn the same, and the one that has been off by less.
//!
//! Which of the two fits is a matter of the work: where outcomes grow evenly with a
//! feature a line knows it after twenty of them, where they jump a tree does. Nobody
//! has to say beforehand, and where the work changes so does the choice.
//!
//! Two models would cost twice as much. So once a choice has stood for a while, the one
//! that is not used learns from a sample of the outcomes only, and both are judged by
//! that sample: a change of the work is then noticed after four times as many outcomes.

use super::bytes::{Reader, Writer};
use super::contest::Contest;
use super::features::check_target;
use super::{
    Features, Forgetting, LeastSquares, ModelFileError, ModelKind, TargetError, Tree, Verdict,
};

/// Outcomes after the last choice from which both models learn. Source: a guess; as many
/// as are kept, and five windows of judging.
const BOTH_OUTCOMES: u64 = 1_000;

/// Later the model that is not used learns from one in so many. Source: a guess; the
/// line then costs a request a tenth of what the tree does.
const SAMPLE_EVERY: u64 = 4;

/// Both models. The tree is used unless it has been worse than the line by a margin
/// over a whole window, and again once it has been no worse for a whole window; see
/// [`DOUBT_ABOVE`](super::DOUBT_ABOVE) and [`RETURN_BELOW`](super::RETURN_BELOW).
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Pair {
    pub(super) line: LeastSquares,
    pub(super) tree: Tree,
    /// The tree against the line, by what either missed before it learned.
    contest: Contest,
    /// Outcomes since the choice.
    outcomes: u64,
}

impl Pair {
    pub(super) fn new(feature_count: usize, forgetting: Forgetting) -> Pair {
        Pair {
            line: LeastSquares::new(feature_count, forgetting),
            tree: Tree::new(feature_count, forgetting),
            contest: Contest::new(),
            outcomes: 0,
        }
    }

    /// Which of the two is used.
    pub(super) fn used(&self) -> ModelKind {
        match self.contest.verdict() {
            Verdict::Trusted => ModelKind::Tree,
            Verdict::Doubted(_) => ModelKind::Linear,
        }
    }

    #[inline]
    pub(super) fn predict(&self, features: &Features) -> f64 {
        match self.used() {
            ModelKind::Linear => self.line.predict(features),
            _ => self.tree.predict(features),
        }
    }

    pub(super) fn learn(&mut self, features: &Features, target: f64) -> Result<(), TargetError> {
        check_target(target)?;
        self.outcomes += 1;
        if self.outcomes > BOTH_OUTCOMES && !self.outcomes.is_multiple_of(SAMPLE_EVERY) {
            return match self.used() {
                ModelKind::Linear => self.line.learn(features, target),
                _ => self.tree.learn(features, target),
            };
        }
        let tree_missed = self.tree.learn_missing(features, target)?;
        let line_missed = self.line.learn_missing(features, target)?;
        // Nobody asks this contest at which outcome it was.
        let chosen = self.contest.judge(target - tree_missed, target - line_missed, target, 0);
        if chosen.is_some() {
            self.outcomes = 0;
        }
        Ok(())
    }

    /// Mean absolute errors of line and tree over the last outcomes; `None` just after
    /// the other one was chosen.
    pub(super) fn errors(&self) -> Option<[f64; 2]> {
        self.contest.errors().map(|(tree, line)| [line, tree])
    }

    /// Bytes on the heap, itself included.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Pair>() - size_of::<Tree>() + self.tree.size_bytes()
    }

    pub(super) fn write(&self, to: &mut Writer) {
        self.line.write(to);
        self.tree.write(to);
        self.contest.write(to);
        to.u64(self.outcomes);
    }

    pub(super) fn read(
        from: &mut Reader<'_>,
        feature_count: usize,
        forgetting: Forgetting,
    ) -> Result<Pair, ModelFileError> {
        Ok(Pair {
            line: LeastSquares::read(from, feature_count, forgetting)?,
            tree: Tree::read(from, feature_count, forgetting)?,
            contest: Contest::read(from)?,
            outcomes: from.u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::FeatureSet;
    use super::*;

    /// Learns `count` outcomes of sizes to 100; after how many another one was used.
    fn learn(pair: &mut Pair, count: u32, target: fn(f64) -> f64) -> Option<(u32, ModelKind)> {
        let set = FeatureSet::new(["size"]).expect("one name");
        let before = pair.used();
        let mut changed = None;
        for n in 0..count {
            let size = f64::from(n * 37 % 101);
            let features = set.values(&[size]).expect("sane");
            pair.learn(&features, target(size)).expect("sane");
            if changed.is_none() && pair.used() != before {
                changed = Some((n + 1, pair.used()));
            }
        }
        changed
    }

    #[test]
    fn whoever_fits_the_work_is_used_and_the_other_when_the_work_changes() {
        let mut pair = Pair::new(1, Forgetting::DEFAULT);
        assert_eq!(pair.used(), ModelKind::Tree);
        let evenly = |size| 2.0 + size / 10.0;
        let in_a_jump = |size| if size < 40.0 { 1.0 } else { 9.0 };
        assert_eq!(learn(&mut pair, 3_000, evenly), Some((200, ModelKind::Linear)));
        let errors = pair.errors().expect("windows went by");
        assert!(errors[0] < 0.1 * errors[1], "{errors:?}");
        let (after, used) = learn(&mut pair, 5_000, in_a_jump).expect("the tree fits better");
        assert_eq!(used, ModelKind::Tree);
        assert!(after <= 2_500, "after {after} outcomes");
        assert_eq!(learn(&mut pair, 5_000, in_a_jump), None, "and it stays");
    }
}
