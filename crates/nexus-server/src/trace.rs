//! Traces: real requests with their arrival times, read whole or not at all.
//!
//! A line that cannot be read is named with its number and what was expected;
//! none is ever skipped, because a table made from most of a file looks exactly
//! like a table made from all of it.
//!
//! Absent on purpose: any idea of servers, strategies or service times.

mod csv;
mod error;
mod format;
mod jsonl;
mod lines;
mod number;
mod problem;
mod reader;
mod timestamp;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use nexus_base::Time;

pub use error::TraceError;
pub use format::InputFormat;
use reader::Reader;

/// The trace compiled into the binary, so that `nexus demo` needs no file.
///
/// Patel et al., *Splitwise*, ISCA 2024, Microsoft Azure; CC-BY-4.0.
const SHIPPED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/azure_llm_2023_conv.csv"));

/// What the shipped trace is called on screen and in the report.
const SHIPPED_NAME: &str = "azure_llm_2023_conv.csv";

/// One request: when it arrived and how much work it brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// When it arrived; the first request of a trace arrives at [`Time::ZERO`].
    pub arrival: Time,
    /// Tokens of the prompt. A dispatcher sees these.
    pub context_tokens: u32,
    /// Tokens of the answer. Known only once it is written: no dispatcher sees these.
    pub generated_tokens: u32,
}

/// Requests in order of arrival; at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    name: String,
    shipped: bool,
    requests: Vec<Request>,
}

impl Trace {
    /// The hour of production requests that comes with Nexus.
    pub fn shipped() -> Trace {
        let mut trace = Trace::read(SHIPPED_NAME, InputFormat::Csv, SHIPPED)
            .expect("the shipped trace is read by a test of this module");
        trace.shipped = true;
        trace
    }

    /// Reads the file at `path`, in `format` or in the one its ending names.
    ///
    /// # Errors
    /// [`TraceError`] if the file cannot be opened or read, its format is
    /// unknown, or any of its lines is bad. Nothing is returned in part.
    pub fn open(path: &Path, format: Option<InputFormat>) -> Result<Trace, TraceError> {
        let name = path.display().to_string();
        // Before the ending: that a file is not there says more about it.
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let source = io::ErrorKind::IsADirectory.into();
                return Err(TraceError::Unreadable { name, source });
            }
            Ok(_) => {}
            Err(source) => return Err(TraceError::Unreadable { name, source }),
        }
        let format = match format.or_else(|| InputFormat::of_ending(path)) {
            Some(format) => format,
            None => return Err(TraceError::UnknownFormat { name }),
        };
        match File::open(path) {
            Ok(file) => Trace::read(&name, format, BufReader::new(file)),
            Err(source) => Err(TraceError::Unreadable { name, source }),
        }
    }

    /// Reads a trace from `input`; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As [`Trace::open`].
    pub fn read(name: &str, format: InputFormat, input: impl BufRead) -> Result<Trace, TraceError> {
        let requests = Reader::new(name).read(format, input)?;
        Ok(Trace { name: name.to_owned(), shipped: false, requests })
    }

    /// The same with other requests, which are in order of arrival and not none.
    pub fn with_arrivals(&self, requests: Vec<Request>) -> Trace {
        assert!(!requests.is_empty() && requests.is_sorted_by_key(|one| one.arrival));
        Trace { requests, ..self.clone() }
    }

    /// The same with requests that come so many tenths as fast: 13 for 1.3 times.
    pub fn denser_by_tenths(&self, tenths: u32) -> Trace {
        let denser = |one: &Request| {
            let at = u128::from(one.arrival.as_nanos()) * 10 / u128::from(tenths);
            Request { arrival: Time::from_nanos(at as u64), ..*one }
        };
        self.with_arrivals(self.requests.iter().map(denser).collect())
    }

    /// What to call it: the file's name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is the trace that comes with Nexus, whose authors must be named.
    pub fn is_shipped(&self) -> bool {
        self.shipped
    }

    /// The requests, in order of arrival.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// From the first arrival to the last; zero if all came at once.
    pub fn span(&self) -> Duration {
        let last = self.requests.last().map_or(Time::ZERO, |request| request.arrival);
        last.since(Time::ZERO)
    }
}
