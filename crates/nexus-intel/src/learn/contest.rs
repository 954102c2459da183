//! Model against baseline: who has been the better of the two lately.
//!
//! The absolute errors of both, for the same truths, are summed in blocks; a
//! window is the last ten blocks. Sums of blocks, and not one running sum, so
//! that nothing is ever subtracted and no rounding piles up.

use super::ModelFileError;
use super::bytes::{Reader, Writer};

/// Outcomes in a block; a verdict can change at the end of one.
pub const BLOCK_OUTCOMES: u32 = 20;

/// Blocks in a window.
const WINDOW_BLOCKS: usize = 10;

/// Outcomes a verdict is made from. Source: measured on the shipped trace: long
/// enough that a good model is not doubted by chance, short enough that one which
/// is fed reversed outcomes is caught within 500.
pub const WINDOW_OUTCOMES: u32 = BLOCK_OUTCOMES * WINDOW_BLOCKS as u32;

/// A model is doubted above this many times the baseline's error.
/// Source: measured on the shipped trace, where the line comes to 1.07 and
/// the tree to 0.84 in their worst window.
pub const DOUBT_ABOVE: f64 = 1.10;

/// A doubted model comes back at this many times the baseline's error or less,
/// in a whole window after it was doubted. Source: a guess; no worse.
pub const RETURN_BELOW: f64 = 1.0;

/// By how much of the truths' own size a model must be worse. Where the baseline is
/// exact, rounding would otherwise be a reason.
const WORSE_MIN: f64 = 1e-6;

/// What is held of a model for the moment.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing speaks against it.
    Trusted,
    /// It has been worse than the baseline, which is used instead.
    Doubted(Doubt),
}

/// Why a model is doubted: mean absolute errors over the window that did it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Doubt {
    /// Of the model.
    pub model_error: f64,
    /// Of the baseline, for the same truths.
    pub baseline_error: f64,
    /// How many truths had been judged by when it was doubted.
    pub at_outcome: u64,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let times = if self.baseline_error > 0.0 {
            format!("{:.2} times", self.model_error / self.baseline_error)
        } else {
            "above".into()
        };
        write!(
            f,
            "doubted since outcome {}: its error over {WINDOW_OUTCOMES} outcomes was {times} that \
             of the plain mean",
            self.at_outcome
        )
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Trusted => f.write_str("trusted"),
            Verdict::Doubted(doubt) => doubt.fmt(f),
        }
    }
}

/// Sums of absolute values over some outcomes.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
struct Block {
    model: f64,
    baseline: f64,
    truth: f64,
}

impl Block {
    fn add(&mut self, other: &Block) {
        self.model += other.model;
        self.baseline += other.baseline;
        self.truth += other.truth;
    }
}

/// Model against baseline.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Contest {
    /// Whole blocks since the window was last begun anew; the oldest is replaced.
    blocks: [Block; WINDOW_BLOCKS],
    block_count: u64,
    current: Block,
    current_outcomes: u32,
    verdict: Verdict,
    doubts: u64,
    /// Doubted above this many times the baseline's error ...
    doubt_above: f64,
    /// ... and if it is worse by this share of the truths' own size.
    worse_min: f64,
}

impl Contest {
    pub(crate) fn new() -> Contest {
        Contest::doubting_above(DOUBT_ABOVE, WORSE_MIN)
    }

