//! The small language that picks agents from a list: `kind = "cart" and mailbox > 10`.
//!
//! ```text
//! any   := all ("or" all)*
//! all   := one ("and" one)*
//! one   := "not" one | "(" any ")" | field compare value
//! field := kind | key | phase | level | mailbox | epoch | handled | errors |
//!          rate | age | state.NAME(.NAME)*
//! compare := = != < <= > >= ~
//! value := "text" | number | true | false | null
//! ```
//!
//! `~` holds if the left text contains the right one. Numbers compare with
//! numbers, texts with texts: where a field is known to be the other, that is an
//! error. Where a field is not there nothing holds but `!=`.
//!
//! Pure. Costs a look at every agent, some hundred nanoseconds each; one that
//! names `state` sends every agent that the rest does not rule out a message.

use nexus_base::Level;
use serde_json::Value;

use crate::settings::nearest;

/// Bytes of the longest filter. A guess: what people type is shorter.
pub(super) const FILTER_BYTES_MAX: usize = 1_024;
/// Brackets within brackets, at most: reading goes that deep into the stack.
const DEPTH_MAX: usize = 32;

/// A filter that was understood.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Filter(Test);

#[derive(Clone, PartialEq, Debug)]
enum Test {
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    Compare { field: Field, compare: Compare, value: Value },
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Field {
    Plain(&'static str),
    State(Vec<String>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

/// Fields of an agent, as the list shows them.
const FIELDS: [&str; 10] =
    ["kind", "key", "phase", "level", "mailbox", "epoch", "handled", "errors", "rate", "age"];

/// Those that are texts; the others are numbers.
const TEXTS: [&str; 4] = ["kind", "key", "phase", "level"];

/// Why a filter was not understood, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the filter was not understood at character {at}: {reason}")]
pub(super) struct FilterError {
    /// Counted from 1.
    pub(super) at: usize,
    pub(super) reason: String,
}

/// What a filter looks at.
pub(super) trait Facts {
    /// The field of that name.
    fn field(&self, name: &str) -> Value;
    /// What the agent says of itself; null if it was not asked.
    fn state(&self) -> &Value;
}

impl Filter {
    /// Reads a filter.
    pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
        if text.len() > FILTER_BYTES_MAX {
            let reason =
                format!("it has {} bytes, at most {FILTER_BYTES_MAX} are taken", text.len());
            return Err(FilterError { at: FILTER_BYTES_MAX, reason });
        }
        let mut reader = Reader { text, at: 0, depth: 0 };
        let test = reader.any()?;
        match reader.next()? {
            Token::End => Ok(Filter(test)),
            _ => Err(reader.error("expected `and`, `or` or the end")),
        }
    }

    /// Whether it asks for agents' states.
    pub(super) fn needs_state(&self) -> bool {
        self.0.needs_state()
    }

    /// Whether it holds for an agent.
    pub(super) fn holds(&self, facts: &impl Facts) -> bool {
        self.0.holds(facts, false) == Some(true)
    }

    /// Whether it may hold, going by everything but the state.
    pub(super) fn may_hold(&self, facts: &impl Facts) -> bool {
        self.0.holds(facts, true) != Some(false)
    }
}

impl Test {
    fn needs_state(&self) -> bool {
        match self {
            Test::Any(tests) | Test::All(tests) => tests.iter().any(Test::needs_state),
            Test::Not(test) => test.needs_state(),
            Test::Compare { field, .. } => matches!(field, Field::State(_)),
        }
    }

    /// `None`: not known without the state.
    fn holds(&self, facts: &impl Facts, without_state: bool) -> Option<bool> {
        let each = |tests: &[Test], decides: bool| {
            let mut known = true;
            for test in tests {
                match test.holds(facts, without_state) {
                    Some(holds) if holds == decides => return Some(decides),
                    Some(_) => {}
                    None => known = false,
                }
            }
            known.then_some(!decides)
        };
        match self {
            Test::Any(tests) => each(tests, true),
            Test::All(tests) => each(tests, false),
            Test::Not(test) => test.holds(facts, without_state).map(|holds| !holds),
            Test::Compare { field: Field::State(_), .. } if without_state => None,
            Test::Compare { field: Field::State(path), compare, value } => {
                let found = path.iter().try_fold(facts.state(), |value, name| value.get(name));
                Some(compare.holds(found.unwrap_or(&Value::Null), value))
            }
            Test::Compare { field: Field::Plain(name), compare, value } => {
                Some(compare.holds(&facts.field(name), value))
            }
        }
    }
}

impl Compare {
    fn holds(self, left: &Value, right: &Value) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = match (left, right) {
            (Value::Number(left), Value::Number(right)) => {
                left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right))
            }
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (left, right) => (left == right).then_some(Equal),
        };
        match self {
            Compare::Equal => order == Some(Equal),
            Compare::NotEqual => order != Some(Equal),
            Compare::Less => order == Some(Less),
            Compare::LessOrEqual => matches!(order, Some(Less | Equal)),
            Compare::Greater => order == Some(Greater),
            Compare::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
            Compare::Contains => match (left, right) {
                (Value::String(left), Value::String(right)) => left.contains(right.as_str()),
                _ => false,
            },
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Token<'t> {
    Word(&'t str),
    Value(Value),
    Compare(Compare),
    Open,
    Close,
    End,
}

struct Reader<'t> {
    text: &'t str,
    /// Bytes read.
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn any(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.all()?];
        while self.take_word("or") {
            tests.push(self.all()?);
        }
        Ok(one_or(tests, Test::Any))
    }

    fn all(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.one()?];
        while self.take_word("and") {
            tests.push(self.one()?);
        }
        Ok(one_or(tests, Test::All))
    }

