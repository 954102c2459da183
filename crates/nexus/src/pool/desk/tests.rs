//! What the desk promises, in scenes: what happens, and what it says to that.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::task::Wake;
use std::time::Duration;

mod layers;

use super::*;
use crate::pool::LayerError;
use crate::pool::layers::layers;

/// What happened to whom, in order.
type Log = Arc<Mutex<Vec<String>>>;

struct Caller {
    name: String,
    log: Log,
}

impl Wake for Caller {
    fn wake(self: Arc<Caller>) {
        note(&self.log, format!("wake {}", self.name));
    }
}

fn note(log: &Log, line: String) {
    log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

enum Call {
    Held(Ticket),
    Sent(Sent<u32>),
}

/// A desk whose members are reached by how often they were made.
struct Scene {
    desk: Desk<u32>,
    now: Time,
    servers: Vec<Option<ServerId>>,
    made: Vec<u32>,
    calls: BTreeMap<String, Call>,
    log: Log,
}

impl Scene {
    fn new(spec: PoolSpec, member_count: usize, seed: u64) -> Scene {
        let keys = (0..member_count).map(|member| format!("m-{member}").into()).collect();
        let has_layers = spec.levels.has(Routing::Adaptive);
        let layers =
            has_layers.then(|| layers(Time::ZERO, &spec, &Rng::new(seed)).expect("a sound spec"));
        let mut scene = Scene {
            desk: Desk::new(&spec, seed, keys, layers),
            now: Time::ZERO,
            servers: vec![None; member_count],
            made: vec![0; member_count],
            calls: BTreeMap::new(),
            log: Log::default(),
        };
        (0..member_count).for_each(|member| scene.join(member));
        scene
    }

    /// One line of a scene: a verb and to whom.
    fn play(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["call", name, level] => {
                self.call(name, level.parse().expect("a level"), Time::MAX);
            }
            ["call", name, level, "within", millis] => {
                let within = Duration::from_millis(millis.parse().expect("a number"));
                self.call(name, level.parse().expect("a level"), self.now.after(within));
            }
            ["poll", name] => self.poll(name),
            ["done", name] => self.finish(name, Outcome::Done),
            ["fail", name] => self.finish(name, Outcome::Failed),
            ["drop", name] => self.give_up(name),
            ["end", member] => self.end(member.parse().expect("a number")),
            ["join", member] => self.join(member.parse().expect("a number")),
            ["wait", millis] => {
                let millis = millis.parse().expect("a number");
                self.now = self.now.after(Duration::from_millis(millis));
            }
            ["levels", levels] => {
                let levels = levels.split('+').map(|level| level.parse().expect("a level"));
                self.desk.set_levels(self.now, levels.collect());
            }
            ["ask", level] => {
                let asked = self.desk.set_level(self.now, level.parse().expect("a level"));
                self.note_change(asked);
            }
            ["layer", level, on_or_off] => {
                let level = level.parse().expect("a level");
                let changed = self.desk.set_layer(self.now, level, on_or_off == "on");
                self.note_change(changed);
            }
            ["stop"] => {
                let members = self.desk.handle_stop(self.now);
                self.note(format!("{} members to stop", members.len()));
            }
            ["refill"] => {
                let members = self.desk.take_left_out();
                self.note(format!("to make anew: {members:?}"));
            }
            _ => panic!("what is {line:?}?"),
        }
        self.desk.take_wakes().into_iter().for_each(Waker::wake);
    }

    fn note(&self, line: String) {
        note(&self.log, line);
    }

    fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_change(&self, changed: Result<(), LayerError>) {
        if let Err(error) = changed {
            self.note(error.to_string());
        }
    }

    /// Serves calls of 20 ms by the layers until those are used.
    fn warm_up(&mut self) {
        const CALLS_MAX: u32 = 10_000;
        for _ in 0..CALLS_MAX {
            if self.desk.why().used > Level::Reactive {
                self.take_log();
                return;
            }
            ["call warm adaptive", "wait 20", "done warm"].iter().for_each(|line| self.play(line));
        }
        panic!("no layer is used after {CALLS_MAX} calls: {:#?}", self.desk.why());
    }

    fn call(&mut self, name: &str, level: Routing, deadline: Time) {
        match self.desk.handle_call(self.now, level, Features::DEFAULT, deadline) {
            Err(error) => self.note(format!("{name} refused: {error}")),
            Ok((routed, Placed::Held(ticket))) => {
                self.note(format!("{name} held by {}", routed.used));
                self.calls.insert(name.to_owned(), Call::Held(ticket));
            }
            Ok((routed, Placed::Sent(sent))) => {
                let why = routed.reason.map_or(String::new(), |reason| format!(", {reason}"));
                let [member, life] = [sent.member as u32, sent.handle];
                self.note(format!("{name} -> {member}.{life} by {}{why}", routed.used));
                self.calls.insert(name.to_owned(), Call::Sent(sent));
            }
        }
    }

    fn poll(&mut self, name: &str) {
        let Some(Call::Held(ticket)) = self.calls.get(name) else { panic!("{name} is not held") };
        let caller = Arc::new(Caller { name: name.to_owned(), log: self.log.clone() });
        match self.desk.poll_held(*ticket, &caller.into()) {
            Ok(None) => {}
            Ok(Some(sent)) => {
                self.note(format!("{name} -> {}.{}", sent.member, sent.handle));
                self.calls.insert(name.to_owned(), Call::Sent(sent));
            }
            Err(error) => {
                self.note(format!("{name}: {error}"));
                self.give_up(name);
            }
        }
    }

    fn finish(&mut self, name: &str, outcome: Outcome) {
        match self.calls.remove(name) {
            Some(Call::Sent(sent)) => self.desk.handle_finished(self.now, &sent, outcome),
            _ => panic!("{name} has not been sent"),
        }
    }

    fn give_up(&mut self, name: &str) {
        match self.calls.remove(name).expect("a call of that name") {
            Call::Held(ticket) => self.desk.handle_held_given_up(self.now, ticket),
            Call::Sent(sent) => self.desk.handle_finished(self.now, &sent, Outcome::Cancelled),
        }
    }

    fn join(&mut self, member: MemberIndex) {
        self.made[member] += 1;
        self.servers[member] = self.desk.handle_join(self.now, member, self.made[member]);
        if self.servers[member].is_none() {
            self.note(format!("{member} may not join"));
        }
    }

    fn end(&mut self, member: MemberIndex) {
        let server = self.servers[member].expect("it was in the pool");
        let ended = self.desk.handle_end(self.now, member, server, "was ended");
        self.note(format!("{member}: {ended:?}"));
    }

    /// What adds up, always.
    #[track_caller]
    fn check_books(&self) {
        let counts = self.desk.counts(self.now);
        let open = (counts.in_flight + counts.held) as u64;
        let ended = counts.done + counts.failed + counts.cancelled + counts.too_late;
        assert_eq!(counts.placed, open + ended);
        let sum = |of: fn(&LevelCounts) -> u64| counts.levels.iter().map(of).sum::<u64>();
        assert_eq!(counts.placed, sum(|level| level.asked));
        assert_eq!(counts.placed, sum(|level| level.used));
        let at_members = |of: fn(&MemberCounts) -> u64| counts.members.iter().map(of).sum::<u64>();
        assert_eq!(counts.done, at_members(|member| member.done));
        assert_eq!(counts.failed, at_members(|member| member.failed));
        assert!(counts.cancelled >= at_members(|member| member.cancelled));
        assert!(counts.in_flight as u64 >= at_members(|member| member.in_flight.into()));
    }
}

