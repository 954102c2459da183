//! An answer that does not end: events as they happen.

use std::io::{self, BufRead, BufReader, Read};

use super::sse::{Item, Parser};

/// Bytes of one line of a stream, beyond which it is no stream of events.
/// A little above the longest frame.
const LINE_BYTES_MAX: u64 = (1 << 20) + 64;

/// A stream of events that has begun.
pub struct EventStream {
    input: BufReader<Box<dyn Read + Send>>,
    parser: Parser,
    line: Vec<u8>,
}

impl EventStream {
    /// Reads from the body of an answer.
    pub fn new(body: impl Read + Send + 'static) -> EventStream {
        let input = BufReader::new(Box::new(body) as Box<dyn Read + Send>);
        EventStream { input, parser: Parser::default(), line: Vec::new() }
    }

    /// Waits for the next event or sign of life; `None` at the stream's end.
    ///
    /// # Errors
    /// That the connection broke, or that this is no stream of events.
    pub fn next(&mut self) -> io::Result<Option<Item>> {
        while self.read_line()? {
            let bytes = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
            let line = str::from_utf8(bytes).map_err(io::Error::other)?;
            if let Some(item) = self.parser.push(line).map_err(io::Error::other)? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    /// Reads a line without its end; false if the stream ended before the line did.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut bounded = self.input.by_ref().take(LINE_BYTES_MAX);
        bounded.read_until(b'\n', &mut self.line)?;
        if self.line.pop_if(|last| *last == b'\n').is_some() {
            return Ok(true);
        }
        if self.line.len() as u64 == LINE_BYTES_MAX {
            return Err(io::Error::other(format!("a line is longer than {LINE_BYTES_MAX} bytes")));
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::client::sse::Frame;

    #[test]
    fn frames_come_out_as_their_lines_end() {
        let text = ": hello\r\nid: 1\r\ndata: a\r\n\r\ndata: cut";
        let mut stream = EventStream::new(Cursor::new(text));
        assert_eq!(stream.next().expect("text"), Some(Item::Alive));
        let frame = Frame { id: Some(1), name: String::new(), data: "a".to_owned() };
        assert_eq!(stream.next().expect("text"), Some(Item::Frame(frame)));
        assert_eq!(stream.next().expect("text"), None);
    }

    #[test]
    fn what_is_no_text_or_has_no_lines_is_an_error() {
        let mut stream = EventStream::new(Cursor::new(b"data: \xff\n\n".to_vec()));
        assert!(stream.next().is_err());
        let mut stream = EventStream::new(io::repeat(b'a'));
        let error = stream.next().expect_err("endless").to_string();
        assert!(error.contains("longer than"), "{error}");
    }
}
