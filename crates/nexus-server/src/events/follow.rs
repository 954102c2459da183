//! Following events until the user has seen enough.
//!
//! A thread reads the stream, because a read cannot be interrupted; this side
//! waits for what it finds, and looks at the interrupt in between. A thread
//! whose stream went silent is left behind: it ends at its next event, or when
//! the client's limit for one stream is reached.

use std::io::{self, Write, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::line;
use crate::cli::OutputFormat;
use crate::client::sse::{Frame, Item};
use crate::client::{Client, ClientError, Event, Lagged, Path, one_line};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;

/// Events read ahead of what is printed. The thread waits when it is full, and
/// the node counts what it cannot send meanwhile.
const READ_AHEAD_LEN_MAX: usize = 256;
/// Tries in a row after which a stream counts as lost.
const TRIES_MAX: u32 = 10;
/// Streams after which a follower ends. A guess: one a second for a year.
const STREAMS_MAX: u32 = 31_536_000;
/// The name under which a node tells that events were missed.
const LAGGED: &str = "lagged";

/// How patient a follower is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often it looks whether the user has had enough.
    tick: Duration,
    /// Silence after which the connection is taken to be dead: nodes send a sign
    /// of life every 15 s, so three of them were lost.
    silence: Duration,
    /// The pause before a second try; it doubles from try to try.
    pause_first: Duration,
    /// The longest pause between two tries.
    pause_max: Duration,
}

impl Pace {
    /// That of the command.
    pub const USUAL: Pace = Pace {
        tick: Duration::from_millis(100),
        silence: Duration::from_secs(45),
        pause_first: Duration::from_millis(500),
        pause_max: Duration::from_secs(10),
    };

    /// No pauses.
    #[cfg(test)]
    pub const HASTY: Pace = Pace {
        tick: Duration::from_millis(1),
        silence: Duration::from_secs(10),
        pause_first: Duration::ZERO,
        pause_max: Duration::ZERO,
    };

    fn pause(&self, tries: u32) -> Duration {
        let doubled = 2u32.saturating_pow(tries.saturating_sub(1));
        self.pause_first.saturating_mul(doubled).min(self.pause_max)
    }
}

/// Why following came to an end that the user did not want.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The stream broke and could not be taken up again.
    #[error(
        "the stream of events broke {TRIES_MAX} times in a row\nwhat was printed is complete up to the event numbered {after}\ngo on with --after {after} when the node is back"
    )]
    Lost {
        /// The last event seen; 0 if none was.
        after: u64,
        /// What was wrong the last time.
        #[source]
        cause: Cause,
    },
    /// No thread could be started.
    #[error("cannot start a thread to read with")]
    Thread(#[source] io::Error),
}

/// Why one stream ended.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// It did not begin.
    #[error(transparent)]
    Client(ClientError),
    /// It broke.
    #[error(transparent)]
    Io(io::Error),
    /// The node ended it.
    #[error("the node ended it")]
    Ended,
    /// Nothing was heard for too long.
    #[error("the node has gone silent")]
    Silent,
}

/// What the reading thread has found.
enum Found {
    Begun,
    Item(Item),
    End(Cause),
}

/// How one stream ended, as far as the next step goes.
enum End {
    /// Nobody wants more.
    Done,
    Interrupted,
    Broken(Cause),
}

/// Follows the events at `path`.
pub struct Follow {
    /// Which node.
    pub client: Client,
    /// Which of its events.
    pub path: Path,
    /// How they are printed.
    pub format: OutputFormat,
}

/// Where a follower is.
struct Place {
    /// The last event seen.
    after: Option<u64>,
    /// Streams in a row that brought nothing.
    tries: u32,
    /// Whether any stream has begun at all.
    has_begun: bool,
}

impl Follow {
    /// Prints events after the one numbered `after` until interrupted.
    ///
    /// # Errors
    /// [`Failure::Interrupted`] when the user ends it; [`Failure::Client`] if the
    /// first stream does not begin or the node refuses; [`Failure::Follow`] if
    /// the stream is lost for good.
    pub fn run(
        &self,
        after: Option<u64>,
        pace: Pace,
        interrupt: &Interrupt,
        output: &mut Output<impl Write>,
    ) -> Result<(), Failure> {
        let mut place = Place { after, tries: 0, has_begun: false };
        for _ in 0..STREAMS_MAX {
            let cause = match self.stream(&mut place, pace, interrupt, output)? {
                End::Done => return Ok(()),
                End::Interrupted => return Err(Failure::Interrupted),
                End::Broken(cause) => cause,
            };
            let cause = match cause {
                Cause::Client(error) if !place.has_begun || !error.may_pass() => {
                    return Err(Failure::Client(error));
                }
                cause => cause,
            };
            place.tries += 1;
            if place.tries >= TRIES_MAX {
                let after = place.after.unwrap_or_default();
                return Err(Failure::Follow(FollowError::Lost { after, cause }));
            }
            // The first break is everyday: a node that restarts, a stream that got old.
            if place.tries == 1 {
                tracing::info!(%cause, "the stream of events broke, going on");
            } else {
                tracing::warn!(tries = place.tries, %cause, "the stream of events broke again");
            }
            if !pause(pace.pause(place.tries), pace.tick, interrupt) {
                return Err(Failure::Interrupted);
            }
        }
        Ok(())
    }