/// Plays a scene; what the desk said must be `expected`, line by line.
#[track_caller]
fn check(spec: PoolSpec, member_count: usize, scene: &str, expected: &str) {
    check_in(Scene::new(spec, member_count, 7), scene, expected);
}

#[track_caller]
fn check_in(mut played: Scene, scene: &str, expected: &str) {
    for line in lines(scene) {
        played.play(line);
        played.check_books();
    }
    let said = played.take_log();
    assert_eq!(said, lines(expected).collect::<Vec<_>>());
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn central_queue() -> PoolSpec {
    PoolSpec::new().optimized(StrategyName::CentralQueue)
}

#[test]
fn a_level_that_is_off_falls_and_says_so() {
    check(
        PoolSpec::new(),
        2,
        "call a basic
         call b optimized
         call c swarm
         call d adaptive
         levels basic
         call e optimized
         call f swarm",
        "a -> 0.1 by basic
         b -> 1.1 by optimized
         c -> 1.1 by optimized, swarm is not enabled
         d -> 0.1 by optimized, adaptive is not enabled
         e -> 1.1 by basic, optimized is not enabled
         f -> 0.1 by basic, swarm is not enabled",
    );
}

#[test]
fn calls_count_at_whatever_level_they_came() {
    check(
        PoolSpec::new(),
        3,
        "call a basic
         call b basic
         call c optimized
         done b
         call d optimized",
        "a -> 0.1 by basic
         b -> 1.1 by basic
         c -> 2.1 by optimized
         d -> 1.1 by optimized",
    );
}

#[test]
fn held_calls_are_served_first_come_first_served() {
    check(
        central_queue(),
        1,
        "call a optimized
         call b optimized
         call c optimized
         poll b
         poll c
         done a
         poll b
         call d optimized
         poll d
         fail b
         drop c
         poll d",
        "a -> 0.1 by optimized
         b held by optimized
         c held by optimized
         wake b
         b -> 0.1
         d held by optimized
         wake c
         wake d
         d -> 0.1",
    );
}

#[test]
fn a_held_call_that_is_given_up_is_passed_over() {
    check(
        central_queue(),
        1,
        "call a optimized
         call b optimized
         call c optimized
         poll b
         poll c
         drop b
         done a
         poll c",
        "a -> 0.1 by optimized
         b held by optimized
         c held by optimized
         wake c
         c -> 0.1",
    );
}

#[test]
fn a_basic_call_does_not_wait_in_the_central_queue() {
    check(
        central_queue(),
        1,
        "call a optimized
         call b optimized
         poll b
         call c basic
         done a
         done c
         poll b",
        "a -> 0.1 by optimized
         b held by optimized
         c -> 0.1 by basic
         wake b
         b -> 0.1",
    );
}

#[test]
fn what_is_too_much_is_refused() {
    check(
        central_queue().in_flight_max(2).held_max(1),
        1,
        "call a optimized
         call b optimized
         call c optimized
         call d basic
         call e basic
         drop b
         done d
         call f optimized",
        "a -> 0.1 by optimized
         b held by optimized
         c refused: 1 calls wait for a member already; nothing changed; try again later
         d -> 0.1 by basic
         e refused: 2 calls are in flight already; nothing changed; try again later
         f held by optimized",
    );
}

#[test]
fn a_member_that_ends_is_replaced_and_starts_with_nothing_in_flight() {
    check(
        PoolSpec::new(),
        2,
        "call a basic
         call b basic
         call c basic
         end 0
         call d optimized
         join 0
         call e optimized
         fail a
         fail c
         call f optimized",
        "a -> 0.1 by basic
         b -> 1.1 by basic
         c -> 0.1 by basic
         0: Replace
         d -> 1.1 by optimized
         e -> 0.2 by optimized
         f -> 0.2 by optimized",
    );
}

#[test]
fn an_end_is_believed_once_and_only_of_who_is_in_the_pool() {
    check(
        PoolSpec::new(),
        1,
        "end 0
         end 0
         join 0",
        "0: Replace
         0: Unknown",
    );
}

#[test]
fn a_member_that_ends_too_often_is_left_out_until_the_pool_is_refilled() {
    let within = Duration::from_millis(100);
    check(
        PoolSpec::new().replacing(Intensity { restarts_max: 2, within }),
        1,
        "end 0
         join 0
         wait 60
         end 0
         join 0
         wait 60
         end 0
         join 0
         end 0
         call a basic
         refill
         refill
         join 0
         call a basic",
        "0: Replace
         0: Replace
         0: Replace
         0: LeftOut
         a refused: no member is in the pool; nothing changed; try again later, or refill it
         to make anew: [0]
         to make anew: []
         a -> 0.5 by basic",
    );
}

#[test]
fn held_calls_outlast_a_pool_without_members() {
    check(
        central_queue(),
        1,
        "call a optimized
         call b optimized
         poll b
         end 0
         call c optimized
         fail a
         join 0
         poll b",
        "a -> 0.1 by optimized
         b held by optimized
         0: Replace
         c refused: no member is in the pool; nothing changed; try again later, or refill it
         wake b
         b -> 0.2",
    );
}

#[test]
fn a_pool_that_is_stopped_tells_all() {
    check(
        central_queue(),
        2,
        "call a optimized
         call b optimized
         call c optimized
         call d optimized
         poll c
         poll d
         done a
         stop
         poll c
         poll d
         call e basic
         end 1
         join 1
         stop
         done b",
        "a -> 0.1 by optimized
         b -> 1.1 by optimized
         c held by optimized
         d held by optimized
         wake c
         2 members to stop
         wake d
         c: pool has been stopped; nothing changed
         d: pool has been stopped; nothing changed
         e refused: pool has been stopped; nothing changed
         1: Unknown
         1 may not join
         0 members to stop",
    );
}

/// Any strategy, any order of things: the books hold, and a central queue keeps
/// nobody waiting while a member is free, and nobody out of turn.
#[test]
fn the_books_hold_whatever_happens() {
    for strategy in StrategyName::ALL {
        for seed in 0..20 {
            let trace = run_any(strategy, seed);
            assert_eq!(trace, run_any(strategy, seed), "{strategy}, seed {seed}");
        }
    }
}

const MEMBERS: usize = 4;

fn any_scene(spec: PoolSpec, seed: u64) -> Scene {
    let intensity = Intensity { restarts_max: 2, within: Duration::from_millis(50) };
    let spec = spec.in_flight_max(12).held_max(6);
    Scene::new(spec.replacing(intensity), MEMBERS, seed)
}

/// What may happen next, by chance.
fn any_line(scene: &Scene, step: usize, rng: &mut Rng) -> String {
    let open: Vec<String> = scene.calls.keys().cloned().collect();
    let any = (!open.is_empty()).then(|| &open[rng.below(open.len() as u64) as usize]);
    let member = rng.below(MEMBERS as u64);
    match (rng.below(20), any) {
        (0..9, _) => format!("call c{step} {}", Routing::ALL[rng.below(4) as usize]),
        (9..15, Some(name)) => match scene.calls[name] {
            Call::Held(_) => format!("poll {name}"),
            Call::Sent(_) => format!("done {name}"),
        },
        (15..17, Some(name)) => format!("drop {name}"),
        (17, _) if scene.servers[member as usize].is_some() => format!("end {member}"),
        (18, _) => match scene.desk.members[member as usize].server {
            None => format!("join {member}"),
            Some(_) => "refill".to_owned(),
        },
        _ => "wait 7".to_owned(),
    }
}

fn run_any(strategy: StrategyName, seed: u64) -> Vec<String> {
    let mut scene = any_scene(PoolSpec::new().optimized(strategy), seed);
    let mut rng = Rng::new(seed).fork(strategy.as_str());
    let mut line = VecDeque::new();
    let mut trace = Vec::new();
    for step in 0..600 {
        let play = any_line(&scene, step, &mut rng);
        scene.play(&play);
        scene.check_books();
        // Wakes are not waited for: whoever is held looks as soon as it may matter.
        let said = scene.take_log();
        if said.iter().any(|said| said.ends_with("held by optimized")) {
            line.push_back(format!("c{step}"));
        }
        follow_line(&mut scene, &mut line);
        trace.extend(said);
    }
    trace
}

/// Held calls are given members in the order they came, and at once.
#[track_caller]
fn follow_line(scene: &mut Scene, line: &mut VecDeque<String>) {
    line.retain(|name| matches!(scene.calls.get(name), Some(Call::Held(_))));
    let is_given = |name: &String| match scene.calls[name] {
        Call::Held(ticket) => matches!(scene.desk.waiting[&ticket].stage, Held::Assigned(_)),
        Call::Sent(_) => true,
    };
    let given = line.iter().take_while(|name| is_given(name)).count();
    assert!(line.iter().skip(given).all(|name| !is_given(name)), "somebody passed the line");
    let counts = scene.desk.counts(scene.now);
    let members = scene.desk.members.iter().zip(&counts.members);
    let is_free =
        members.clone().any(|(member, counts)| member.server.is_some() && counts.in_flight == 0);
    let waits = line.len() - given;
    assert_eq!(waits, counts.held);
    assert!(waits == 0 || !is_free || counts.in_flight == 12, "{waits} wait for a free member");
}
