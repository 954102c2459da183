//! A client's connection: HTTP/1.1 by hand on a socket.
//!
//! By hand because the client shares its CPUs with the node it loads: what it
//! spends is missing over there. It knows what a node sends and nothing more:
//! answers with a length, on connections that stay open.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long connecting may take. On loopback it is some microseconds; a node whose
/// queue of new connections is full has the system try again after 1 s, 2 s, 4 s.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The longest answer taken: a page of a thousand agents has some 400 kB.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// One answer.
pub struct Answer {
    /// The status of its first line.
    pub status: u16,
    /// What it says.
    pub body: Vec<u8>,
}

/// An open connection.
pub struct Connection {
    stream: TcpStream,
    /// What has been read and not yet taken: with several requests under way, the
    /// beginning of the next answers. Empty, and without memory, while idle.
    rest: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The system's, or `TimedOut` after [`CONNECT_WITHIN`].
    pub async fn open(to: SocketAddr) -> io::Result<Connection> {
        let stream = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(to)).await??;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, rest: Vec::new() })
    }

    /// Sends one request, or several at once.
    ///
    /// # Errors
    /// The system's.
    pub async fn send(&mut self, requests: &[u8]) -> io::Result<()> {
        self.stream.write_all(requests).await
    }

    /// Receives one answer. Waits without limit: the caller has one.
    ///
    /// # Errors
    /// `UnexpectedEof` if the node closes first, `InvalidData` for what is no answer
    /// of a node.
    pub async fn receive(&mut self) -> io::Result<Answer> {
        loop {
            if let Some(head) = Head::read(&self.rest)? {
                let end = head.bytes + head.length;
                if self.rest.len() >= end {
                    let body = self.rest[head.bytes..end].to_vec();
                    if self.rest.len() == end {
                        self.rest = Vec::new();
                    } else {
                        self.rest.drain(..end);
                    }
                    return Ok(Answer { status: head.status, body });
                }
                self.rest.reserve(end - self.rest.len());
            } else {
                self.rest.reserve(1024);
            }
            if self.stream.read_buf(&mut self.rest).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends a request and receives its answer.
    ///
    /// # Errors
    /// Those of [`Self::send`] and [`Self::receive`], and `TimedOut` after `within`.
    pub async fn ask(&mut self, request: &[u8], within: Duration) -> io::Result<Answer> {
        let asked = async {
            self.send(request).await?;
            self.receive().await
        };
        tokio::time::timeout(within, asked).await?
    }
}

/// What the head of an answer says.
struct Head {
    status: u16,
    bytes: usize,
    length: usize,
}

impl Head {
    /// Reads a head, if all of it is there.
    fn read(from: &[u8]) -> io::Result<Option<Head>> {
        let Some(end) = from.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&from[..end]).map_err(|_| ErrorKind::InvalidData)?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|first| first.strip_prefix("HTTP/1.1 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        let length = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .filter(|&length| length <= ANSWER_BYTES_MAX);
        match (status, length) {
            (Some(status), Some(length)) => Ok(Some(Head { status, bytes: end + 4, length })),
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }
}

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, expected: Option<(u16, usize, usize)>) {
        let head = Head::read(from.as_bytes()).expect("a head, or its beginning");
        assert_eq!(head.map(|head| (head.status, head.bytes, head.length)), expected);
    }

    #[test]
    fn heads_are_read_once_they_are_there() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", None);
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Some((200, 38, 2)));
        check("HTTP/1.1 429 X\r\na: b\r\ncontent-length:0\r\n\r\n", Some((429, 42, 0)));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for bad in ["HTTP/1.1 200 OK\r\n\r\n", "SSH-2.0\r\ncontent-length: 1\r\n\r\n"] {
            assert!(Head::read(bad.as_bytes()).is_err());
        }
        let long = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", usize::MAX);
        assert!(Head::read(long.as_bytes()).is_err());
    }
}
