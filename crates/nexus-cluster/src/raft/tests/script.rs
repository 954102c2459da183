//! A group that is told line by line what happens to it.

use std::collections::BTreeSet;

use super::super::*;
use super::net::{Faults, Net};

/// A group whose members stand only when told to, and what was seen of it.
pub struct Play {
    pub net: Net,
    quiet: BTreeSet<NodeId>,
    seen: Vec<String>,
    tickets: u64,
}

/// How long a message and a sync take in a play.
pub const HOP: Duration = Duration::from_millis(1);

impl Play {
    pub fn new(count: u64, adjust: impl Fn(&mut Spec)) -> Play {
        let faults = Faults { delay: HOP, sync: HOP, ..Faults::NONE };
        let net = Net::new(1, count, faults, adjust);
        let quiet = (1..=9).map(NodeId).collect();
        Play { net, quiet, seen: Vec::new(), tickets: 0 }
    }

    pub fn run(&mut self, time: Duration) {
        let until = self.net.now.after(time);
        while self.net.step(until, &self.quiet) {}
    }

    /// Does as a line says.
    pub fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [verb, rest @ ..] = words.as_slice() else { return };
        let number = |word: &str| word.parse::<u64>().expect("a number");
        let id = rest.last().and_then(|word| word.parse().ok()).map_or(NodeId(0), NodeId);
        match *verb {
            "run" => self.run(Duration::from_millis(number(rest[0]))),
            "stand" => self.stand(id),
            "propose" => {
                let leader = self.net.leader().unwrap_or(NodeId(1));
                self.propose(leader, rest[0]);
            }
            "write" => self.propose(id, rest[0]),
            "cut" => self.net.isolate(id),
            "heal" => self.net.cut.clear(),
            "kill" => self.net.kill(id),
            "start" => self.net.start(id),
            "leave" => self.net.leave(id),
            "link" => {
                let others = rest.split_last().expect("two members").1;
                let other = NodeId(number(others[0]));
                self.net.cut.retain(|cut| *cut != (id, other) && *cut != (other, id));
            }
            "add" => self.net.add(Spec::new(id, [])),
            "transfer" => {
                let leader = self.net.leader().expect("somebody leads");
                let outcome = self.net.call(leader, |raft, now| raft.transfer(now, id));
                self.note_error(leader, outcome.expect("it runs"));
            }
            "read" => {
                self.tickets += 1;
                let ticket = self.tickets;
                self.net.read(id, ticket);
            }
            "compact" => {
                let seat = &self.net.seats[&id];
                let (index, state) = (seat.state_index, seat.state.clone());
                let outcome = self.net.call(id, |raft, now| raft.compact(now, index, state.into()));
                self.note_error(id, outcome.expect("it runs"));
            }
            "members" => self.change(rest),
            "show" => self.show(),
            "reads" => {
                let seat = &self.net.seats[&id];
                self.seen.push(format!("{id} ready {:?} refused {:?}", seat.ready, seat.refused));
            }
            "lease" => {
                let raft = self.net.seats[&id].raft.as_ref().expect("it runs");
                let now = self.net.local(id, self.net.now);
                let held = raft.lease_until().is_some_and(|until| now < until);
                self.seen.push(format!("{id} lease {held}"));
            }
            verb => panic!("no such verb: {verb}"),
        }
    }

    /// Nobody hears of a leader until one member's patience is over.
    fn stand(&mut self, id: NodeId) {
        self.quiet.remove(&id);
        let before = self.net.seats[&id].raft.as_ref().expect("it runs").term();
        let until = self.net.now.after(Duration::from_secs(2));
        loop {
            let raft = self.net.seats[&id].raft.as_ref().expect("it runs");
            if raft.term() > before || !self.net.step(until, &self.quiet) {
                break;
            }
        }
        self.quiet.insert(id);
        self.run(HOP * 20);
    }

    fn propose(&mut self, id: NodeId, word: &str) {
        let command = Bytes::copy_from_slice(word.as_bytes());
        let outcome = self.net.call(id, |raft, now| raft.propose(now, command));
        self.note_error(id, outcome.expect("it runs"));
    }

    fn change(&mut self, words: &[&str]) {
        let mut parts = words.split(|word| *word == "+").map(|ids| {
            ids.iter().map(|id| NodeId(id.parse().expect("a number"))).collect::<BTreeSet<_>>()
        });
        let voters = parts.next().unwrap_or_default();
        let learners = parts.next().unwrap_or_default();
        let leader = self.net.leader().expect("somebody leads");
        let outcome = self.net.call(leader, |raft, now| raft.change_members(now, voters, learners));
        self.note_error(leader, outcome.expect("it runs"));
    }

    fn note_error<T, E: std::fmt::Display>(&mut self, id: NodeId, outcome: Result<T, E>) {
        if let Err(error) = outcome {
            self.seen.push(format!("{id} {error}"));
        }
    }

    fn show(&mut self) {
        let show = |(id, seat): (&NodeId, &net::Seat)| {
            let Some(raft) = &seat.raft else { return format!("{id} down") };
            let is = match raft.role().is {
                Standing::Follower => "follows",
                Standing::Candidate => "stands",
                Standing::Leader => "leads",
                Standing::Learner => "learns",
            };
            let state = String::from_utf8_lossy(&seat.state);
            format!("{id} {is} {} {state}", raft.term().0).trim().to_owned()
        };
        let all: Vec<String> = self.net.seats.iter().map(show).collect();
        self.seen.push(all.join(" | "));
    }
}

use super::net;

/// Plays a script with a group of `count`, and compares what was seen.
pub fn check(count: u64, script: &str, expected: &str) {
    check_with(count, |_| {}, script, expected);
}

pub fn check_with(count: u64, adjust: impl Fn(&mut Spec), script: &str, expected: &str) {
    let mut play = Play::new(count, adjust);
    for line in script.lines() {
        play.line(line);
    }
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    assert_eq!(play.seen, expected, "{}", play.net.describe());
    assert_eq!(play.net.checker.broken, None);
}
