use nexus_base::Rng;
use proptest::prelude::*;

use super::*;

/// Locks with a log of their own; commands are named as a user would.
struct Log {
    locks: Locks,
    index: u64,
    at: u64,
}

impl Log {
    fn new(limits: Limits) -> Log {
        Log { locks: Locks::new(limits), index: 0, at: 0 }
    }

    /// Applies a command at so many seconds.
    fn at(&mut self, seconds: u64, op: Op) -> Result<Answer, LockError> {
        (self.index, self.at) = (self.index + 1, seconds);
        let command = Command { at: time(seconds), op };
        self.locks.apply(Term(1), Index(self.index), &command)
    }

    fn now(&mut self, op: Op) -> Result<Answer, LockError> {
        self.at(self.at, op)
    }

    fn effects(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.locks.poll_effect()).collect()
    }
}

fn time(seconds: u64) -> Time {
    Time::ZERO.after(Duration::from_secs(seconds))
}

fn token(index: u64) -> Token {
    Token { term: Term(1), index: Index(index) }
}

fn granted(index: u64) -> Result<Answer, LockError> {
    Ok(Answer::Granted(token(index)))
}

const TTL: Duration = Duration::from_secs(10);

fn acquire(name: &str, holder: u128) -> Op {
    Op::Acquire {
        name: name.to_owned(),
        holder: Holder(holder),
        lease: Lease::Ttl(TTL),
        wait: false,
    }
}

/// The holder's session has the holder's number.
fn campaign(name: &str, holder: u128) -> Op {
    let lease = Lease::Session(SessionId(holder));
    Op::Acquire { name: name.to_owned(), holder: Holder(holder), lease, wait: true }
}

fn open(session: u128) -> Op {
    Op::OpenSession { session: SessionId(session), ttl: TTL }
}

fn renew(name: &str, index: u64) -> Op {
    Op::Renew { name: name.to_owned(), token: token(index) }
}

fn release(name: &str, index: u64) -> Op {
    Op::Release { name: name.to_owned(), token: token(index) }
}

#[test]
fn a_lease_ends_by_the_time_of_commands() {
    let mut log = Log::new(Limits::default());
    let (a, b) = (Holder(1), Holder(2));
    assert_eq!(log.at(0, acquire("x", 1)), granted(1));
    assert_eq!(log.at(1, acquire("x", 1)), granted(1), "asked again");
    assert_eq!(log.at(2, acquire("x", 2)), Err(LockError::Held { by: a, token: token(1) }));
    assert_eq!(log.at(5, renew("x", 1)), granted(1));
    assert_eq!(log.locks.next_timeout(), Some(time(15)));
    assert_eq!(log.at(14, Op::Tick), Ok(Answer::Done));
    assert_eq!(log.locks.holder("x"), Some((a, token(1))));
    // A new leader whose clock is behind does not turn time back.
    assert_eq!(log.at(3, Op::Tick), Ok(Answer::Done));
    assert_eq!(log.locks.now(), time(14));
    assert_eq!(log.at(15, acquire("x", 2)), granted(7));
    let lapsed = Effect::Lapsed { name: "x".to_owned(), holder: a, token: token(1) };
    assert_eq!(log.effects(), [lapsed]);
    let lost = LockError::Lost { token: token(1), now: Some(token(7)) };
    assert_eq!(log.at(16, renew("x", 1)), Err(lost));
    assert_eq!(log.at(16, release("x", 1)), Err(lost));
    assert_eq!(log.locks.holder("x"), Some((b, token(7))));
    assert_eq!(log.at(16, release("x", 7)), Ok(Answer::Done));
    assert_eq!(log.at(16, release("x", 7)), Ok(Answer::Done), "asked again");
    assert_eq!((log.locks.holder("x"), log.locks.next_timeout()), (None, None));
}

#[test]
fn who_asks_again_holds_for_longer() {
    let mut log = Log::new(Limits::default());
    assert_eq!(log.at(0, acquire("x", 1)), granted(1));
    assert_eq!(log.at(9, acquire("x", 1)), granted(1));
    assert_eq!(log.locks.ends("x"), Some(time(19)));
    assert!(log.at(18, acquire("x", 2)).is_err());
    assert_eq!(log.at(19, acquire("x", 2)), granted(4));
}

