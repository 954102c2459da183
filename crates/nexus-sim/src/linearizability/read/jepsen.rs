//! Logs of Jepsen tests of one register: `INFO  jepsen.util - 3 :invoke :read nil`.

use super::edn::{Word, Words};
use super::{Event, NEMESIS, Phase};

const MARK: &str = "jepsen.util - ";

/// Whether a line is of this format.
pub(super) fn is_line(line: &str) -> bool {
    line.contains(MARK)
}

/// What a line says; `None` if it is about no client.
///
/// # Errors
/// What was expected.
pub(super) fn event(line: &str) -> Result<Option<Event<'_>>, String> {
    let Some((_, rest)) = line.split_once(MARK) else {
        return Err(format!("is no line of the log; expected {MARK:?}"));
    };
    let mut words = Words::new(rest);
    let process = match words.expect("a process")? {
        Word::Int(process) if process >= 0 => process as u64,
        Word::Keyword(NEMESIS) => return Ok(None),
        other => return Err(format!("has the process {other}; expected a whole number")),
    };
    let phase = Phase::of(&words.expect(":invoke, :ok, :fail or :info")?)?;
    let function = match words.expect("a function such as :read")? {
        Word::Keyword(function) => function,
        other => return Err(format!("calls {other}; expected a function such as :read")),
    };
    let value = words.expect("a value")?;
    // After what failed there may be a reason.
    match words.next()? {
        Some(more) if matches!(phase, Phase::Invoke | Phase::Ok) => {
            Err(format!("goes on with {more}; expected its end"))
        }
        _ => Ok(Some(Event { process, phase, function, key: String::new(), value })),
    }
}
