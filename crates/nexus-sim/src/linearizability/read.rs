//! Histories written elsewhere.

mod edn;
mod jepsen;
mod map;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::history::{History, OperationId};
use super::place::Place;
use super::store::{Answer, Call, Value};
use crate::Verdict;
use crate::input::{BadInput, Input, shown};
use edn::Word;

/// Lines of one file. Beyond it the file is refused. A guess: more are not
/// checked in the time anyone waits.
const LINES_MAX: u64 = 2_000_000;

/// Whether the history in a file is linearizable. `name` stands for the file in
/// errors.
///
/// Two formats, told apart by the first line:
///
/// * the log of a Jepsen test of one register,
///   `INFO  jepsen.util - 3 :invoke :cas [1 2]`, with `:read`, `:write`, `:cas`
///   and the types `:invoke`, `:ok`, `:fail`, `:info`;
/// * maps as in Jepsen's `history.edn`,
///   `{:process 0, :type :ok, :f :append, :key "7", :value "x"}`, with also
///   `:get`, `:put`, `:append` and `:add`; fields beyond these are skipped.
///
/// Lines of the process `:nemesis`, which does the harm, are skipped.
///
/// `:info` is an unknown outcome. `:fail` is no effect; but where a `cas` fails
/// with the values it was called with, it saw that something else was held.
///
/// ```
/// use nexus_sim::linearizability::check;
///
/// let history = "\
/// {:process 0, :type :invoke, :f :write, :value 1}
/// {:process 0, :type :ok, :f :write, :value 1}
/// {:process 1, :type :invoke, :f :read, :value nil}
/// {:process 1, :type :ok, :f :read, :value nil}
/// ";
/// assert_eq!(check("mine.edn", history.as_bytes())?.word(), "violated");
/// # Ok::<(), nexus_sim::BadInput>(())
/// ```
///
/// # Errors
/// [`BadInput`] names the line and what was expected there.
pub fn check(name: &str, bytes: &[u8]) -> Result<Verdict, BadInput> {
    let input = Input::new(name, bytes)?;
    let mut reader = Reader { history: History::complete(), open: BTreeMap::new() };
    let mut format = None;
    for line in input.lines() {
        let line = line?;
        if line.number > LINES_MAX {
            return Err(input.wrong(format!("has more than {LINES_MAX} lines")));
        }
        let format = *format.get_or_insert_with(|| Format::of(line.text));
        let event = match format {
            Some(Format::Jepsen) => jepsen::event(line.text),
            Some(Format::Map) => map::event(line.text),
            None => Err("is in no format of a history; expected \"INFO  jepsen.util - 0 :invoke \
                         :read nil\" or \"{:process 0, :type :invoke, :f :read, :value nil}\""
                .to_owned()),
        };
        let told = event.and_then(|event| match event {
            Some(event) => reader.tell(line.number, event),
            None => Ok(()),
        });
        told.map_err(|wrong| input.bad(line, wrong))?;
    }
    if format.is_none() {
        return Err(input.wrong("is empty; expected a history"));
    }
    Ok(reader.history.check())
}

/// The process that does harm and is no client.
const NEMESIS: &str = "nemesis";

#[derive(Clone, Copy)]
enum Format {
    Jepsen,
    Map,
}

impl Format {
    fn of(line: &str) -> Option<Format> {
        if line.trim_start().starts_with('{') {
            return Some(Format::Map);
        }
        jepsen::is_line(line).then_some(Format::Jepsen)
    }
}

/// What a line says: one operation begins or ends.
struct Event<'a> {
    process: u64,
    phase: Phase,
    function: &'a str,
    key: String,
    value: Word<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Invoke,
    Ok,
    Fail,
    Info,
}

impl Phase {
    fn of(word: &Word<'_>) -> Result<Phase, String> {
        match word {
            Word::Keyword("invoke") => Ok(Phase::Invoke),
            Word::Keyword("ok") => Ok(Phase::Ok),
            Word::Keyword("fail") => Ok(Phase::Fail),
            Word::Keyword("info") => Ok(Phase::Info),
            other => Err(format!("has the type {other}; expected :invoke, :ok, :fail or :info")),
        }
    }
}

