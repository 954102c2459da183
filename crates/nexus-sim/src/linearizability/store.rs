//! The model of stores: a register, a map of texts, and our own `kv`.

use std::fmt;

use super::model::Model;

/// One key of a store.
///
/// | store | calls |
/// |---|---|
/// | register | [`Call::Get`] and [`Call::Put`] (read and write), [`Call::Cas`] |
/// | map of texts | [`Call::Get`], [`Call::Put`], [`Call::Append`] |
/// | the built-in kind `kv` | [`Call::Get`], [`Call::Put`], [`Call::Cas`], [`Call::Add`] |
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Store;

/// What a key may hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Box<str>),
}

/// What a key holds; nothing at first.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Held(pub Option<Value>);

/// What a store can be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// What the key holds.
    Get,
    /// The key is to hold this.
    Put(Value),
    /// If the key holds the first, it is to hold the second.
    Cas(Option<Value>, Value),
    /// This is to be added to the number held; to zero if there is none.
    Add(i64),
    /// This is to be put at the end of the text held; of none if there is none.
    Append(Box<str>),
}

/// What a store can answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is done: to any call but [`Call::Get`]. To `Cas`, that it swapped.
    Done,
    /// To `Get`: what was held, where an empty text also stands for nothing. To
    /// `Cas`: that it did not swap, as this was held. To the others: that it is
    /// done and this is held now.
    Found(Option<Value>),
    /// To `Cas`: that it did not swap, as something else was held.
    Refused,
}

impl Model for Store {
    type State = Held;
    type Call = Call;
    type Answer = Answer;

    fn start(&self) -> Held {
        Held(None)
    }

    fn step(&self, held: &Held, call: &Call, answer: Option<&Answer>) -> Option<Held> {
        match (call, answer) {
            (Call::Get, None) => Some(held.clone()),
            (Call::Get, Some(Answer::Found(found))) => held.reads(found).then(|| held.clone()),
            (Call::Get, Some(_)) => None,
            (Call::Cas(expect, _), Some(Answer::Found(found))) => {
                (held.0 == *found && held.0 != *expect).then(|| held.clone())
            }
            (Call::Cas(expect, _), Some(Answer::Refused)) => {
                (held.0 != *expect).then(|| held.clone())
            }
            (_, Some(Answer::Refused)) => None,
            (_, Some(Answer::Found(found))) => held.after(call).filter(|after| after.0 == *found),
            (_, Some(Answer::Done)) => held.after(call),
            (_, None) => Some(held.after(call).unwrap_or_else(|| held.clone())),
        }
    }

    fn is_read(&self, call: &Call, answer: &Answer) -> bool {
        let refused = matches!(answer, Answer::Refused | Answer::Found(_));
        *call == Call::Get || matches!(call, Call::Cas(..)) && refused
    }

    fn state_bytes(&self, held: &Held) -> usize {
        let text = match &held.0 {
            Some(Value::Text(text)) => text.len(),
            _ => 0,
        };
        size_of::<Held>() + text
    }
}

impl Held {
    fn reads(&self, found: &Option<Value>) -> bool {
        match (&self.0, found) {
            (None, Some(Value::Text(text))) => text.is_empty(),
            (held, found) => held == found,
        }
    }

    /// What is held after a call that does something; `None` if it is refused.
    fn after(&self, call: &Call) -> Option<Held> {
        let value = match (call, &self.0) {
            (Call::Get, _) => return Some(self.clone()),
            (Call::Put(value), _) => value.clone(),
            (Call::Cas(expect, value), held) if held == expect => value.clone(),
            (Call::Add(by), None) => Value::Int(*by),
            (Call::Add(by), Some(Value::Int(held))) => Value::Int(held.checked_add(*by)?),
            (Call::Append(text), None) => Value::Text(text.clone()),
            (Call::Append(text), Some(Value::Text(held))) => {
                Value::Text([&**held, text].concat().into())
            }
            (Call::Cas(..) | Call::Add(_) | Call::Append(_), _) => return None,
        };
        Some(Held(Some(value)))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

/// Characters shown of a text at either end. A guess: both fit on a line.
const SHOWN_CHARS: usize = 24;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(value) => write!(f, "{value}"),
            Value::Text(text) => write_text(f, text),
        }
    }
}

/// Quoted and harmless to a terminal; a long one without its middle.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let end = text.char_indices().nth(SHOWN_CHARS).map(|(end, _)| end);
    let start = text.char_indices().rev().nth(SHOWN_CHARS - 1).map(|(start, _)| start);
    match (end, start) {
        (Some(end), Some(start)) if end < start => {
            write!(f, "{:?}\u{2026}{:?}", &text[..end], &text[start..])
        }
        _ => write!(f, "{text:?}"),
    }
}

struct Shown<'a>(&'a Option<Value>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("nothing"),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(&self.0).fmt(f)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Get => f.write_str("get"),
            Call::Put(value) => write!(f, "put {value}"),
            Call::Cas(expect, value) => write!(f, "cas {} to {value}", Shown(expect)),
            Call::Add(by) => write!(f, "add {by}"),
            Call::Append(text) => {
                f.write_str("append ")?;
                write_text(f, text)
            }
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Done => f.write_str("that it is done"),
            Answer::Found(found) => Shown(found).fmt(f),
            Answer::Refused => f.write_str("that something else is held"),
        }
    }
}