    fn stream(
        &self,
        place: &mut Place,
        pace: Pace,
        interrupt: &Interrupt,
        output: &mut Output<impl Write>,
    ) -> Result<End, Failure> {
        let found = self.start(place.after)?;
        let mut silence = Duration::ZERO;
        loop {
            match found.recv_timeout(pace.tick) {
                Ok(Found::Begun) => place.has_begun = true,
                Ok(Found::Item(item)) => {
                    place.tries = 0;
                    if let Item::Frame(frame) = item {
                        place.after = frame.id.or(place.after);
                        self.print(&frame, output)?;
                    }
                }
                Ok(Found::End(cause)) => return Ok(End::Broken(cause)),
                Err(RecvTimeoutError::Disconnected) => return Ok(End::Broken(Cause::Ended)),
                Err(RecvTimeoutError::Timeout) => {
                    silence += pace.tick;
                    if interrupt.is_asked() {
                        return Ok(End::Interrupted);
                    }
                    if silence >= pace.silence {
                        return Ok(End::Broken(Cause::Silent));
                    }
                    continue;
                }
            }
            silence = Duration::ZERO;
            if interrupt.is_asked() {
                return Ok(End::Interrupted);
            }
            if output.is_closed() {
                return Ok(End::Done);
            }
        }
    }

    /// Starts the thread that reads.
    fn start(&self, after: Option<u64>) -> Result<Receiver<Found>, Failure> {
        let (sender, receiver) = sync_channel(READ_AHEAD_LEN_MAX);
        let (client, path) = (self.client.clone(), self.path.clone());
        let work = move || read(&client, &path, after, &sender);
        let thread = thread::Builder::new().name("events".to_owned()).spawn(work);
        thread.map_err(|error| Failure::Follow(FollowError::Thread(error)))?;
        Ok(receiver)
    }

    fn print(&self, frame: &Frame, output: &mut Output<impl Write>) -> Result<(), Failure> {
        if frame.name == LAGGED {
            let lagged = serde_json::from_str::<Lagged>(&frame.data);
            let missed = lagged.map_or("some".to_owned(), |it| it.missed.to_string());
            // The events matter more than a standard error that is closed.
            let _ =
                writeln!(stderr(), "note: {missed} events were missed; this reader is too slow");
            return Ok(());
        }
        let text = match self.format {
            OutputFormat::Json => one_line(&frame.data),
            OutputFormat::Text => match serde_json::from_str::<Event>(&frame.data) {
                Ok(event) => line(&event),
                Err(error) => {
                    tracing::warn!(%error, "an event that cannot be read was left out");
                    return Ok(());
                }
            },
        };
        output.print(&text).map_err(Failure::Output)
    }
}

/// Reads one stream to its end. An error of the channel means that nobody wants
/// more.
fn read(client: &Client, path: &Path, after: Option<u64>, sender: &SyncSender<Found>) {
    let number = after.map(|after| after.to_string());
    let path = path.clone().query_if("after", number.as_deref());
    let mut stream = match client.follow(&path, after) {
        Ok(stream) => stream,
        Err(error) => return drop(sender.send(Found::End(Cause::Client(error)))),
    };
    let mut found = Found::Begun;
    while sender.send(found).is_ok() {
        found = match stream.next() {
            Ok(Some(item)) => Found::Item(item),
            Ok(None) => return drop(sender.send(Found::End(Cause::Ended))),
            Err(error) => return drop(sender.send(Found::End(Cause::Io(error)))),
        };
    }
}

/// Waits; false if the user interrupts.
fn pause(span: Duration, tick: Duration, interrupt: &Interrupt) -> bool {
    let mut left = span;
    while !left.is_zero() && !interrupt.is_asked() {
        let now = left.min(tick);
        #[allow(clippy::disallowed_methods, reason = "a pause between tries, not synchronisation")]
        thread::sleep(now);
        left -= now;
    }
    !interrupt.is_asked()
}
