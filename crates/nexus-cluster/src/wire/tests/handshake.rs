//! Two ends that greet each other, through frames.

use std::collections::BTreeMap;

use nexus_base::Time;

use super::*;
use crate::ClusterId;

fn node(number: u64) -> HandshakeSpec {
    let mut kinds = Fingerprints::default();
    kinds.insert("cart.add", Schema { fingerprint: 11, others: vec![10] }).expect("it fits");
    kinds.insert("cart.drop", Schema { fingerprint: 20, others: vec![] }).expect("it fits");
    HandshakeSpec::new(Hello {
        cluster: ClusterId(7),
        node: NodeId(number),
        start: Start { incarnation: 3, draw: number * 100 },
        versions: Versions { min: 1, max: 2 },
        build: 9,
        lane: 0,
        kinds,
    })
}

fn frame(effect: &Effect) -> Option<Vec<u8>> {
    let Effect::Send(greeting) = effect else { return None };
    Some(encode(ENVELOPE, &Content::Greeting(greeting.clone())).expect("it fits"))
}

fn greeting(bytes: &[u8]) -> Greeting {
    match decode(bytes) {
        Ok((_, Content::Greeting(greeting))) => greeting,
        other => panic!("{other:?}"),
    }
}

/// Has two nodes greet; the outcomes at each.
fn greet(one: HandshakeSpec, two: HandshakeSpec) -> [Effect; 2] {
    let mut ends = [one, two].map(|spec| Handshake::new(Time::ZERO, spec));
    let mut outcomes = [None, None];
    // Two greetings and an outcome each, and none goes on after that.
    for _ in 0..6 {
        for at in [0, 1] {
            let Some(effect) = ends[at].poll_effect() else { continue };
            match frame(&effect) {
                Some(bytes) => ends[1 - at].handle_greeting(Time::ZERO, greeting(&bytes)),
                None => assert_eq!(outcomes[at].replace(effect), None, "one outcome each"),
            }
        }
    }
    assert!(ends.iter().all(|end| end.next_timeout().is_none()));
    outcomes.map(|outcome| outcome.expect("each ends"))
}

/// The second node refuses the first, and both say why.
fn check(one: HandshakeSpec, two: HandshakeSpec, expected: Refusal) {
    let outcomes = greet(one, two);
    let refused = |effect: &Effect, side| match effect {
        Effect::Refused { by, refusal } => *by == side && *refusal == expected,
        _ => false,
    };
    let told = refused(&outcomes[1], Side::Us) || refused(&outcomes[0], Side::Them);
    assert!(told, "{expected}: {outcomes:?}");
    let none = outcomes.iter().all(|it| matches!(it, Effect::Refused { .. }));
    assert!(none, "both refuse: {outcomes:?}");
}