/// An operation whose end was not read yet.
struct Open {
    id: OperationId,
    function: String,
    key: String,
    call: Call,
    line: u64,
}

/// Tells a history event by event.
struct Reader {
    history: History,
    open: BTreeMap<u64, Open>,
}

impl Reader {
    fn tell(&mut self, line: u64, event: Event<'_>) -> Result<(), String> {
        match event.phase {
            Phase::Invoke => self.begin(line, event),
            _ => self.end(line, event),
        }
    }

    fn begin(&mut self, line: u64, event: Event<'_>) -> Result<(), String> {
        let Event { process, function, key, .. } = &event;
        if let Some(open) = self.open.get(process) {
            return Err(format!(
                "begins an operation of process {process}, whose operation of line {} has no end",
                open.line
            ));
        }
        let call = call(function, &event.value)?;
        let id = self.history.invoke(Place::Line(line), *process, key, call.clone());
        let (function, key) = ((*function).to_owned(), key.clone());
        self.open.insert(*process, Open { id, function, key, call, line });
        Ok(())
    }

    fn end(&mut self, line: u64, event: Event<'_>) -> Result<(), String> {
        let process = event.process;
        let Some(open) = self.open.remove(&process) else {
            return Err(format!("ends an operation of process {process}, which has begun none"));
        };
        if open.function != event.function || open.key != event.key {
            return Err(format!(
                "ends another operation than process {process} began in line {}",
                open.line
            ));
        }
        let at = Place::Line(line);
        match event.phase {
            Phase::Ok => self.history.ok(open.id, at, answer(&open.call, &event.value)?),
            Phase::Fail if was_refused(&open.call, &event.value) => {
                self.history.ok(open.id, at, Answer::Refused);
            }
            Phase::Fail => self.history.fail(open.id),
            _ => self.history.unknown(open.id),
        }
        Ok(())
    }
}

fn call(function: &str, value: &Word<'_>) -> Result<Call, String> {
    match (function, value) {
        ("read" | "get", _) => Ok(Call::Get),
        ("write" | "put", value) => {
            Ok(Call::Put(held(value)?.ok_or("puts nil; expected a value")?))
        }
        ("cas", Word::Pair(pair)) => {
            let to = held(&pair.1)?.ok_or("swaps to nil; expected a value")?;
            Ok(Call::Cas(held(&pair.0)?, to))
        }
        ("cas", other) => Err(format!("has the value {other}; expected two, as in [1 2]")),
        ("append", Word::Text(text)) => Ok(Call::Append(text.as_str().into())),
        ("append", other) => Err(format!("appends {other}; expected a text in quotes")),
        ("add", Word::Int(by)) => Ok(Call::Add(*by)),
        ("add", other) => Err(format!("adds {other}; expected a whole number")),
        (other, _) => Err(format!(
            "calls {:?}; expected read, write, cas, get, put, append or add",
            shown(other)
        )),
    }
}

fn answer(call: &Call, value: &Word<'_>) -> Result<Answer, String> {
    match call {
        Call::Get => Ok(Answer::Found(held(value)?)),
        Call::Add(by) if *value != Word::Int(*by) => Ok(Answer::Found(held(value)?)),
        _ => Ok(Answer::Done),
    }
}

/// A failed `cas` that repeats its values compared them; one with another
/// value tells why it was not carried out.
fn was_refused(call: &Call, value: &Word<'_>) -> bool {
    let Word::Pair(pair) = value else { return false };
    let (Ok(expect), Ok(Some(to))) = (held(&pair.0), held(&pair.1)) else { return false };
    *call == Call::Cas(expect, to)
}

fn held(word: &Word<'_>) -> Result<Option<Value>, String> {
    match word {
        Word::Nil => Ok(None),
        Word::Int(value) => Ok(Some(Value::Int(*value))),
        Word::Text(text) => Ok(Some(Value::Text(text.as_str().into()))),
        other => Err(format!("has the value {other}; expected nil, a whole number or a text")),
    }
}
