//! Leases that have ended, so that what comes late is known for it.
//!
//! A holder with a lease of its own is one taking of the lock: once that has ended it does
//! not hold again. Those with a session are known by the session.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Holder, Token};

/// How a lease has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum End {
    /// Its holder let it go.
    Released,
    /// It was not renewed.
    Lapsed,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct One {
    name: String,
    holder: Holder,
    token: Token,
    how: End,
}

/// The last of them, the oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    len_max: usize,
    all: VecDeque<One>,
}

impl Ended {
    pub(super) const fn new(len_max: usize) -> Ended {
        Ended { len_max, all: VecDeque::new() }
    }

    /// Whether it is as `new` with that bound can have become.
    pub(super) fn is_sound(&self, len_max: usize) -> bool {
        self.len_max == len_max && self.all.len() <= len_max
    }

    pub(super) fn note(&mut self, name: &str, (holder, token): (Holder, Token), how: End) {
        if self.len_max == 0 {
            return;
        }
        if self.all.len() >= self.len_max {
            self.all.pop_front();
        }
        self.all.push_back(One { name: name.to_owned(), holder, token, how });
    }

    /// With which token a holder had the lock.
    pub(super) fn token(&self, name: &str, holder: Holder) -> Option<Token> {
        let is_it = |one: &&One| one.holder == holder && one.name == name;
        self.all.iter().rev().find(is_it).map(|one| one.token)
    }

    /// With which token the lock was held last by a lease that has ended.
    pub(super) fn newest(&self, name: &str) -> Option<Token> {
        self.all.iter().rev().find(|one| one.name == name).map(|one| one.token)
    }

    /// Whether the lock was let go with this token.
    pub(super) fn is_released(&self, name: &str, token: Token) -> bool {
        let is_it = |one: &One| one.token == token && one.how == End::Released && one.name == name;
        self.all.iter().rev().any(is_it)
    }
}