#[test]
fn what_comes_after_a_lease_has_ended_does_not_take_the_lock_again() {
    let limits = Limits { ended_max: 2, ..Limits::default() };
    let mut log = Log::new(limits);
    let lost =
        |by, now: Option<u64>| Err(LockError::Lost { token: token(by), now: now.map(token) });
    assert_eq!(log.at(0, acquire("x", 1)), granted(1));
    assert_eq!(log.at(0, release("x", 1)), Ok(Answer::Done));
    assert_eq!(log.at(0, acquire("x", 1)), lost(1, None), "it was released");
    assert_eq!(log.at(0, acquire("y", 1)), granted(4), "another lock is another taking");
    assert_eq!(log.at(10, acquire("x", 2)), granted(5));
    assert_eq!(log.at(10, acquire("y", 1)), lost(4, None), "it has lapsed");
    assert_eq!(log.at(10, acquire("x", 1)), lost(1, Some(5)));
    // The oldest is forgotten; the others are known wherever the state is restored.
    assert_eq!(log.at(20, Op::Tick), Ok(Answer::Done));
    let bytes = postcard::to_allocvec(&log.locks).expect("it has a form");
    log.locks = postcard::from_bytes(&bytes).expect("it is what was stored");
    assert_eq!(log.at(20, acquire("x", 2)), lost(5, None));
    assert_eq!(log.at(20, acquire("x", 1)), granted(10));
}

#[test]
fn the_next_in_line_is_elected_when_the_leader_s_session_ends() {
    let mut log = Log::new(Limits::default());
    for session in 1..=3 {
        log.now(open(session)).expect("there is room");
    }
    assert_eq!(log.now(campaign("leader", 1)), granted(4));
    assert_eq!(log.now(campaign("leader", 2)), Ok(Answer::Waits { before: 0 }));
    assert_eq!(log.now(campaign("leader", 3)), Ok(Answer::Waits { before: 1 }));
    assert_eq!(log.now(campaign("leader", 3)), Ok(Answer::Waits { before: 1 }), "asked again");
    log.at(9, Op::RenewSession { session: SessionId(3) }).expect("it is open");
    assert_eq!(log.at(10, Op::Tick), Ok(Answer::Done));
    let name = "leader".to_owned();
    assert_eq!(log.locks.holder("leader"), Some((Holder(3), token(9))));
    // The sessions of the first two end at once; both hold it for no time.
    let lapsed = |holder, at| Effect::Lapsed { name: name.clone(), holder, token: token(at) };
    let granted = |holder, at| Effect::Granted { name: name.clone(), holder, token: token(at) };
    let effects = log.effects();
    assert_eq!(
        (&effects[0], effects.last()),
        (&lapsed(Holder(1), 4), Some(&granted(Holder(3), 9)))
    );
    let close = Op::CloseSession { session: SessionId(3) };
    assert_eq!((log.now(close.clone()), log.now(close)), (Ok(Answer::Done), Ok(Answer::Done)));
    assert_eq!(log.locks.holder("leader"), None);
}

