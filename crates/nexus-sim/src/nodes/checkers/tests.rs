//! Each checker, watching alone: what it must object to, and what it must bear.

use nexus_base::Time;
use nexus_cluster::GroupId;

use super::{Checkers, every};
use crate::cluster::Watch;
use crate::nodes::spec::ACCOUNTS;
use crate::nodes::{Op, Reply};

mod locking;
mod shown;

use shown::Shown::{
    Asks, Ended, Freed, Gets, GivenBack, GivesUp, Healed, Leads, Map, Named, Over, Pass, Queue,
    Started, Step, StepOfNoSlot,
};
use shown::{Shown, firing, handling, setting, show, step};

const ONE: GroupId = GroupId(1);
const TWO: GroupId = GroupId(2);

/// What a checker objects to first.
fn objection(name: &'static str, all: &[Shown]) -> Option<String> {
    let checkers = Checkers::new(Watch::Only(name));
    let mut now = Time::ZERO;
    all.iter().for_each(|shown| show(&checkers, &mut now, shown));
    checkers.violations().into_iter().next().map(|first| first.seen)
}

/// Shows a checker what is well, and then the same with something that is not.
#[track_caller]
fn check(name: &'static str, well: &[Shown], broken: &[Shown], words: &str) {
    assert!(every().iter().any(|checker| checker.name() == name), "there is no {name}");
    assert_eq!(objection(name, well), None, "{well:?}");
    let seen = objection(name, broken).unwrap_or_default();
    assert!(seen.contains(words), "{seen:?} of {broken:?}");
}

fn put(value: i64) -> Op {
    Op::Put { register: 0, value }
}

const GET: Op = Op::Get { register: 0 };

#[test]
fn one_accepted_writer() {
    let steps = [Step(1, ONE, 1, step("register", 1)), Step(2, ONE, 1, step("register", 1))];
    let elsewhere = [steps[0].clone(), Step(2, TWO, 5, step("register", 1))];
    check("one-accepted-writer", &steps, &elsewhere, "step 1 of register/0 is accepted as entry 5");
}

#[test]
fn acknowledged_kept() {
    let well = [
        Step(1, ONE, 1, handling(step("register", 1), 4, 9)),
        Gets(4, 9, put(1), Reply::Done),
        Gets(4, 10, GET, Reply::Found(Some(1))),
    ];
    let broken = [well[0].clone(), Gets(4, 10, put(1), Reply::Done)];
    check("acknowledged-kept", &well, &broken, "which no log has accepted");
    let lost = [well[0].clone(), well[1].clone(), Over];
    check("acknowledged-kept", &[], &lost, "its owner has None");
}

#[test]
fn linearizability() {
    let written = [Asks(1, 1, put(5)), Gets(1, 1, put(5), Reply::Done), Asks(2, 1, GET)];
    let read = |value| Gets(2, 1, GET, Reply::Found(value));
    let well = [&written[..], &[read(Some(5)), Over]].concat();
    check("linearizability", &well, &[&written[..], &[read(None), Over]].concat(), "register 0");
    // What was given up may have been done, or surely was not.
    let gives_up = |unsure| [Asks(1, 1, put(5)), GivesUp(1, 1, put(5), unsure), Asks(2, 1, GET)];
    let [perhaps, surely_not] =
        [true, false].map(|unsure| [&gives_up(unsure)[..], &[read(Some(5)), Over]].concat());
    check("linearizability", &perhaps, &surely_not, "register 0");
}

#[test]
fn reminder_once() {
    let set = Step(1, ONE, 1, setting(step("clerk", 1), "x"));
    let fired = Step(1, ONE, 2, firing(step("clerk", 2), "x", 1));
    let rung = |times| Gets(1, 1, Op::Rung { clerk: 0 }, Reply::Times(times));
    let well = [set.clone(), fired.clone(), rung(1), Over];
    let again = Step(2, TWO, 9, firing(step("clerk", 2), "x", 1));
    check("reminder-once", &well, &[set.clone(), fired.clone(), again], "fires again");
    check("reminder-once", &well, &[set.clone(), Over], "have never fired");
    check("reminder-once", &well, &[set, fired.clone(), rung(2)], "was reminded 2 times");
    check("reminder-once", &well, &[fired], "which is not set");
}

#[test]
fn conservation() {
    let report = |account, balance, strays| {
        let reply = Reply::Report { balance, strays };
        Gets(1, u64::from(account), Op::Report { account }, reply)
    };
    let accounts = |last, strays| {
        let all = (0..ACCOUNTS - 1).map(|account| report(account, 1_000, 0));
        all.chain([report(ACCOUNTS - 1, last, strays), Over]).collect::<Vec<_>>()
    };
    check("conservation", &accounts(1_000, 0), &accounts(999, 0), "accounts have 5999 together");
    check("conservation", &accounts(1_000, 0), &accounts(1_000, 1), "out of order");
}

