//! Whether the node answers.

use std::time::Duration;

/// Time for an answer after which its absence is shown. A guess: healthy nodes
/// answer in milliseconds.
const SLOW_AFTER: Duration = Duration::from_secs(3);

/// What is known of the node's being there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    asked: Option<Duration>,
    lost: Option<Loss>,
    has_answered: bool,
    now: Duration,
}

/// A node that cannot be reached.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Loss {
    since: Duration,
    tries: u32,
    reason: String,
}

/// What is to be told about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// It answers.
    Good,
    /// It was asked for the first time.
    Asking,
    /// It has been silent for this long.
    Silent(Duration),
    /// It cannot be reached.
    Lost {
        /// For how long.
        span: Duration,
        /// How often it was tried.
        tries: u32,
        /// Why, in words.
        reason: String,
        /// Whether there are figures from before.
        has_figures: bool,
    },
}

impl Contact {
    /// Nothing was tried yet.
    pub fn new() -> Contact {
        Contact { asked: None, lost: None, has_answered: false, now: Duration::ZERO }
    }

    /// It is being asked.
    pub fn ask(&mut self, now: Duration) {
        self.asked = Some(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.now = now;
    }

    /// It answered.
    pub fn reached(&mut self) {
        *self = Contact { has_answered: true, now: self.now, ..Contact::new() };
    }

    /// It did not.
    pub fn lost(&mut self, now: Duration, reason: String) {
        self.now = now;
        let asked = self.asked.take().unwrap_or(now);
        let (since, tries) = match &self.lost {
            Some(loss) => (loss.since, loss.tries.saturating_add(1)),
            None => (asked, 1),
        };
        self.lost = Some(Loss { since, tries, reason });
    }

    /// What is to be told.
    pub fn report(&self) -> Report {
        if let Some(Loss { since, tries, reason }) = &self.lost {
            return Report::Lost {
                span: self.now.saturating_sub(*since),
                tries: *tries,
                reason: reason.clone(),
                has_figures: self.has_answered,
            };
        }
        match self.asked {
            Some(asked) if self.now.saturating_sub(asked) >= SLOW_AFTER => {
                Report::Silent(self.now.saturating_sub(asked))
            }
            _ if self.has_answered => Report::Good,
            _ => Report::Asking,
        }
    }
}