#[test]
fn who_withdraws_is_passed_over() {
    let mut log = Log::new(Limits::default());
    for session in 1..=3 {
        log.now(open(session)).expect("there is room");
    }
    let [first, ..] = [1, 2, 3].map(|holder| log.now(campaign("x", holder)));
    assert_eq!(first, granted(4));
    let withdraw = Op::Withdraw { name: "x".to_owned(), holder: Holder(2) };
    assert_eq!(log.now(withdraw), Ok(Answer::Done));
    assert_eq!(log.now(release("x", 4)), Ok(Answer::Done));
    assert_eq!(log.locks.holder("x"), Some((Holder(3), token(8))));
    assert_eq!(log.locks.waiters("x").count(), 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut log =
        Log::new(Limits { locks_max: 1, sessions_max: 1, waiters_max: 1, ..Limits::default() });
    let wait = |lease| Op::Acquire { name: "x".to_owned(), holder: Holder(1), lease, wait: true };
    let zero = Op::OpenSession { session: SessionId(1), ttl: Duration::ZERO };
    let session = SessionId(9);
    let mut check = |op, error| assert_eq!(log.now(op), Err(error));
    check(acquire("", 1), LockError::BadName { bytes: 0 });
    check(acquire(&"x".repeat(257), 1), LockError::BadName { bytes: 257 });
    check(wait(Lease::Ttl(TTL)), LockError::WaitNeedsSession);
    check(wait(Lease::Session(session)), LockError::NoSession { session });
    check(zero, LockError::BadTtl { ttl: Duration::ZERO });
    check(renew("x", 1), LockError::Lost { token: token(1), now: None });
    log.now(open(1)).expect("there is room");
    let index = log.index + 1;
    log.now(campaign("x", 1)).expect("it is free");
    let mut check = |op, error| assert_eq!(log.now(op), Err(error));
    check(renew("x", index), LockError::RenewSession);
    check(acquire("x", 1), LockError::OtherLease { token: token(index) });
    check(acquire("y", 1), LockError::TooManyLocks { max: 1 });
    check(open(2), LockError::TooManySessions { max: 1 });
    let waits = |holder| {
        let lease = Lease::Session(SessionId(1));
        Op::Acquire { name: "x".to_owned(), holder: Holder(holder), lease, wait: true }
    };
    assert_eq!(log.now(waits(5)), Ok(Answer::Waits { before: 0 }));
    assert_eq!(log.now(waits(6)), Err(LockError::TooManyWaiters { max: 1 }));
}

#[test]
fn the_first_bound_counts_wherever_the_state_is_restored() {
    let mut log = Log::new(Limits { locks_max: 0, ..Limits::default() });
    assert_eq!(log.now(acquire("x", 1)), Err(LockError::TooManyLocks { max: 0 }));
    let bound = |locks_max| Op::Bound { locks_max };
    assert_eq!(log.now(bound(1)), Ok(Answer::Done));
    assert_eq!(log.now(bound(9)), Ok(Answer::Done), "it is said again, and changes nothing");
    assert_eq!(log.now(acquire("x", 1)), granted(4));
    let bytes = postcard::to_allocvec(&log.locks).expect("it has a form");
    log.locks = postcard::from_bytes(&bytes).expect("it is what was stored");
    assert_eq!(log.locks.limits().locks_max, 1);
    assert_eq!(log.now(bound(9)), Ok(Answer::Done));
    assert_eq!(log.now(acquire("y", 1)), Err(LockError::TooManyLocks { max: 1 }));
}

#[test]
#[should_panic(expected = "a log is applied in order")]
fn a_command_applied_twice_is_our_own_mistake() {
    let mut locks = Locks::new(Limits::default());
    let command = Command { at: Time::ZERO, op: Op::Tick };
    for _ in 0..2 {
        let _ = locks.apply(Term(1), Index(1), &command);
    }
}

/// What clients may believe, worked out from answers and effects alone.
#[derive(Default)]
struct Belief {
    /// Who was told that he holds a name, with which token, until when at the least.
    holders: BTreeMap<String, (Holder, Token, Option<u64>)>,
    tokens: BTreeMap<String, Token>,
}

impl Belief {
    fn grant(&mut self, name: &str, holder: Holder, token: Token, until: Option<u64>) {
        match self.holders.get(name).copied() {
            Some((other, known, _)) => {
                assert_eq!((other, known), (holder, token), "two hold {name}")
            }
            None => {
                let before = self.tokens.insert(name.to_owned(), token);
                assert!(before.is_none_or(|before| before < token), "a token of {name} fell");
            }
        }
        self.holders.insert(name.to_owned(), (holder, token, until));
    }

    fn lapse(&mut self, name: &str, holder: Holder, token: Token, now: u64) {
        let (who, known, until) = self.holders.remove(name).expect("only who holds can lose it");
        assert_eq!((who, known), (holder, token));
        assert!(until.is_none_or(|until| until <= now), "{name} was taken away too early");
    }
}

/// One random command; commands may repeat what was said before.
fn any_op(rng: &mut Rng, tokens: &[Token]) -> Op {
    let name = ["x", "y", "z"][rng.below(3) as usize].to_owned();
    let holder = rng.below(4) as u128;
    let token = tokens.get(rng.below(tokens.len().max(1) as u64) as usize).copied();
    let token = token.unwrap_or(Token { term: Term(0), index: Index(1) });
    match rng.below(12) {
        0 => Op::Tick,
        1 => open(holder),
        2 | 3 => Op::RenewSession { session: SessionId(holder) },
        4 => Op::CloseSession { session: SessionId(holder) },
        5 | 6 => acquire(&name, holder),
        7 | 8 => campaign(&name, holder),
        9 => Op::Renew { name, token },
        10 => Op::Release { name, token },
        _ => Op::Withdraw { name, holder: Holder(holder) },
    }
}

fn check_run(seed: u64) {
    let mut rng = Rng::new(seed);
    let limits =
        Limits { locks_max: 3, sessions_max: 3, waiters_max: 2, ended_max: 3, effects_max: 64 };
    let (mut locks, mut belief, mut tokens) = (Locks::new(limits), Belief::default(), Vec::new());
    let (mut term, mut index, mut clock) = (1, 0, 0);
    for _ in 0..400 {
        term += u64::from(rng.below(20) == 0);
        index += 1 + rng.below(2);
        clock += rng.below(3);
        // The clock of one leader is up to two seconds behind that of another.
        let at = time((clock + term % 3).saturating_sub(2));
        let op = any_op(&mut rng, &tokens);
        let answer = locks.apply(Term(term), Index(index), &Command { at, op: op.clone() });
        let now = locks.now().as_nanos() / 1_000_000_000;
        release_if(&op, &answer, &mut belief);
        while let Some(effect) = locks.poll_effect() {
            match effect {
                Effect::Granted { name, holder, token } => belief.grant(&name, holder, token, None),
                Effect::Lapsed { name, holder, token } => {
                    // What is released by hand goes without this effect.
                    belief.lapse(&name, holder, token, now);
                }
            }
        }
        match (op, answer) {
            (Op::Acquire { name, holder, lease, .. }, Ok(Answer::Granted(token))) => {
                let until = (lease == Lease::Ttl(TTL)).then_some(now + 10);
                belief.grant(&name, holder, token, until);
                tokens.push(token);
            }
            (Op::Renew { name, .. }, Ok(Answer::Granted(token))) => {
                let (holder, ..) = belief.holders[&name];
                belief.grant(&name, holder, token, Some(now + 10));
            }
            _ => {}
        }
        for name in ["x", "y", "z"] {
            let told = belief.holders.get(name).map(|&(holder, token, _)| (holder, token));
            assert_eq!(locks.holder(name), told, "seed {seed}: {name}");
            assert!(locks.waiters(name).count() <= 2);
        }
        assert!(locks.next_timeout().is_none_or(|at| at > locks.now()), "something is overdue");
        assert!(locks.sessions.values().all(|session| session.names.len() <= 3));
        for (id, session) in &locks.sessions {
            let has =
                |name: &String| locks.locks.get(name).is_some_and(|held| held.has_to_do_with(*id));
            assert!(session.names.iter().all(has), "seed {seed}: names are kept in vain");
        }
        check_stored(&locks);
    }
}

/// What was released is held no longer, before the same command grants it to the next.
fn release_if(op: &Op, answer: &Result<Answer, LockError>, belief: &mut Belief) {
    if let (Op::Release { name, token }, Ok(_)) = (op, answer) {
        belief.holders.retain(|held, (_, known, _)| held != name || known != token);
    }
}

fn check_stored(locks: &Locks) {
    let bytes = postcard::to_allocvec(locks).expect("it has a form");
    assert_eq!(postcard::from_bytes::<Locks>(&bytes).as_ref(), Ok(locks));
}

#[test]
fn a_lock_never_has_two_holders_and_tokens_only_grow() {
    (0..300).for_each(check_run);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn damaged_locks_are_errors(seed in 0u64..1_000, at in any::<usize>(), to in any::<u8>()) {
        let (mut rng, mut locks) = (Rng::new(seed), Locks::new(Limits::default()));
        for index in 1..60 {
            let command = Command { at: time(index / 4), op: any_op(&mut rng, &[token(index - 1)]) };
            let _ = locks.apply(Term(1), Index(index), &command);
        }
        let mut bytes = postcard::to_allocvec(&locks).expect("it has a form");
        let at = at % bytes.len();
        bytes[at] = to;
        // Whatever comes out, it can be worked with.
        if let Ok(mut locks) = postcard::from_bytes::<Locks>(&bytes) {
            let (term, index) = (locks.token_last.term, locks.token_last.index);
            if index < Index(u64::MAX) {
                let command = Command { at: Time::MAX, op: Op::Tick };
                let _ = locks.apply(term, Index(index.0 + 1), &command);
            }
        }
    }
}
