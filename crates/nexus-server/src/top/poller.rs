//! The thread that asks the node, so that the picture never waits for it.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread;

use super::poll::{Answer, Close, Detail, PAGE_LEN, Poll, Sight};
use crate::client::{Client, ClientError, EventPage, Path, Why};

/// Events fetched at a time: more than a look shows, so that a busy node does
/// not get ahead of it.
const EVENTS_LEN: &str = "1000";
/// Times events are fetched in one look at most. What is still behind then is
/// fetched at the next one.
const EVENTS_PAGES_MAX: u32 = 5;

/// The way to the thread. It ends after the answer it is at when this goes.
pub struct Poller {
    polls: SyncSender<Poll>,
    answers: Receiver<Answer>,
}

impl Poller {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the system says if there can be no thread.
    pub fn start(client: Client) -> io::Result<Poller> {
        // One at a time: the model asks again only when it has the answer.
        let (polls, asked) = sync_channel(1);
        let (sender, answers) = channel();
        let work = move || serve(&client, &asked, &sender);
        thread::Builder::new().name("poller".to_owned()).spawn(work)?;
        Ok(Poller { polls, answers })
    }

    /// Asks for a look. Never waits; with a look already waiting it does nothing.
    pub fn ask(&self, poll: Poll) {
        let _ = self.polls.try_send(poll);
    }

    /// The next answer, if it is there.
    ///
    /// # Panics
    /// If the thread has panicked.
    pub fn answer(&self) -> Option<Answer> {
        match self.answers.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            // A picture without anyone behind it would only seem to be alive.
            Err(TryRecvError::Disconnected) => panic!("the poller ended before its time"),
        }
    }
}

fn serve(client: &Client, asked: &Receiver<Poll>, answers: &Sender<Answer>) {
    while let Ok(poll) = asked.recv() {
        let result = look(client, &poll).map_err(|error| reason(&error));
        if answers.send(Answer { poll, result }).is_err() {
            return;
        }
    }
}

fn look(client: &Client, poll: &Poll) -> Result<Sight, ClientError> {
    let status = client.get(&Path::new("/v1/status"))?.read()?;
    let events = events(client, poll.events_after)?;
    let close = match close(client, &poll.detail) {
        Ok(close) => Ok(close),
        Err(error @ ClientError::Refused(_)) => Err(reason(&error)),
        Err(error) => return Err(error),
    };
    Ok(Sight { status, events, close })
}

fn events(client: &Client, after: Option<u64>) -> Result<EventPage, ClientError> {
    let mut all = EventPage { events: Vec::new(), next: after };
    for _ in 0..EVENTS_PAGES_MAX {
        let number = all.next.map(|next| next.to_string());
        let path = Path::new("/v1/events").query("limit", EVENTS_LEN);
        let page: EventPage = client.get(&path.query_if("after", number.as_deref()))?.read()?;
        let is_last = page.events.is_empty() || page.next == all.next;
        all.events.extend(page.events);
        all.next = page.next.or(all.next);
        if is_last {
            break;
        }
    }
    Ok(all)
}

fn close(client: &Client, detail: &Detail) -> Result<Close, ClientError> {
    match detail {
        Detail::Kinds => Ok(Close::Kinds),
        Detail::Agents { kind, after } => {
            let path = Path::new("/v1/agents")
                .query("kind", kind)
                .query("limit", &PAGE_LEN.to_string())
                .query_if("after", after.as_deref());
            Ok(Close::Agents(client.get(&path)?.read()?))
        }
        Detail::Agent(name) => {
            let why: Why = client.get(&Path::agent(name).segment("why"))?.read()?;
            Ok(Close::Agent(Box::new(why)))
        }
    }
}

/// An error in one line, as short as a banner needs it: which node it is about is
/// known there.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Unreachable { fault, .. } => fault.to_string(),
        error => error.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::AgentName;
    use crate::client::canned::{Canned, Reply, json};

    fn reply(status: &str, body: &str) -> Reply {
        Reply::Bytes(json(status, body))
    }

    fn look_at(replies: Vec<Reply>, detail: Detail) -> Result<Sight, String> {
        let canned = Canned::start(replies);
        let client = Client::new(&canned.args()).expect("sound");
        look(&client, &Poll { events_after: Some(1), detail }).map_err(|error| reason(&error))
    }

    #[test]
    fn one_look_sees_status_events_and_what_is_open() {
        let replies = vec![
            reply("200 OK", r#"{"node":"n1"}"#),
            reply("200 OK", r#"{"events":[{"seq":2}],"next":2}"#),
            reply("200 OK", r#"{"events":[],"next":2}"#),
            reply("200 OK", r#"{"kind":"kv","key":"1","phase":"idle"}"#),
        ];
        let sight = look_at(replies, Detail::Agent(AgentName::new("kv", "1"))).expect("a look");
        assert_eq!((sight.status.node.as_str(), sight.events.events.len()), ("n1", 1));
        assert_eq!(sight.events.next, Some(2));
        assert!(matches!(sight.close, Ok(Close::Agent(why)) if why.phase == "idle"));
    }

    #[test]
    fn an_agent_that_is_gone_is_not_a_node_that_is_gone() {
        let gone =
            r#"{"error":{"code":"unknown_agent","message":"no kv/1","changed":"no","retry":"no"}}"#;
        let replies =
            vec![reply("200 OK", "{}"), reply("200 OK", "{}"), reply("404 Not Found", gone)];
        let sight = look_at(replies, Detail::Agent(AgentName::new("kv", "1"))).expect("a look");
        assert_eq!(sight.close.expect_err("gone"), "no kv/1 (unknown_agent, 404)");
    }

    #[test]
    fn a_node_that_is_gone_is_said_to_be_in_one_line() {
        let reason = look_at(vec![Reply::Bytes(Vec::new())], Detail::Kinds).expect_err("gone");
        assert!(reason.contains("disconnected"), "{reason}");
        assert!(!reason.contains('\n') && !reason.contains("http"), "{reason}");
    }
}
