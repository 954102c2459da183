//! What a checker of histories comes to.

/// What a checker of histories comes to, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a verdict nobody reads checks nothing"]
pub enum Verdict {
    /// It keeps what is promised.
    Ok,
    /// It cannot have come from a system that keeps its promise.
    Violated(String),
    /// Neither was found within the limits.
    Unknown(String),
}

impl Verdict {
    /// As one word: `ok`, `violated`, `unknown`. Scripts rely on these.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Violated(_) => "violated",
            Verdict::Unknown(_) => "unknown",
        }
    }

    /// Why it is not `ok`; empty if it is.
    pub fn reason(&self) -> &str {
        match self {
            Verdict::Ok => "",
            Verdict::Violated(reason) | Verdict::Unknown(reason) => reason,
        }
    }

    /// Whether the promise was seen to be kept.
    pub fn is_ok(&self) -> bool {
        *self == Verdict::Ok
    }
}
