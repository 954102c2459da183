//! Requests sent when they are due, whether those before them have been answered or
//! not: an open loop, as many clients that know nothing of each other are.
//!
//! A closed loop slows down with the node it loads and hides what waiting costs.
//! Here the clock of each request starts when it was due, so that a request which
//! finds the client itself late has waited all the same.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::connection::{Connection, request};

/// Connections at most: each request under way has one to itself.
const CONNECTIONS_MAX: usize = 14_000;

/// How much later than the deadline an answer is still of use: the node's clock starts
/// when it has read the request, the client's before it wrote it, and both share CPUs.
const ON_THE_WAY: Duration = Duration::from_millis(100);

/// How long after its deadline a request is given up as lost.
const GRACE: Duration = Duration::from_secs(5);

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Done, and the answer came in time, but for [`ON_THE_WAY`].
    Ok,
    /// Done, but the answer came too late to be of use.
    Late,
    /// Refused with 429, `mailbox_full`.
    MailboxFull,
    /// Given up with 504, `deadline`.
    Deadline,
    /// Any other answer.
    Other,
    /// No answer.
    Lost,
    /// Not sent: every connection was waiting for an answer.
    Unsent,
}

impl End {
    /// All of them.
    pub const ALL: [End; 7] =
        [End::Ok, End::Late, End::MailboxFull, End::Deadline, End::Other, End::Lost, End::Unsent];
}

/// One request and its end.
pub struct Outcome {
    /// When it was due, counted from the beginning of the load.
    pub due: Duration,
    /// How much later the client came to it.
    pub behind: Duration,
    /// From when it was due to its answer.
    pub took: Duration,
    /// What became of it.
    pub end: End,
}

/// What to ask, and of whom: each target in turn.
pub struct Target {
    /// Where the node listens.
    pub address: SocketAddr,
    /// The deadline that is sent with each request.
    pub deadline: Duration,
    requests: Vec<Vec<u8>>,
}

impl Target {
    /// The message `Work` for so many agents of a kind.
    pub fn new(address: SocketAddr, kind: &str, agents: usize, deadline: Duration) -> Target {
        let ms = deadline.as_millis();
        let body = format!(r#"{{"type":"message","name":"Work","deadline_ms":{ms}}}"#);
        let ask = |agent| request("POST", &format!("/v1/agents/{kind}/{agent}"), &body);
        Target { address, deadline, requests: (0..agents).map(ask).collect() }
    }

    /// The request whose turn it is.
    pub fn request(&self, turn: usize) -> &[u8] {
        &self.requests[turn % self.requests.len()]
    }
}

/// Offers requests at `rates`, one after the other, each for its time.
///
/// Ends when the last request has; that is bounded by deadline and grace.
pub async fn offer(target: Rc<Target>, rates: &[(f64, Duration)]) -> Vec<Outcome> {
    let idle = Rc::new(Idle::default());
    let mut under_way = JoinSet::new();
    let mut outcomes = Vec::new();
    let begun = Instant::now();
    let (mut from, mut turn) = (Duration::ZERO, 0);
    for &(rate, how_long) in rates {
        let count = (rate * how_long.as_secs_f64()) as u32;
        for number in 0..count {
            let due = from + Duration::from_secs_f64(f64::from(number) / rate);
            if due > begun.elapsed() {
                while let Some(ended) = under_way.try_join_next() {
                    outcomes.extend(ended.ok());
                }
                // To the next millisecond, which is as fine as the timer goes.
                tokio::time::sleep_until((begun + due).into()).await;
            } else if turn % 64 == 0 {
                // Late: answers that are there must still be read.
                tokio::task::yield_now().await;
            }
            under_way.spawn_local(one(target.clone(), idle.clone(), turn, begun, due));
            turn += 1;
        }
        from += how_long;
    }
    while let Some(ended) = under_way.join_next().await {
        outcomes.extend(ended.ok());
    }
    outcomes
}

/// Connections without a request.
#[derive(Default)]
struct Idle {
    connections: RefCell<Vec<Connection>>,
    opened: RefCell<usize>,
}

impl Idle {
    /// One that is idle, or a new one.
    async fn take(&self, address: SocketAddr) -> io::Result<Connection> {
        if let Some(connection) = self.connections.borrow_mut().pop() {
            return Ok(connection);
        }
        if *self.opened.borrow() >= CONNECTIONS_MAX {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        *self.opened.borrow_mut() += 1;
        Connection::open(address).await
    }
}

/// Sends one request and says what became of it.
async fn one(
    target: Rc<Target>,
    idle: Rc<Idle>,
    turn: usize,
    begun: Instant,
    due: Duration,
) -> Outcome {
    let behind = begun.elapsed().saturating_sub(due);
    let asked = async {
        let mut connection = idle.take(target.address).await?;
        connection.send(target.request(turn)).await?;
        let answer = connection.receive().await?;
        idle.connections.borrow_mut().push(connection);
        io::Result::Ok(answer)
    };
    let asked = tokio::time::timeout(target.deadline + GRACE, asked).await;
    let took = begun.elapsed().saturating_sub(due);
    let end = match asked {
        Ok(Ok(answer)) => match (answer.status, code(&answer.body)) {
            (200, _) if took <= target.deadline + ON_THE_WAY => End::Ok,
            (200, _) => End::Late,
            (429, "mailbox_full") => End::MailboxFull,
            (504, "deadline") => End::Deadline,
            _ => End::Other,
        },
        Ok(Err(error)) if error.kind() == ErrorKind::QuotaExceeded => End::Unsent,
        Ok(Err(_)) | Err(_) => {
            // Its connection is closed, and another may be opened.
            *idle.opened.borrow_mut() -= 1;
            End::Lost
        }
    };
    Outcome { due, behind, took, end }
}

/// The code of an error; nothing for other answers. By hand, as most answers to an
/// overload are errors; the code comes before whatever text a node may put in.
fn code(body: &[u8]) -> &str {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let after = text.split_once(r#""code":""#).map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_errors_alone() {
        assert_eq!(
            code(br#"{"error":{"changed":"no","code":"deadline","message":"x"}}"#),
            "deadline"
        );
        assert_eq!(code(br#"{"value":1}"#), "");
        assert_eq!(code(b"\xff"), "");
    }
}
