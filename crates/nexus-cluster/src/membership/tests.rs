//! What comes from outside: bounds, damage, forgeries, strangers.

use std::time::Duration;

use nexus_base::{Rng, Time};

use super::wire::{FRAME_BYTES_MAX, Kind, frame};
use super::*;
use crate::ClusterId;

/// Some nodes on a network without delay or loss.
struct Cluster {
    nodes: Vec<Membership>,
    now: Time,
    /// All datagrams so far, and for whom they were.
    seen: Vec<(usize, Vec<u8>)>,
}

fn address(index: usize) -> Address {
    Address::new(&format!("n{index}:1")).expect("short and plain")
}

fn node(index: usize, spec: &Spec) -> Membership {
    let me = Me {
        node: NodeId(index as u64 + 1),
        start: 1,
        address: address(index),
        metadata: Metadata { version: 3, capabilities: [("zone".into(), "a".into())].into() },
    };
    Membership::new(spec.clone(), &me, &Rng::new(index as u64)).expect("the settings are right")
}

impl Cluster {
    fn new(count: usize, spec: &Spec) -> Cluster {
        let nodes = (0..count).map(|index| node(index, spec)).collect();
        let mut cluster = Cluster { nodes, now: Time::ZERO, seen: Vec::new() };
        for index in 1..count {
            cluster.nodes[index].join(cluster.now, &[address(0)]);
        }
        cluster.run(Duration::from_secs(20));
        cluster
    }

    fn run(&mut self, span: Duration) {
        let end = self.now.after(span);
        while self.now < end {
            self.now = self.now.after(Duration::from_millis(50));
            for index in 0..self.nodes.len() {
                self.nodes[index].handle_timeout(self.now);
                self.deliver(index);
            }
        }
    }

    fn deliver(&mut self, from: usize) {
        while let Some(effect) = self.nodes[from].poll_effect() {
            let Effect::Send { to, bytes } = effect else { continue };
            let to: usize = to.as_str()[1..to.as_str().len() - 2].parse().expect("we made it");
            self.seen.push((to, bytes.clone()));
            // That it is refused is a result too.
            let _ = self.nodes[to].handle_datagram(self.now, &address(from), &bytes);
        }
    }
}

fn view(node: &Membership) -> String {
    let members: Vec<_> = node.members().collect();
    format!("{:?} {:?} {:?} {members:?}", node.life(), node.standing(), node.next_timeout())
}

#[test]
fn damage_is_found_and_changes_nothing() {
    let mut cluster = Cluster::new(4, &Spec::default());
    let datagrams = std::mem::take(&mut cluster.seen);
    let (now, node) = (cluster.now, &mut cluster.nodes[2]);
    let before = view(node);
    let mut rng = Rng::new(5);
    for (_, bytes) in &datagrams {
        let cut = rng.below(bytes.len() as u64) as usize;
        let mut flipped = bytes.clone();
        flipped[cut] ^= 1 << rng.below(8);
        for damaged in [&bytes[..cut], &flipped] {
            let refused = node.handle_datagram(now, &address(1), damaged);
            assert_eq!(refused, Err(DatagramError::Damaged));
        }
    }
    assert_eq!(view(node), before);
    assert_eq!(node.counts().damaged, 2 * datagrams.len() as u64);
    let long = vec![0; DATAGRAM_BYTES_MAX];
    let refused = node.handle_datagram(now, &address(1), &long);
    assert_eq!(refused, Err(DatagramError::TooLong { bytes: 1_400 }));
}

/// With a right checksum, so that it reaches what is behind: neither panic nor contradiction.
#[test]
fn forgeries_break_nothing() {
    let mut rng = Rng::new(6);
    let (mut made_sense, mut total) = (0, 0);
    for _ in 0..100 {
        let mut cluster = Cluster::new(4, &Spec::default());
        let mut datagrams = std::mem::take(&mut cluster.seen);
        datagrams.retain(|(to, _)| *to == 2);
        let node = &mut cluster.nodes[2];
        for millis in 0..200 {
            let now = cluster.now.after(Duration::from_millis(millis));
            let (_, bytes) = &datagrams[rng.below(datagrams.len() as u64) as usize];
            let forged = forge(&mut rng, bytes);
            made_sense += u32::from(node.handle_datagram(now, &address(1), &forged).is_ok());
            total += 1;
            node.handle_timeout(now);
            while node.poll_effect().is_some() {}
            assert_eq!(node.counts().inner_errors, 0);
        }
    }
    assert!(made_sense * 20 > total, "{made_sense} of {total} made sense");
}

fn forge(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    let mut body = bytes[2..bytes.len() - 8].to_vec();
    for _ in 0..=rng.below(2) {
        let at = rng.below(body.len() as u64) as usize;
        body[at] = rng.next_u64() as u8;
    }
    let kinds = [Kind::Swim, Kind::Ask, Kind::Page, Kind::Outranked];
    let kind = kinds.into_iter().find(|kind| *kind as u8 == bytes[1]).expect("one of ours");
    frame(ClusterId(0), kind, &body)
}

