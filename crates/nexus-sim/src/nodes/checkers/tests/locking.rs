//! What `lock-fenced` must object to, and what it must bear.

use std::time::Duration;

use nexus_agent::{Claim, Fence, LockError, LockReply, LockVerb, Tenure};
use nexus_base::Time;

use super::check;
use super::shown::Shown::{self, FenceIs, IsTold, Locks, Pass, Shows};

fn fence(index: u64) -> Fence {
    Fence { term: 1, index }
}

fn take(claim: u128) -> LockVerb {
    LockVerb::Take { name: "x".to_owned(), claim: Claim(claim), ttl: Duration::from_secs(9) }
}

fn renew(index: u64) -> LockVerb {
    LockVerb::Renew { name: "x".to_owned(), fence: fence(index) }
}

fn release(index: u64) -> LockVerb {
    LockVerb::Release { name: "x".to_owned(), fence: fence(index) }
}

fn look() -> LockVerb {
    LockVerb::Look { name: "x".to_owned() }
}

/// It is held, by the claim that has the fence's number.
fn held(index: u64) -> LockReply {
    Ok(Some(Tenure { fence: fence(index), claim: Claim(index.into()), until: Time::ZERO }))
}

fn by_another(index: u64) -> LockReply {
    Err(LockError::Held { fence: fence(index) })
}

fn lost(newest: Option<u64>) -> LockReply {
    Err(LockError::Lost { newest: newest.map(fence) })
}

/// A locker asks, and is told a second later.
fn asks(locker: u32, number: u64, what: &LockVerb, reply: LockReply, until: u64) -> [Shown; 2] {
    let told = IsTold(locker, number, what.clone(), reply, until);
    [Locks(locker, number, what.clone()), told]
}

/// Locker 1 holds the lock until the tenth second, with the claim and the fence 5.
fn one_holds(then: &[&[Shown]]) -> Vec<Shown> {
    [&asks(1, 1, &take(5), held(5), 10)[..], &then.concat()].concat()
}

fn check_after_one_holds(well: &[&[Shown]], broken: &[&[Shown]], words: &str) {
    check("lock-fenced", &one_holds(well), &one_holds(broken), words);
}

#[test]
fn a_second_holder() {
    let second = asks(2, 1, &take(6), held(6), 20);
    let late = [Pass(7)];
    let words = "held with fence 1.6, though fence 1.5 holds it until";
    check_after_one_holds(&[&late, &second], &[&second], words);
    // Both have asked before either was told.
    let broken = [Locks(2, 1, take(6)), Locks(1, 1, take(5)), told(1, 1, 5), told(2, 1, 6)];
    let well = [&broken[..3], &[Pass(7), told(2, 1, 6)]].concat();
    check("lock-fenced", &well, &broken, "until 20");
    // Who has begun to give it back does not hold it.
    let given_back = [Locks(1, 2, release(5))];
    check_after_one_holds(&[&given_back, &second], &[&second], words);
    // A renewal is believed as well.
    let renewed = asks(1, 2, &renew(5), held(5), 14);
    check_after_one_holds(&[&renewed, &late, &second], &[&renewed, &[Pass(5)], &second], words);
}

fn told(locker: u32, number: u64, claim: u64) -> Shown {
    IsTold(locker, number, take(claim.into()), held(claim), 10 * u64::from(locker))
}

#[test]
fn a_lock_that_is_free_while_it_is_held() {
    let words = "is free, though fence 1.5 holds it";
    let seen = asks(2, 1, &look(), held(5), 0);
    check_after_one_holds(&[&seen], &[&asks(2, 1, &look(), Ok(None), 0)], words);
    check_after_one_holds(&[&seen], &[&asks(1, 2, &renew(5), lost(None), 0)], words);
    // What was asked before he held it may be of then.
    let early = [Locks(2, 1, look())];
    let well = [&early[..], &one_holds(&[&[IsTold(2, 1, look(), Ok(None), 0)]])].concat();
    check("lock-fenced", &well, &one_holds(&[&asks(2, 1, &look(), Ok(None), 0)]), words);
}

#[test]
fn a_fence_that_does_not_rise() {
    let free = asks(1, 2, &release(5), Ok(None), 0);
    let well = asks(2, 1, &take(6), held(6), 20);
    let lower = asks(2, 1, &take(4), held(4), 20);
    check_after_one_holds(&[&free, &well], &[&free, &lower], "has fence 1.4 after fence 1.5");
    let told_lower = asks(2, 1, &take(6), by_another(4), 0);
    check_after_one_holds(&[&[Pass(9)], &well], &[&[Pass(9)], &told_lower], "after fence 1.5");
    let same = Ok(Some(Tenure { fence: fence(5), claim: Claim(6), until: Time::ZERO }));
    let same = asks(2, 1, &take(6), same, 20);
    check_after_one_holds(&[&[Pass(9)], &well], &[&[Pass(9)], &same], "for a second claim");
    let again = Ok(Some(Tenure { fence: fence(8), claim: Claim(5), until: Time::ZERO }));
    let again = asks(2, 1, &take(5), again, 20);
    check_after_one_holds(&[&[Pass(9)], &well], &[&[Pass(9)], &again], "that had another");
}

#[test]
fn an_old_fence_that_is_taken() {
    let shows = |locker, index, taken| [Shows(locker, 1), FenceIs(locker, 1, fence(index), taken)];
    let well = [shows(1, 5, true), shows(2, 6, true), shows(3, 5, false)].concat();
    let broken = [shows(1, 5, true), shows(2, 6, true), shows(3, 5, true)].concat();
    check("lock-fenced", &well, &broken, "takes fence 1.5 after fence 1.6");
    // Both were under way.
    let well = [Shows(3, 1), Shows(2, 1), broken[3].clone(), broken[5].clone()];
    check("lock-fenced", &well, &broken, "takes fence 1.5 after fence 1.6");
}

#[test]
fn a_fence_that_is_over() {
    let free = asks(1, 2, &release(5), Ok(None), 0);
    let seen = asks(2, 1, &look(), held(5), 0);
    // It was not answered: nobody knows.
    let unknown = [Locks(1, 2, release(5))];
    check_after_one_holds(&[&unknown, &seen], &[&free, &seen], "fence 1.5, which is over");
    let late = [Pass(9)];
    let lost = asks(1, 2, &renew(5), lost(None), 0);
    let renewed = asks(2, 1, &renew(5), held(5), 30);
    check_after_one_holds(&[&late, &renewed], &[&late, &lost, &renewed], "which is over");
}

#[test]
fn a_refused_claim_that_holds() {
    let refused = asks(2, 1, &take(6), by_another(5), 0);
    let unknown = asks(2, 1, &take(6), Err(LockError::Unknown), 0);
    let late = [Pass(9)];
    let seen = asks(3, 1, &look(), held(6), 0);
    let words = "by a claim that was refused";
    check_after_one_holds(&[&unknown, &late, &seen], &[&refused, &late, &seen], words);
    // He has asked again since.
    let again = [Locks(2, 2, take(6))];
    check_after_one_holds(&[&refused, &again, &late, &seen], &[&refused, &late, &seen], words);
}
