//! Whether two nodes will talk: what must be settled before the first message.
//!
//! Both say who they are at once, each judges the other, and a connection stands when each
//! has been welcomed. Whoever refuses says why, to the other and to its own people: two
//! nodes that cannot work together must not find out from lost messages.
//!
//! Nothing here proves who the other is; that is the affair of the keys below.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nexus_base::Time;

use super::greeting::{Greeting, Hello, Refusal, STRANGE_MAX, Start};
use crate::NodeId;

/// How long a handshake may take. Source: a guess, long against a round trip around the
/// world, short against patience.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a handshake needs to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandshakeSpec {
    /// Who we are.
    pub hello: Hello,
    /// Whom we called; none if they called us, or if only an address is known.
    pub expected: Option<NodeId>,
    /// The newest start we know of each node.
    pub known: BTreeMap<NodeId, Start>,
    /// How long it may take.
    pub timeout: Duration,
}

impl HandshakeSpec {
    /// For a node that says `hello`, and knows nothing of others yet.
    pub fn new(hello: Hello) -> HandshakeSpec {
        let timeout = HANDSHAKE_TIMEOUT;
        HandshakeSpec { hello, expected: None, known: BTreeMap::new(), timeout }
    }
}

/// The handshake of one connection, seen from one end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handshake {
    spec: HandshakeSpec,
    deadline: Time,
    state: State,
    /// At most a greeting and an outcome.
    effects: VecDeque<Effect>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    /// They have not said who they are.
    Strangers,
    /// We have welcomed them, and wait to be welcomed.
    Accepted(Peer),
    Over,
}

/// What is to be done, in the order polled. The last one is an outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send this.
    Send(Greeting),
    /// The connection stands.
    Established(Peer),
    /// Close the connection once what was sent before is out, and tell people.
    Refused {
        /// Who refused.
        by: Side,
        /// Why.
        refusal: Refusal,
    },
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// This one.
    Us,
    /// The other one.
    Them,
}

/// Who is at the other end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Which node.
    pub node: NodeId,
    /// Which start of it.
    pub start: Start,
    /// The version of the envelope to speak.
    pub version: u8,
    /// Which program it runs: for people.
    pub build: u64,
    /// Which of the connections between the two this is, as the other sees it.
    pub lane: u16,
    /// The layout to use for each kind that both know.
    pub kinds: BTreeMap<String, u64>,
}

impl Handshake {
    /// Begins one, on a connection that was just made.
    pub fn new(now: Time, spec: HandshakeSpec) -> Handshake {
        let hello = Greeting::Hello(Box::new(spec.hello.clone()));
        let deadline = now.after(spec.timeout);
        Handshake { spec, deadline, state: State::Strangers, effects: [Effect::Send(hello)].into() }
    }

    /// Takes in what the other side says. Nothing once it is over.
    pub fn handle_greeting(&mut self, now: Time, greeting: Greeting) {
        self.handle_timeout(now);
        match (std::mem::replace(&mut self.state, State::Over), greeting) {
            (State::Over, _) => {}
            (_, Greeting::Refuse(refusal)) => self.end(Side::Them, refusal),
            (State::Strangers, Greeting::Hello(hello)) => match self.judge(&hello) {
                Ok(peer) => {
                    self.effects.push_back(Effect::Send(Greeting::Welcome));
                    self.state = State::Accepted(peer);
                }
                Err(refusal) => self.refuse(refusal),
            },
            (State::Accepted(peer), Greeting::Welcome) => {
                self.effects.push_back(Effect::Established(peer));
            }
            _ => self.refuse(Refusal::OutOfTurn),
        }
    }

    /// What came could not be read, or was no greeting.
    pub fn handle_noise(&mut self, now: Time) {
        self.handle_timeout(now);
        if self.state != State::Over {
            self.refuse(Refusal::NotUnderstood);
        }
    }

    /// Gives up if it took too long.
    pub fn handle_timeout(&mut self, now: Time) {
        if now >= self.deadline && self.state != State::Over {
            self.refuse(Refusal::Deadline);
        }
    }

    /// When to call [`Self::handle_timeout`]; none once it is over.
    pub fn next_timeout(&self) -> Option<Time> {
        (self.state != State::Over).then_some(self.deadline)
    }

    /// The oldest thing that is to be done.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn judge(&self, theirs: &Hello) -> Result<Peer, Refusal> {
        let ours = &self.spec.hello;
        if theirs.cluster != ours.cluster {
            return Err(Refusal::OtherCluster { refused: theirs.cluster, wanted: ours.cluster });
        }
        let (refused, wanted) = (theirs.versions, ours.versions);
        let version = wanted.common(refused).ok_or(Refusal::NoCommonVersion { refused, wanted })?;
        self.judge_identity(theirs)?;
        let kinds = ours.kinds.agree(&theirs.kinds).map_err(|mut kinds| {
            let count = kinds.len() as u32;
            kinds.truncate(STRANGE_MAX);
            Refusal::Schemas { kinds, count }
        })?;
        let Hello { node, start, build, lane, .. } = *theirs;
        Ok(Peer { node, start, version, build, lane, kinds })
    }

    fn judge_identity(&self, theirs: &Hello) -> Result<(), Refusal> {
        let Hello { node, start, .. } = *theirs;
        let ours = &self.spec.hello;
        if node == ours.node && start == ours.start {
            return Err(Refusal::Itself);
        }
        let two = Refusal::TwoNodesOneIdentity { node, incarnation: start.incarnation };
        if node == ours.node {
            return Err(two);
        }
        if let Some(wanted) = self.spec.expected.filter(|expected| *expected != node) {
            return Err(Refusal::OtherNode { refused: node, wanted });
        }
        let Some(known) = self.spec.known.get(&node).filter(|known| **known != start) else {
            return Ok(());
        };
        let (refused, wanted) = (start.incarnation, known.incarnation);
        match refused.cmp(&wanted) {
            std::cmp::Ordering::Less => Err(Refusal::OldStart { node, refused, wanted }),
            std::cmp::Ordering::Equal => Err(two),
            std::cmp::Ordering::Greater => Ok(()),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.effects.push_back(Effect::Send(Greeting::Refuse(refusal.clone())));
        self.end(Side::Us, refusal);
    }

    fn end(&mut self, by: Side, refusal: Refusal) {
        self.state = State::Over;
        self.effects.push_back(Effect::Refused { by, refusal });
    }
}