#[test]
fn any_bytes_at_all_are_refused_or_understood() {
    let mut rng = Rng::new(7);
    let mut node = node(0, &Spec::default());
    for _ in 0..20_000 {
        let len = rng.below(200) as usize;
        let body: Vec<u8> = (0..len).map(|_| rng.next_u64() as u8).collect();
        let kind = [Kind::Swim, Kind::Ask, Kind::Page, Kind::Outranked][rng.below(4) as usize];
        let _ = node.handle_datagram(Time::ZERO, &address(1), &frame(ClusterId(0), kind, &body));
    }
    assert_eq!((node.active_count(), node.counts().inner_errors), (0, 0));
    let full = frame(ClusterId(0), Kind::Swim, &[0xff; FRAME_BYTES_MAX]);
    assert!(node.handle_datagram(Time::ZERO, &address(1), &full).is_err());
}

#[test]
fn another_cluster_is_a_stranger() {
    let spec = Spec { cluster: ClusterId(9), ..Spec::default() };
    let mut ours = node(0, &Spec::default());
    let mut theirs = node(1, &spec);
    theirs.join(Time::ZERO, &[address(0)]);
    let Some(Effect::Send { bytes, .. }) = theirs.poll_effect() else { panic!("it asks") };
    let refused = ours.handle_datagram(Time::ZERO, &address(1), &bytes);
    assert_eq!(refused, Err(DatagramError::Damaged));
}

#[test]
fn no_more_members_than_allowed() {
    let spec = Spec { members_max: 3, ..Spec::default() };
    let cluster = Cluster::new(8, &spec);
    assert!(cluster.nodes.iter().all(|node| node.members().count() <= 3));
    assert_eq!(cluster.nodes[0].members().count(), 3);
    assert!(cluster.nodes[0].counts().no_room > 0);
}

#[test]
fn one_that_is_down_makes_room_for_one_that_is_up() {
    let spec = Spec { members_max: 3, ..Spec::default() };
    let mut cluster = Cluster::new(4, &spec);
    cluster.nodes[3].leave(cluster.now);
    cluster.deliver(3);
    cluster.run(Duration::from_secs(2));
    cluster.nodes.push(node(4, &spec));
    cluster.nodes[4].join(cluster.now, &[address(0)]);
    cluster.run(Duration::from_secs(10));
    let knows = cluster.nodes[0].member(NodeId(5)).map(Member::state);
    assert_eq!((knows, cluster.nodes[0].member(NodeId(4))), (Some(MemberState::Up), None));
}

#[test]
fn who_does_not_poll_is_told_so_and_loses_nothing() {
    let mut node = node(0, &Spec::default());
    let seeds: Vec<Address> = (1..=SEEDS_MAX).map(address).collect();
    node.join(Time::ZERO, &seeds);
    let mut now = Time::ZERO;
    for _ in 0..1_000 {
        now = now.after(Duration::from_secs(1));
        node.handle_timeout(now);
    }
    assert_eq!(node.effects.len(), EFFECTS_LEN_MAX);
    let refused = node.handle_datagram(now, &address(1), &[]);
    assert_eq!(refused, Err(DatagramError::Behind { len: EFFECTS_LEN_MAX }));
    assert!(std::iter::from_fn(|| node.poll_effect()).count() == EFFECTS_LEN_MAX);
    node.handle_timeout(now);
    assert_eq!(node.effects.len(), SEEDS_MAX, "what was due has waited");
}

#[test]
fn who_has_left_takes_no_further_part() {
    let mut cluster = Cluster::new(3, &Spec::default());
    let (now, node) = (cluster.now, &mut cluster.nodes[1]);
    node.leave(now);
    assert_eq!((node.standing(), node.next_timeout()), (Standing::Left, None));
    let refused = node.handle_datagram(now, &address(0), &cluster.seen[0].1);
    assert_eq!(refused, Err(DatagramError::Over));
}

#[test]
fn what_was_said_can_be_read_and_what_is_damaged_cannot() {
    let spec = Spec::default();
    let cluster = Cluster::new(3, &spec);
    let said: Vec<_> = cluster.seen.iter().map(|(_, bytes)| words(spec.cluster, bytes)).collect();
    assert!(said.iter().all(Result::is_ok), "{said:?}");
    let says = |text: &str| said.iter().flatten().any(|one| one.starts_with(text));
    assert!(says("I come") && says("are you there?") && says("whom do you know?"), "{said:?}");
    assert!(says("whom I know: n"), "{said:?}");
    let mut damaged = cluster.seen[0].1.clone();
    damaged[3] ^= 1;
    assert_eq!(words(spec.cluster, &damaged), Err(DatagramError::Damaged));
}