    /// One that doubts above so many times the baseline's error, if that is worse by such
    /// a share of the truths' own size.
    pub(crate) fn doubting_above(doubt_above: f64, worse_min: f64) -> Contest {
        Contest {
            doubt_above,
            worse_min,
            blocks: [Block::default(); WINDOW_BLOCKS],
            block_count: 0,
            current: Block::default(),
            current_outcomes: 0,
            verdict: Verdict::Trusted,
            doubts: 0,
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Mean absolute errors of model and baseline over the blocks that the next
    /// verdict may be made from; `None` before the first.
    pub(super) fn errors(&self) -> Option<(f64, f64)> {
        let count = self.block_count.min(WINDOW_BLOCKS as u64) as usize;
        let mut sum = Block::default();
        self.blocks[..count].iter().for_each(|block| sum.add(block));
        let outcomes = count as f64 * f64::from(BLOCK_OUTCOMES);
        (count > 0).then(|| (sum.model / outcomes, sum.baseline / outcomes))
    }

    /// How often the model was doubted.
    pub(super) fn doubts(&self) -> u64 {
        self.doubts
    }

    /// Takes in what both said of one `truth`, which is the `at_outcome`th. The
    /// verdict, if it is another one now.
    pub(crate) fn judge(
        &mut self,
        model: f64,
        baseline: f64,
        truth: f64,
        at_outcome: u64,
    ) -> Option<Verdict> {
        self.current.add(&Block {
            model: (model - truth).abs(),
            baseline: (baseline - truth).abs(),
            truth: truth.abs(),
        });
        self.current_outcomes += 1;
        if self.current_outcomes < BLOCK_OUTCOMES {
            return None;
        }
        let slot = (self.block_count % WINDOW_BLOCKS as u64) as usize;
        self.blocks[slot] = std::mem::take(&mut self.current);
        self.current_outcomes = 0;
        self.block_count += 1;
        let next = self.decide(at_outcome)?;
        self.verdict = next;
        self.doubts += u64::from(matches!(next, Verdict::Doubted(_)));
        // What led to one verdict is not evidence for the next.
        self.block_count = 0;
        Some(next)
    }

    /// Another verdict than the present one, if a whole window says so.
    fn decide(&self, at_outcome: u64) -> Option<Verdict> {
        if self.block_count < WINDOW_BLOCKS as u64 {
            return None;
        }
        let mut sum = Block::default();
        for block in &self.blocks {
            sum.add(block);
        }
        match self.verdict {
            Verdict::Trusted => {
                let is_worse = sum.model > self.doubt_above * sum.baseline;
                let is_worth_it = sum.model - sum.baseline > self.worse_min * sum.truth;
                (is_worse && is_worth_it).then(|| {
                    let outcomes = f64::from(WINDOW_OUTCOMES);
                    Verdict::Doubted(Doubt {
                        model_error: sum.model / outcomes,
                        baseline_error: sum.baseline / outcomes,
                        at_outcome,
                    })
                })
            }
            Verdict::Doubted(_) => {
                let margin = RETURN_BELOW * sum.baseline + WORSE_MIN * sum.truth;
                (sum.model <= margin).then_some(Verdict::Trusted)
            }
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        for block in self.blocks.iter().chain([&self.current]) {
            to.f64s(&[block.model, block.baseline, block.truth]);
        }
        to.u64(self.block_count);
        to.u32(self.current_outcomes);
        to.u64(self.doubts);
        match self.verdict {
            Verdict::Trusted => to.u8(0),
            Verdict::Doubted(doubt) => {
                to.u8(1);
                to.f64s(&[doubt.model_error, doubt.baseline_error]);
                to.u64(doubt.at_outcome);
            }
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Contest, ModelFileError> {
        let mut contest = Contest::new();
        for block in contest.blocks.iter_mut().chain([&mut contest.current]) {
            block.model = read_error(from)?;
            block.baseline = read_error(from)?;
            block.truth = read_error(from)?;
        }
        contest.block_count = from.u64()?;
        contest.current_outcomes =
            from.count("outcomes of a block", BLOCK_OUTCOMES as usize - 1)? as u32;
        contest.doubts = from.u64()?;
        contest.verdict = match from.u8()? {
            0 => Verdict::Trusted,
            1 => Verdict::Doubted(Doubt {
                model_error: read_error(from)?,
                baseline_error: read_error(from)?,
                at_outcome: from.u64()?,
            }),
            _ => return Err(ModelFileError::Invalid("the verdict")),
        };
        Ok(contest)
    }
}

/// A sum of absolute errors, or their mean.
fn read_error(from: &mut Reader<'_>) -> Result<f64, ModelFileError> {
    from.f64_within("an error", 0.0, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges `count` truths of 100 that the model misses by `model` and the
    /// baseline by 10; the verdicts that came up, with how many had been judged.
    fn judge(contest: &mut Contest, count: u64, model: f64) -> Vec<(u64, bool)> {
        let verdicts = (1..=count).filter_map(|outcome| {
            let verdict = contest.judge(100.0 + model, 90.0, 100.0, outcome)?;
            Some((outcome, matches!(verdict, Verdict::Doubted(_))))
        });
        verdicts.collect()
    }

    #[test]
    fn a_model_within_the_margin_is_never_doubted() {
        assert_eq!(judge(&mut Contest::new(), 10_000, 10.9), []);
    }

    #[test]
    fn a_worse_model_is_doubted_after_a_window() {
        let mut contest = Contest::new();
        assert_eq!(judge(&mut contest, 10_000, 11.1), [(200, true)]);
        let said = contest.verdict().to_string();
        assert_eq!(
            said,
            "doubted since outcome 200: its error over 200 outcomes was 1.11 times that of the \
             plain mean"
        );
    }

    #[test]
    fn a_doubted_model_comes_back_only_after_a_whole_window_that_was_no_worse() {
        let mut contest = Contest::new();
        judge(&mut contest, 200, 20.0);
        assert_eq!(judge(&mut contest, 5_000, 10.5), [], "within the margin is not enough");
        assert_eq!(judge(&mut contest, 80, 9.0), [(80, false)], "mostly better is");
        assert_eq!(judge(&mut contest, 199, 20.0), [], "and is judged anew");
        assert_eq!(judge(&mut contest, 1, 20.0), [(1, true)]);
        assert_eq!(contest.doubts(), 2);
    }

    #[test]
    fn an_exact_baseline_is_no_reason_to_doubt_rounding() {
        let mut contest = Contest::new();
        for outcome in 0..1_000 {
            assert_eq!(contest.judge(100.000_001, 100.0, 100.0, outcome), None);
        }
    }
}