#[test]
fn letters_in_order() {
    let handles =
        |index, number, request| Step(1, ONE, index, handling(step("account", number), 3, request));
    let well = [handles(1, 1, 7), handles(2, 2, 9), handles(1, 1, 7)];
    check("letters-in-order", &well, &[handles(1, 1, 7), handles(2, 2, 7)], "handles request 7");
    check("letters-in-order", &well, &[handles(1, 1, 9), handles(2, 2, 7)], "after request 9");
}

#[test]
fn same_state() {
    let well = [Step(1, ONE, 1, step("register", 1)), Step(2, ONE, 1, step("register", 1))];
    let broken = [well[0].clone(), Step(2, ONE, 1, step("register", 2))];
    check("same-state", &well, &broken, "unlike n1");
}

#[test]
fn directory_agreement() {
    let well = [Step(1, ONE, 1, step("register", 1))];
    let broken = [StepOfNoSlot(step("register", 1))];
    check("directory-agreement", &well, &broken, "accepts a step of register/0 in slot");
}

#[test]
fn directory_agreement_of_guests() {
    let asks = |number| Asks(1, number, Op::Where { guest: 0 });
    let answers =
        |number, node, start| Gets(1, number, Op::Where { guest: 0 }, Reply::At { node, start });
    let objects = |well: &[Shown], broken: &[Shown], words| {
        check("directory-agreement", well, broken, words);
    };
    let named = [Named(2, 5), asks(1), answers(1, 2, 5)];
    objects(&named, &[Named(2, 5), asks(1), answers(1, 2, 6)], "which never had the name");
    // What was asked before it was given back may be answered after.
    let in_time = [Named(2, 5), asks(1), GivenBack(2), answers(1, 2, 5)];
    let late = [Named(2, 5), GivenBack(2), asks(1), answers(1, 2, 5)];
    objects(&in_time, &late, "had the name until");
    objects(&in_time, &[Named(2, 5), Ended(2), asks(1), answers(1, 2, 5)], "had the name until");
    let again = [&late[..2], &[Named(2, 5), asks(1), answers(1, 2, 5)]].concat();
    objects(&again, &late, "had the name until");
    // Its name is free once its life is over, and it may not know it.
    let freed = [Named(2, 5), Freed(2, 5), Named(3, 1), asks(1), answers(1, 2, 5)];
    let taken = [Named(2, 5), Named(3, 1)];
    objects(&freed, &taken, "n3 is given the name guest/0, which n2 has");
    let nobody = |number| Gets(1, number, Op::Where { guest: 0 }, Reply::Nobody);
    let meanwhile = [asks(1), Named(2, 5), Named(2, 5), nobody(1)];
    objects(&meanwhile, &[Named(2, 5), asks(1), nobody(1)], "nobody is said to have the name");
    let over = [Named(2, 5), Freed(2, 5), asks(1), Named(3, 1), nobody(1)];
    objects(&over, &[&over[..], &[asks(2), nobody(2)]].concat(), "nobody is said to have the name");
    let settled = [&named[..], &[Healed(30), Pass(160), asks(2)]].concat();
    let not_found = [&settled[..], &[GivesUp(1, 2, Op::Where { guest: 0 }, false)]].concat();
    objects(&settled, &not_found, "is not found");
    let answered = [&settled[..], &[answers(2, 2, 5)]].concat();
    objects(&answered, &[&answered[..], &[Over]].concat(), "the directory has None");
}

#[test]
fn election_safety() {
    let well = [Leads(1, ONE, 3), Leads(2, ONE, 4), Leads(2, TWO, 3), Leads(1, ONE, 3)];
    check("election-safety", &well, &[Leads(1, ONE, 3), Leads(2, ONE, 3)], "as n1 does");
}

#[test]
fn one_control_group() {
    let broken = [Map(1, 5), Map(2, 6)];
    check("one-control-group", &[Map(1, 5), Map(2, 5)], &broken, "another map 2 than n1 had");
}

#[test]
fn membership_accuracy() {
    let alone = [Started(1), Started(2), Ended(2), Healed(30), Over];
    // The other one is there, and nobody ever sees it.
    let unseen = [Started(1), Started(2), Healed(30), Pass(100), Over];
    check("membership-accuracy", &alone, &unseen, "n");
}

#[test]
fn queues_bounded() {
    check("queues-bounded", &[Queue(4, 4)], &[Queue(5, 4)], "5 long, at most 4");
}

#[test]
fn liveness() {
    let audit = [Asks(9, 1, GET), Gets(9, 1, GET, Reply::Found(None)), Over];
    let answered = [Asks(1, 1, GET), Healed(30), Gets(1, 1, GET, Reply::Found(None))];
    let late = [Asks(1, 1, GET), Healed(30), Pass(40), Gets(1, 1, GET, Reply::Found(None))];
    let well = [&answered[..], &audit[..]].concat();
    check("liveness", &well, &[&late[..], &audit[..]].concat(), "client 1 was not answered by");
    check("liveness", &well, &[Asks(1, 1, GET), Healed(30), Over], "waits for an answer");
}

#[test]
fn none_is_left_out() {
    assert_eq!(every().len(), 14, "each has its tests above");
}
