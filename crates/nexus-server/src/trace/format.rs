//! How a trace is written down.

use std::path::Path;

use clap::ValueEnum;

/// The two ways to write a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum InputFormat {
    /// Header `TIMESTAMP,ContextTokens,GeneratedTokens`, one request a line
    Csv,
    /// JSON lines with `timestamp` (ms), `input_length` and `output_length`
    Jsonl,
}

impl InputFormat {
    /// The format that a file's ending names, if it names one.
    pub fn of_ending(path: &Path) -> Option<InputFormat> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Some(InputFormat::Csv),
            "jsonl" | "json" | "ndjson" => Some(InputFormat::Jsonl),
            _ => None,
        }
    }
}
