//! Server-sent events, from lines to frames.
//!
//! Source: the HTML standard, section 9.2.6, but for line ends: a carriage
//! return alone is none here, and no node sends one.

/// Bytes that the data of one frame may have. A guess: a thousand times the
/// longest event known.
const DATA_BYTES_MAX: usize = 1 << 20;

/// What a line brought to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// An event, whole.
    Frame(Frame),
    /// A comment: the node is there and has nothing to say.
    Alive,
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// Where to go on after it.
    pub id: Option<u64>,
    /// Its name; empty if it has none.
    pub name: String,
    /// What it says.
    pub data: String,
}

/// More data in one frame than is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("one event is longer than {DATA_BYTES_MAX} bytes")]
pub struct TooLong;

/// Puts frames together. A frame that the stream breaks off is dropped: it is
/// sent again after a reconnection, since its id was not taken.
#[derive(Debug, Default)]
pub struct Parser {
    frame: Frame,
    has_data: bool,
}

impl Parser {
    /// Takes one line without its end.
    ///
    /// # Errors
    /// [`TooLong`] if the frame grows beyond its limit; it is dropped.
    pub fn push(&mut self, line: &str) -> Result<Option<Item>, TooLong> {
        if line.is_empty() {
            return Ok(self.finish().map(Item::Frame));
        }
        if line.starts_with(':') {
            return Ok(Some(Item::Alive));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.frame.id = value.parse().ok(),
            "event" => value.clone_into(&mut self.frame.name),
            "data" => self.data(value)?,
            // Whatever later versions send, `retry` included: the pauses are ours.
            _ => {}
        }
        Ok(None)
    }

    fn data(&mut self, value: &str) -> Result<(), TooLong> {
        if self.frame.data.len() + value.len() >= DATA_BYTES_MAX {
            *self = Parser::default();
            return Err(TooLong);
        }
        if self.has_data {
            self.frame.data.push('\n');
        }
        self.has_data = true;
        self.frame.data.push_str(value);
        Ok(())
    }

    fn finish(&mut self) -> Option<Frame> {
        let Parser { frame, has_data } = std::mem::take(self);
        has_data.then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Item]) {
        let mut parser = Parser::default();
        let found: Vec<Item> =
            text.lines().filter_map(|line| parser.push(line).expect("short")).collect();
        assert_eq!(found, expected);
    }

    fn frame(id: Option<u64>, name: &str, data: &str) -> Item {
        Item::Frame(Frame { id, name: name.to_owned(), data: data.to_owned() })
    }

    #[test]
    fn lines_become_frames() {
        check(
            "id: 17\nevent: agent.crashed\ndata: {\"seq\":17}\n\n",
            &[frame(Some(17), "agent.crashed", "{\"seq\":17}")],
        );
        check("data:a\ndata\ndata:  b\n\n", &[frame(None, "", "a\n\n b")]);
        check("retry: 10\nodd: x\ndata: a\n\n", &[frame(None, "", "a")]);
        check("id: x\ndata: a\n\n", &[frame(None, "", "a")]);
    }

    #[test]
    fn comments_show_that_the_node_is_there() {
        check(": hello\n:\n", &[Item::Alive, Item::Alive]);
        check("data: a\n: hello\ndata: b\n\n", &[Item::Alive, frame(None, "", "a\nb")]);
    }

    #[test]
    fn without_data_or_an_empty_line_there_is_no_frame() {
        check("id: 1\nevent: a\n\n\n", &[]);
        check("id: 1\ndata: cut off", &[]);
    }

    #[test]
    fn a_frame_has_an_end() {
        let mut parser = Parser::default();
        let half = format!("data: {}", "a".repeat(DATA_BYTES_MAX / 2));
        assert_eq!(parser.push(&half), Ok(None));
        assert_eq!(parser.push(&half), Err(TooLong));
        assert_eq!(parser.push("data: b"), Ok(None));
        assert_eq!(parser.push(""), Ok(Some(frame(None, "", "b"))));
    }
}
