//! The state machine that the shards run: numbers by key, and what each client was told.
//!
//! A client numbers its operations. The machine remembers the last of each client, so that
//! an operation sent twice, by the client or by a link, takes effect once.

use std::collections::BTreeMap;

use bytes::Bytes;
use nexus_cluster::NodeId;
use serde::{Deserialize, Serialize};

use crate::mix::Mix;

/// What a client asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Op {
    /// The number under a key; zero if there is none.
    Get {
        /// Under which.
        key: u32,
    },
    /// Sets it.
    Put {
        /// Under which.
        key: u32,
        /// To what.
        value: i64,
    },
    /// Sets it if it is as expected.
    Cas {
        /// Under which.
        key: u32,
        /// What it must be.
        expect: i64,
        /// To what.
        value: i64,
    },
    /// Adds to it.
    Add {
        /// Under which.
        key: u32,
        /// How much.
        by: i64,
    },
}

impl Op {
    /// The key it is about.
    pub const fn key(self) -> u32 {
        match self {
            Op::Get { key } | Op::Put { key, .. } | Op::Cas { key, .. } | Op::Add { key, .. } => {
                key
            }
        }
    }

    /// Whether it changes nothing.
    pub const fn is_read(self) -> bool {
        matches!(self, Op::Get { .. })
    }
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The number that is there, for a get; that is there now, for an add.
    Number(i64),
    /// It is set.
    Set,
    /// Whether it was as expected, and so was set.
    Swapped(bool),
}

/// A client of the simulated cluster.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
pub struct ClientId(pub u32);

/// What an entry of the log says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Who asked.
    pub client: ClientId,
    /// Its number for it, counting up from 1.
    pub number: u64,
    /// What for.
    pub op: Op,
    /// The node that took it on, as a leader.
    pub proposer: NodeId,
}

impl Command {
    /// As bytes of an entry.
    pub(crate) fn encode(&self) -> Bytes {
        let mut room = [0; 64];
        let used = postcard::to_slice(self, &mut room).expect("numbers fit");
        Bytes::copy_from_slice(used)
    }

    /// From the bytes of an entry.
    pub fn decode(bytes: &[u8]) -> Option<Command> {
        postcard::from_bytes(bytes).ok()
    }
}

/// What a client was last told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Session {
    number: u64,
    answer: Answer,
}

/// The state machine.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Kv {
    numbers: BTreeMap<u32, i64>,
    sessions: BTreeMap<ClientId, Session>,
    digest: u64,
}

impl Kv {
    /// Carries out a command; none if its client has gone on to a later one since.
    pub fn apply(&mut self, command: &Command) -> Option<Answer> {
        match self.sessions.get(&command.client) {
            Some(session) if session.number == command.number => return Some(session.answer),
            Some(session) if session.number > command.number => return None,
            _ => {}
        }
        let answer = self.carry_out(command.op);
        let session = Session { number: command.number, answer };
        self.remember(command.client, session);
        Some(answer)
    }

    /// The number under a key.
    pub fn get(&self, key: u32) -> i64 {
        self.numbers.get(&key).copied().unwrap_or(0)
    }

    /// The last of a client's operations that has taken effect; zero if none.
    pub fn last_of(&self, client: ClientId) -> u64 {
        self.sessions.get(&client).map_or(0, |session| session.number)
    }

    /// A number that is equal for equal states, and hardly ever else.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The state as bytes.
    pub fn snapshot(&self) -> Bytes {
        postcard::to_allocvec(self).expect("numbers can be written").into()
    }

    /// The state from bytes; none if they are damaged.
    pub fn restore(bytes: &[u8]) -> Option<Kv> {
        if bytes.is_empty() {
            return Some(Kv::default());
        }
        let mut kv: Kv = postcard::from_bytes(bytes).ok()?;
        // Not taken on trust: what is compared is what is there.
        kv.digest = kv.whole_digest();
        Some(kv)
    }

    fn carry_out(&mut self, op: Op) -> Answer {
        match op {
            Op::Get { key } => Answer::Number(self.get(key)),
            Op::Put { key, value } => {
                self.set(key, value);
                Answer::Set
            }
            Op::Cas { key, expect, value } => {
                let as_expected = self.get(key) == expect;
                if as_expected {
                    self.set(key, value);
                }
                Answer::Swapped(as_expected)
            }
            Op::Add { key, by } => {
                let sum = self.get(key).wrapping_add(by);
                self.set(key, sum);
                Answer::Number(sum)
            }
        }
    }

    fn set(&mut self, key: u32, value: i64) {
        if let Some(old) = self.numbers.insert(key, value) {
            self.digest ^= number_digest(key, old);
        }
        self.digest ^= number_digest(key, value);
    }

    fn remember(&mut self, client: ClientId, session: Session) {
        if let Some(old) = self.sessions.insert(client, session) {
            self.digest ^= session_digest(client, old);
        }
        self.digest ^= session_digest(client, session);
    }

    fn whole_digest(&self) -> u64 {
        let numbers = self.numbers.iter().map(|(&key, &value)| number_digest(key, value));
        let sessions = self.sessions.iter().map(|(&client, &one)| session_digest(client, one));
        numbers.chain(sessions).fold(0, |digest, one| digest ^ one)
    }
}

/// One part of the digest; parts are added up without order, so that a change costs the same
/// however much there is.
fn number_digest(key: u32, value: i64) -> u64 {
    Mix::new().word(u64::from(key)).word(value as u64).finish()
}

fn session_digest(client: ClientId, session: Session) -> u64 {
    let (kind, value) = match session.answer {
        Answer::Number(number) => (1, number as u64),
        Answer::Set => (2, 0),
        Answer::Swapped(swapped) => (3, u64::from(swapped)),
    };
    let hash = Mix::new().word(u64::from(client.0)).word(session.number);
    hash.word(kind).word(value).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(client: u32, number: u64, op: Op) -> Command {
        Command { client: ClientId(client), number, op, proposer: NodeId(0) }
    }

    #[test]
    fn what_is_sent_twice_takes_effect_once() {
        let mut kv = Kv::default();
        let add = command(1, 1, Op::Add { key: 7, by: 5 });
        assert_eq!(kv.apply(&add), Some(Answer::Number(5)));
        assert_eq!(kv.apply(&add), Some(Answer::Number(5)));
        let swap = command(1, 2, Op::Cas { key: 7, expect: 5, value: 9 });
        assert_eq!(kv.apply(&swap), Some(Answer::Swapped(true)));
        assert_eq!(kv.apply(&add), None);
        assert_eq!((kv.get(7), kv.last_of(ClientId(1)), kv.last_of(ClientId(2))), (9, 2, 0));
    }

    #[test]
    fn a_state_comes_back_from_its_bytes_with_its_digest() {
        let mut kv = Kv::default();
        for number in 1..20 {
            let op = Op::Put { key: number as u32 % 3, value: number as i64 };
            kv.apply(&command(number as u32 % 2, number, op));
        }
        let back = Kv::restore(&kv.snapshot()).expect("it is whole");
        assert_eq!((back.digest(), &back), (kv.digest(), &kv));
        assert_ne!(kv.digest(), Kv::default().digest());
        assert!(Kv::restore(&kv.snapshot()[1..]).is_none());
        assert_eq!(
            Command::decode(&command(1, 2, Op::Get { key: 3 }).encode()[..]).map(|one| one.number),
            Some(2)
        );
    }
}