fn established(effect: &Effect) -> &Peer {
    match effect {
        Effect::Established(peer) => peer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nodes_of_one_cluster_agree() {
    let mut newer = node(2);
    newer.hello.versions.max = 5;
    newer.hello.kinds.insert("cart.add", Schema { fingerprint: 12, others: vec![11] }).expect("ok");
    newer.hello.kinds.insert("new", Schema::default()).expect("it fits");
    let outcomes = greet(node(1), newer);
    let [one, two] = outcomes.each_ref().map(established);
    assert_eq!((one.node, two.node, one.version), (NodeId(2), NodeId(1), 2));
    let kinds = BTreeMap::from([("cart.add".to_owned(), 11), ("cart.drop".to_owned(), 20)]);
    assert_eq!((&one.kinds, &two.kinds), (&kinds, &kinds));
}

#[test]
fn what_cannot_work_is_refused_with_its_reason() {
    let mut other = node(1);
    other.hello.cluster = ClusterId(8);
    let refusal = Refusal::OtherCluster { refused: ClusterId(8), wanted: ClusterId(7) };
    check(other, node(2), refusal);

    let mut other = node(1);
    other.hello.versions = Versions { min: 3, max: 9 };
    let (refused, wanted) = (other.hello.versions, node(2).hello.versions);
    check(other, node(2), Refusal::NoCommonVersion { refused, wanted });

    let mut other = node(1);
    let schema = Schema { fingerprint: 21, others: vec![22] };
    other.hello.kinds.insert("cart.drop", schema).expect("it fits");
    check(other, node(2), Refusal::Schemas { kinds: vec!["cart.drop".to_owned()], count: 1 });

    check(node(1), node(1), Refusal::Itself);
    let mut copy = node(1);
    copy.hello.start.draw += 1;
    let twice = Refusal::TwoNodesOneIdentity { node: NodeId(1), incarnation: 3 };
    check(copy, node(1), twice);
}

/// Only the second node can know: the first one welcomes it, and hears why not.
fn check_known(change: impl FnOnce(&mut HandshakeSpec), expected: Option<Refusal>) {
    let mut knowing = node(2);
    change(&mut knowing);
    let outcomes = greet(node(1), knowing);
    match expected {
        None => assert_eq!(established(&outcomes[1]).node, NodeId(1)),
        Some(refusal) => {
            let told = |by| Effect::Refused { by, refusal: refusal.clone() };
            assert_eq!(outcomes, [told(Side::Them), told(Side::Us)]);
        }
    }
}

#[test]
fn an_identity_that_somebody_else_has_is_refused() {
    let node = NodeId(1);
    let known = |incarnation, draw| {
        let start = Start { incarnation, draw };
        move |spec: &mut HandshakeSpec| spec.known = [(node, start)].into()
    };
    check_known(known(3, 100), None);
    check_known(known(2, 555), None);
    let twice = Refusal::TwoNodesOneIdentity { node, incarnation: 3 };
    check_known(known(3, 555), Some(twice));
    check_known(known(4, 1), Some(Refusal::OldStart { node, refused: 3, wanted: 4 }));
    let other = Refusal::OtherNode { refused: node, wanted: NodeId(5) };
    check_known(|spec| spec.expected = Some(NodeId(5)), Some(other));
}

#[test]
fn silence_noise_and_disorder_end_it() {
    let end = |act: &dyn Fn(&mut Handshake)| {
        let mut handshake = Handshake::new(Time::from_nanos(7), node(1));
        act(&mut handshake);
        act(&mut handshake);
        let effects: Vec<Effect> = std::iter::from_fn(|| handshake.poll_effect()).collect();
        match effects.as_slice() {
            [
                _,
                Effect::Send(Greeting::Refuse(told)),
                Effect::Refused { by: Side::Us, refusal },
            ] => {
                assert_eq!(told, refusal);
                refusal.clone()
            }
            other => panic!("{other:?}"),
        }
    };
    let due = Handshake::new(Time::from_nanos(7), node(1)).next_timeout().expect("it may time out");
    assert_eq!(due, Time::from_nanos(7).after(HANDSHAKE_TIMEOUT));
    assert_eq!(end(&|it| it.handle_timeout(due)), Refusal::Deadline);
    assert_eq!(end(&|it| it.handle_greeting(due, Greeting::Welcome)), Refusal::Deadline);
    assert_eq!(end(&|it| it.handle_greeting(Time::ZERO, Greeting::Welcome)), Refusal::OutOfTurn);
    assert_eq!(end(&|it| it.handle_noise(Time::ZERO)), Refusal::NotUnderstood);
}

#[test]
fn fingerprints_have_bounds() {
    let mut kinds = Fingerprints::default();
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let error = kinds.insert(&long, Schema::default());
    assert_eq!(error, Err(FingerprintError::LongName { bytes: NAME_BYTES_MAX + 1 }));
    let others = vec![0; OTHERS_MAX + 1];
    let error = kinds.insert("a", Schema { fingerprint: 0, others });
    assert_eq!(error, Err(FingerprintError::TooManyOthers { count: OTHERS_MAX + 1 }));
    for kind in 0..KINDS_MAX {
        kinds.insert(&kind.to_string(), Schema::default()).expect("it fits");
    }
    assert_eq!(kinds.insert("more", Schema::default()), Err(FingerprintError::TooManyKinds));
    let mut spec = node(1);
    spec.hello.kinds = kinds;
    let hello = Effect::Send(Greeting::Hello(Box::new(spec.hello.clone())));
    let bytes = frame(&hello).expect("the largest hello fits a frame");
    assert_eq!(greeting(&bytes), Greeting::Hello(Box::new(spec.hello)));
}
