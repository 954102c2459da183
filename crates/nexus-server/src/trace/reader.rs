//! Reading a trace from its first line to its last, gathering what is wrong.

use std::io::BufRead;

use nexus_base::Time;

use super::csv::Header;
use super::error::BadLines;
use super::lines::Lines;
use super::problem::{Clipped, Fault, PROBLEMS_SHOWN_MAX, Problem};
use super::{InputFormat, Request, TraceError, csv, jsonl};

/// Requests in one trace; beyond it the file is refused.
/// Ten million take 160 MB here and minutes to serve. A guess at the most
/// anyone waits for.
pub const REQUESTS_MAX: usize = 10_000_000;

/// One line taken apart: three cells, each good or bad.
pub struct Row<'a> {
    /// When the request arrived, in nanoseconds since some fixed moment.
    pub time: Cell<'a, u64>,
    /// Tokens of the prompt.
    pub context: Cell<'a, u32>,
    /// Tokens of the answer.
    pub generated: Cell<'a, u32>,
}

/// One value and where it stands.
pub struct Cell<'a, T> {
    /// The column's name in this format.
    pub column: &'static str,
    /// The text it was read from; `None` if there is none.
    pub text: Option<&'a str>,
    /// What the text says.
    pub value: Result<T, Fault>,
}

impl<'a, T> Cell<'a, T> {
    /// Reads `text` with `read`; no text is a missing field.
    pub fn read(
        column: &'static str,
        text: Option<&'a str>,
        read: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Cell<'a, T> {
        Cell { column, text, value: text.map_or(Err(Fault::FieldMissing), read) }
    }
}

/// Takes lines in, hands requests out.
pub struct Reader {
    bad: BadLines,
    requests: Vec<Request>,
    /// Time of the first request, from which the others are counted.
    first_nanos: Option<u64>,
    /// Time of the request before this one, and as it stands in the file.
    before: Option<(u64, Clipped)>,
    /// The first of the blank lines just read: bad only if something follows.
    blank_line: Option<u64>,
}

impl Reader {
    /// A reader of the file called `name`.
    pub fn new(name: &str) -> Reader {
        Reader {
            bad: BadLines { name: name.to_owned(), shown: Vec::new(), count: 0 },
            requests: Vec::new(),
            first_nanos: None,
            before: None,
            blank_line: None,
        }
    }

    /// Reads all of `input`.
    ///
    /// # Errors
    /// [`TraceError::Unreadable`] if reading fails, [`TraceError::Bad`] with
    /// every problem found.
    pub fn read(
        mut self,
        format: InputFormat,
        input: impl BufRead,
    ) -> Result<Vec<Request>, TraceError> {
        match self.read_lines(format, Lines::new(input)) {
            Ok(()) if self.bad.count == 0 => Ok(self.requests),
            Ok(()) => Err(TraceError::Bad(self.bad)),
            Err(source) => Err(TraceError::Unreadable { name: self.bad.name, source }),
        }
    }

    fn read_lines(
        &mut self,
        format: InputFormat,
        mut lines: Lines<impl BufRead>,
    ) -> std::io::Result<()> {
        let mut header = None;
        while let Some((line, text)) = lines.next()? {
            let text = match text {
                Ok(text) if text.trim().is_empty() => {
                    self.blank_line.get_or_insert(line);
                    continue;
                }
                Ok(text) => text,
                Err((fault, shown)) => {
                    let shown = (!shown.is_empty()).then_some(shown.as_str());
                    self.report(line, None, shown, fault);
                    if format == InputFormat::Csv && header.is_none() {
                        return Ok(()); // Without its header no other line can be read.
                    }
                    continue;
                }
            };
            self.report_blank();
            match (format, &header) {
                // Only before anything else: further down it is a bad line like any.
                (InputFormat::Jsonl, _) if self.is_untouched() && csv::is_header(text, ',') => {
                    self.report(line, None, Some(text), Fault::CsvAsJson);
                    return Ok(());
                }
                (InputFormat::Jsonl, _) => self.take(line, text, jsonl::row(text)),
                (InputFormat::Csv, Some(header)) => {
                    self.take(line, text, Header::row(header, text))
                }
                (InputFormat::Csv, None) => match Header::read(text) {
                    Ok(read) => header = Some(read),
                    Err(faults) => {
                        for (column, fault) in faults {
                            // A missing column shows the header itself.
                            let shown = column.is_none().then_some(text);
                            self.report(line, column, shown, fault);
                        }
                        return Ok(());
                    }
                },
            }
            if self.requests.len() > REQUESTS_MAX {
                self.report(line, None, None, Fault::TooManyRequests);
                return Ok(());
            }
        }
        if self.is_untouched() {
            let fault = if header.is_some() { Fault::HeaderOnly } else { Fault::EmptyFile };
            self.report(1, None, None, fault);
        }
        Ok(())
    }

    /// Takes one line's cells in: a request if all are good, a problem for each that is not.
    fn take(&mut self, line: u64, text: &str, row: Result<Row<'_>, Fault>) {
        let row = match row {
            Ok(row) => row,
            Err(fault) => return self.report(line, None, Some(text), fault),
        };
        let nanos = self.cell(line, &row.time);
        let context_tokens = self.cell(line, &row.context);
        let generated_tokens = self.cell(line, &row.generated);
        let arrival = nanos.and_then(|nanos| self.arrival(line, nanos, &row.time));
        if let (Some(arrival), Some(context_tokens), Some(generated_tokens)) =
            (arrival, context_tokens, generated_tokens)
        {
            self.requests.push(Request { arrival, context_tokens, generated_tokens });
        }
    }

    fn cell<T: Copy>(&mut self, line: u64, cell: &Cell<'_, T>) -> Option<T> {
        match &cell.value {
            Ok(value) => Some(*value),
            Err(fault) => {
                self.report(line, Some(cell.column), cell.text, fault.clone());
                None
            }
        }
    }

    /// Compares with the line before, not with the latest so far: one time that
    /// is far too late would otherwise put every line after it in the wrong.
    fn arrival(&mut self, line: u64, nanos: u64, cell: &Cell<'_, u64>) -> Option<Time> {
        let shown = Clipped::new(cell.text.unwrap_or_default());
        match self.before.replace((nanos, shown)) {
            Some((before_nanos, before)) if nanos < before_nanos => {
                self.report(line, Some(cell.column), cell.text, Fault::OutOfOrder { before });
                None
            }
            _ => {
                let first = *self.first_nanos.get_or_insert(nanos);
                Some(Time::from_nanos(nanos.saturating_sub(first)))
            }
        }
    }

    fn is_untouched(&self) -> bool {
        self.requests.is_empty() && self.bad.count == 0
    }

    fn report_blank(&mut self) {
        if let Some(line) = self.blank_line.take() {
            self.report(line, None, None, Fault::Blank);
        }
    }

    fn report(
        &mut self,
        line: u64,
        column: Option<&'static str>,
        text: Option<&str>,
        fault: Fault,
    ) {
        self.bad.count += 1;
        if self.bad.shown.len() < PROBLEMS_SHOWN_MAX {
            self.bad.shown.push(Problem { line, column, text: text.map(Clipped::new), fault });
        }
    }
}