    fn one(&mut self) -> Result<Test, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("nested deeper than {DEPTH_MAX}")));
        }
        let test = match self.next()? {
            Token::Word("not") => Test::Not(Box::new(self.one()?)),
            Token::Open => {
                let test = self.any()?;
                match self.next()? {
                    Token::Close => test,
                    _ => return Err(self.error("expected `)`")),
                }
            }
            Token::Word(name) => self.compare(name)?,
            _ => return Err(self.error(format!("expected one of {}", FIELDS.join(", ")))),
        };
        self.depth -= 1;
        Ok(test)
    }

    fn compare(&mut self, name: &str) -> Result<Test, FilterError> {
        let field = self.field(name)?;
        let Token::Compare(compare) = self.next()? else {
            return Err(self.error("expected one of = != < <= > >= ~"));
        };
        match self.next()? {
            Token::Value(value) => {
                self.check(&field, compare, &value)?;
                Ok(Test::Compare { field, compare, value })
            }
            _ => Err(self.error("expected a \"text\", a number, true, false or null")),
        }
    }

    /// Refuses what would never hold, or always.
    fn check(&self, field: &Field, compare: Compare, value: &Value) -> Result<(), FilterError> {
        if compare == Compare::Contains && !value.is_string() {
            return Err(self.error("`~` takes a \"text\""));
        }
        let Field::Plain(name) = *field else { return Ok(()) };
        let is_text = TEXTS.contains(&name);
        match (is_text, compare) {
            (false, Compare::Contains) => {
                Err(self.error(format!("`{name}` is a number, and `~` looks into texts")))
            }
            (true, _) if !value.is_string() => {
                Err(self.error(format!("`{name}` is a text, and compares with a \"text\"")))
            }
            (false, _) if !value.is_number() => {
                Err(self.error(format!("`{name}` is a number, and compares with a number")))
            }
            (true, Compare::Equal | Compare::NotEqual) if name == "level" => {
                self.check_level(value.as_str().unwrap_or_default())
            }
            _ => Ok(()),
        }
    }

    fn check_level(&self, level: &str) -> Result<(), FilterError> {
        let Err(unknown) = level.parse::<Level>() else { return Ok(()) };
        let known = Level::ALL.iter().map(|level| level.as_str());
        let meant = nearest(level, known).map(|level| format!("; did you mean `{level}`?"));
        Err(self.error(format!("{unknown}{}", meant.unwrap_or_default())))
    }

    fn field(&self, name: &str) -> Result<Field, FilterError> {
        if let Some(path) = name.strip_prefix("state.") {
            return Ok(Field::State(path.split('.').map(str::to_owned).collect()));
        }
        let known = FIELDS.into_iter().find(|field| *field == name);
        known.map(Field::Plain).ok_or_else(|| {
            let fields = FIELDS.join(", ");
            self.error(format!("there is no field `{name}`; fields are {fields} and state.NAME"))
        })
    }

    fn take_word(&mut self, word: &str) -> bool {
        let before = self.at;
        let taken = self.next() == Ok(Token::Word(word));
        if !taken {
            self.at = before;
        }
        taken
    }

    fn next(&mut self) -> Result<Token<'t>, FilterError> {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        let (token, bytes) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '"' => return self.text_value(rest),
            '=' | '!' | '<' | '>' | '~' => self.compare_token(rest)?,
            '-' | '0'..='9' => return self.number(rest),
            _ if is_word(first) => {
                let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
                let token = match word {
                    "true" => Token::Value(true.into()),
                    "false" => Token::Value(false.into()),
                    "null" => Token::Value(Value::Null),
                    word => Token::Word(word),
                };
                (token, word.len())
            }
            other => return Err(self.error(format!("`{other}` has no meaning here"))),
        };
        self.at += bytes;
        Ok(token)
    }

    fn compare_token(&self, rest: &str) -> Result<(Token<'t>, usize), FilterError> {
        let known = [
            ("!=", Compare::NotEqual),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::GreaterOrEqual),
            ("==", Compare::Equal),
            ("=", Compare::Equal),
            ("<", Compare::Less),
            (">", Compare::Greater),
            ("~", Compare::Contains),
        ];
        let found = known.into_iter().find(|(text, _)| rest.starts_with(text));
        let (text, compare) = found.ok_or_else(|| self.error("expected `!=`"))?;
        Ok((Token::Compare(compare), text.len()))
    }

    fn number(&mut self, rest: &str) -> Result<Token<'t>, FilterError> {
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let number = &rest[..end.unwrap_or(rest.len())];
        match serde_json::from_str::<Value>(number) {
            Ok(value @ Value::Number(_)) => {
                self.at += number.len();
                Ok(Token::Value(value))
            }
            _ => Err(self.error(format!("`{number}` is no number"))),
        }
    }

    fn text_value(&mut self, rest: &str) -> Result<Token<'t>, FilterError> {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value @ Value::String(_))) => {
                self.at += values.byte_offset();
                Ok(Token::Value(value))
            }
            _ => Err(self.error("a text that does not end, or has a bad escape")),
        }
    }

    fn error(&self, reason: impl Into<String>) -> FilterError {
        let at = self.text[..self.at].chars().count() + 1;
        FilterError { at, reason: reason.into() }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn one_or(mut tests: Vec<Test>, many: fn(Vec<Test>) -> Test) -> Test {
    if tests.len() == 1 { tests.remove(0) } else { many(tests) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Agent(Value);

    impl Facts for Agent {
        fn field(&self, name: &str) -> Value {
            self.0[name].clone()
        }

        fn state(&self) -> &Value {
            &self.0["state"]
        }
    }

    #[track_caller]
    fn check(filter: &str, holds: bool) {
        let agent = Agent(json!({
            "kind": "cart", "key": "a-42", "mailbox": 11, "rate": 0.5,
            "state": {"items": 3, "owner": {"name": "Ada"}}
        }));
        let filter = Filter::parse(filter).expect("it is understood");
        assert_eq!(filter.holds(&agent), holds);
    }

    #[test]
    fn filters_hold_or_do_not() {
        check(r#"kind = "cart" and mailbox > 10"#, true);
        check(r#"kind = "cart" and mailbox > 11"#, false);
        check(r#"kind = "room" or key ~ "42""#, true);
        check(r#"not (kind = "room" or mailbox >= 12) and rate<=0.5"#, true);
        check(r#"kind = "room" and key = "x" or mailbox = 11"#, true);
        check("state.items = 3", true);
        check(r#"state.owner.name != "Ada""#, false);
        check("state.gone = null", true);
        check("state.gone > 1", false);
        check(r#"state.items = "3""#, false);
        check(r#"kind = "c\u0061rt""#, true);
    }

    #[test]
    fn what_the_state_cannot_change_is_known_before_it() {
        let agent = Agent(json!({"kind": "cart"}));
        let may = |text| Filter::parse(text).expect("it is understood").may_hold(&agent);
        assert!(may("state.items = 3"));
        assert!(!may(r#"kind = "room" and state.items = 3"#));
        assert!(may(r#"kind = "room" or state.items = 3"#));
        assert!(Filter::parse("not state.x = 1").expect("understood").needs_state());
    }

    #[track_caller]
    fn refused(filter: &str, at: usize, said: &str) {
        let error = Filter::parse(filter).expect_err("it makes no sense");
        assert_eq!(error.at, at, "{error}");
        assert!(error.reason.contains(said), "{error}");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        refused("", 1, "expected one of kind");
        refused("knd = 1", 4, "there is no field `knd`");
        refused("kind", 5, "expected one of = !=");
        refused("kind = cart", 12, "expected a \"text\"");
        refused("kind = \"cart", 8, "does not end");
        refused("mailbox > 1e", 11, "is no number");
        refused("mailbox > 1 kind", 17, "expected `and`");
        refused("(mailbox > 1", 13, "expected `)`");
        refused("mailbox > \"a\"", 14, "`mailbox` is a number");
        refused("rate ~ \"1\"", 11, "`rate` is a number");
        refused("kind = 1", 9, "`kind` is a text");
        refused(r#"level = "reactiv""#, 18, "did you mean `reactive`?");
        refused(r#"level != "wise""#, 16, "levels are reactive,");
        refused("phase != null", 14, "`phase` is a text");
        refused("state.x ~ 1", 12, "`~` takes a \"text\"");
        refused("mailbox ; 1", 9, "`;` has no meaning");
        refused(&"not ".repeat(100), 128, "nested deeper");
        refused(&"(".repeat(2_000), FILTER_BYTES_MAX, "2000 bytes");
    }
}
