//! Lines of a file, with a limit on their length and an eye on their encoding.

use std::io::{self, BufRead, Read};

use super::problem::Fault;
use super::reader::REQUESTS_MAX;

/// Bytes of one line beyond which the file is taken not to have lines at all.
/// A guess: five hundred times the longest line of the public traces we know.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Lines of one file, good and bad; nothing beyond is read, so that a stream
/// without end comes to one. A guess: twice the requests a trace may hold.
pub const LINES_MAX: u64 = 2 * REQUESTS_MAX as u64;

/// What some programs put before the first character of a text file.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads lines one by one; line ends, carriage returns and the byte order mark
/// are taken off, and a last line need not end.
pub struct Lines<R> {
    input: R,
    number: u64,
    bytes: Vec<u8>,
    ended: bool,
}

/// A line's number in the file, from 1, and its text if it is text.
pub type Line<'a> = (u64, Result<&'a str, (Fault, String)>);

impl<R: BufRead> Lines<R> {
    /// Reads from the beginning of `input`.
    pub fn new(input: R) -> Lines<R> {
        Lines { input, number: 0, bytes: Vec::new(), ended: false }
    }

    /// The next line; `None` at the end of the file. A bad line comes with the
    /// text to show for it; after one beyond a limit nothing more is read.
    ///
    /// # Errors
    /// What the system says when reading fails.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.ended {
            return Ok(None);
        }
        self.bytes.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        if self.input.by_ref().take(limit).read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = self.bytes.last() == Some(&b'\n');
        if !ended && self.bytes.len() > LINE_BYTES_MAX {
            self.ended = true;
            let shown = String::from_utf8_lossy(&self.bytes[..80]).into_owned();
            return Ok(Some((self.number, Err((Fault::LineTooLong, shown)))));
        }
        if self.number > LINES_MAX {
            self.ended = true;
            return Ok(Some((self.number, Err((Fault::TooManyLines, String::new())))));
        }
        Ok(Some((self.number, self.text())))
    }

    fn text(&self) -> Result<&str, (Fault, String)> {
        let bytes = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        match str::from_utf8(bytes) {
            Ok(text) if self.number == 1 => Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)),
            Ok(text) => Ok(text),
            Err(error) => {
                let fault = Fault::NotUtf8 { at: error.valid_up_to() + 1 };
                Err((fault, String::from_utf8_lossy(bytes).into_owned()))
            }
        }
    }
}
