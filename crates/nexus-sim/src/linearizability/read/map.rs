//! Lines that are maps: `{:process 0, :type :ok, :f :get, :key "7", :value ""}`.

use super::edn::{Word, Words};
use super::{Event, NEMESIS, Phase};

/// What a line says; `None` if it is about no client.
///
/// # Errors
/// What was expected.
pub(super) fn event(line: &str) -> Result<Option<Event<'_>>, String> {
    let fields = Fields::read(line)?;
    let process = match fields.process {
        Some(Word::Int(process)) if process >= 0 => process as u64,
        Some(Word::Keyword(NEMESIS)) => return Ok(None),
        other => return Err(field_wrong(":process", other, "a whole number")),
    };
    let phase = match fields.phase {
        Some(word) => Phase::of(&word)?,
        None => return Err(field_wrong(":type", None, ":invoke, :ok, :fail or :info")),
    };
    let function = match fields.function {
        Some(Word::Keyword(function)) => function,
        other => return Err(field_wrong(":f", other, "a function such as :read")),
    };
    let key = match fields.key {
        None => String::new(),
        Some(Word::Text(key)) => key,
        Some(Word::Int(key)) => key.to_string(),
        Some(Word::Keyword(key)) => key.to_owned(),
        other => return Err(field_wrong(":key", other, "a text or a whole number")),
    };
    Ok(Some(Event { process, phase, function, key, value: fields.value.unwrap_or(Word::Nil) }))
}

fn field_wrong(name: &str, found: Option<Word<'_>>, expected: &str) -> String {
    match found {
        Some(found) => format!("has {found} as {name}; expected {expected}"),
        None => format!("has no {name}; expected {expected}"),
    }
}

#[derive(Default)]
struct Fields<'a> {
    process: Option<Word<'a>>,
    phase: Option<Word<'a>>,
    function: Option<Word<'a>>,
    key: Option<Word<'a>>,
    value: Option<Word<'a>>,
}

impl<'a> Fields<'a> {
    fn read(line: &'a str) -> Result<Fields<'a>, String> {
        let inside = line.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let inside = inside.ok_or("is no map; expected one line from { to }")?;
        let mut words = Words::new(inside);
        let mut fields = Fields::default();
        while let Some(name) = words.next()? {
            let value = words.expect(&format!("a value for {name}"))?;
            let field = match name {
                Word::Keyword("process") => &mut fields.process,
                Word::Keyword("type") => &mut fields.phase,
                Word::Keyword("f") => &mut fields.function,
                Word::Keyword("key") => &mut fields.key,
                Word::Keyword("value") => &mut fields.value,
                Word::Keyword(_) => continue,
                other => return Err(format!("has {other} as a name; expected one such as :f")),
            };
            if field.replace(value).is_some() {
                return Err(format!("names {name} twice"));
            }
        }
        Ok(fields)
    }
}
