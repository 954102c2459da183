//! Standard output that may close at any time, as in `nexus demo | head -1`.

use std::io::{self, ErrorKind, Write};

/// A writer that goes quiet once its reader has left.
///
/// `println!` panics then; and work that was asked for, such as a report in a
/// file, should still be finished.
pub struct Output<W> {
    writer: W,
    reader_left: bool,
}

impl<W: Write> Output<W> {
    /// Prints to `writer`.
    pub fn new(writer: W) -> Output<W> {
        Output { writer, reader_left: false }
    }

    /// Whether the reader has left, so that nobody sees what is printed.
    pub fn is_closed(&self) -> bool {
        self.reader_left
    }

    /// Prints `text` as it is, at once.
    ///
    /// # Errors
    /// What the system says, unless it says that the reader has left.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        if self.reader_left {
            return Ok(());
        }
        match self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.reader_left = true;
                Ok(())
            }
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_that_left_is_no_error() {
        let mut left = Output::new(Fails(ErrorKind::BrokenPipe));
        assert!(!left.is_closed());
        assert!(left.print("a").is_ok() && left.print("b").is_ok());
        assert!(left.is_closed());
        assert!(Output::new(Fails(ErrorKind::StorageFull)).print("a").is_err());
    }
}
