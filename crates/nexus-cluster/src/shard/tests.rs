use std::collections::BTreeMap;

use nexus_base::Rng;
use proptest::prelude::*;

use super::*;
use crate::NodeId;
use crate::raft::Term;
use crate::ring::{SLOT_COUNT, Slot};

mod world;

use world::{Bug, World};

/// Plays what the numbers stand for, checking after each, then lets everything finish.
fn play(moves: &[(u8, u16)], bug: Option<Bug>) -> Result<World, String> {
    let mut world = World::new(bug);
    for &(what, which) in moves {
        world.step(what, usize::from(which));
        world.check()?;
    }
    world.settle()?;
    Ok(world)
}

/// One of many random plays, the same for a seed.
fn moves(seed: u64) -> Vec<(u8, u16)> {
    let mut rng = Rng::new(seed);
    (0..1_000).map(|_| (rng.below(256) as u8, rng.below(1 << 16) as u16)).collect()
}

/// Seeds played until a planted bug shows.
const SEEDS_MAX: u64 = 200;

#[allow(clippy::disallowed_macros, reason = "figures are for people")]
fn check_caught(bug: Bug) {
    let caught = (0..SEEDS_MAX).find_map(|seed| Some((seed, play(&moves(seed), Some(bug)).err()?)));
    let (seed, violation) = caught.unwrap_or_else(|| panic!("{bug:?} is not caught"));
    println!("{bug:?} is caught after {} seeds: {violation}", seed + 1);
}

#[test]
#[allow(clippy::disallowed_macros, reason = "figures are for people")]
fn slots_change_hands_under_crashes_repeats_and_losses() {
    let mut decided = BTreeMap::<(bool, &str), u64>::new();
    for seed in 0..SEEDS_MAX {
        let world = play(&moves(seed), None).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for (what, count) in world.decided {
            *decided.entry(what).or_default() += count;
        }
    }
    println!("handoffs committed (true) and given up: {decided:?}");
    assert!(decided.len() == 6 && decided.values().all(|&count| count >= 20), "{decided:?}");
}

#[test]
fn a_handoff_without_seal_is_caught() {
    check_caught(Bug::NoSeal);
}

#[test]
fn a_snapshot_taken_before_the_seal_is_caught() {
    check_caught(Bug::EarlySnapshot);
}

#[test]
fn a_destination_that_opens_before_the_decision_is_caught() {
    check_caught(Bug::EarlyOpen);
}

#[test]
fn an_installation_that_is_repeated_late_is_caught() {
    check_caught(Bug::LateInstall);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_the_order_one_shard_takes_writes(
        moves in proptest::collection::vec((any::<u8>(), any::<u16>()), 0..120),
    ) {
        if let Err(violation) = play(&moves, None) {
            return Err(TestCaseError::fail(violation));
        }
    }

    #[test]
    fn damaged_maps_are_errors(
        moves in proptest::collection::vec((any::<u8>(), any::<u16>()), 0..60),
        at in any::<usize>(),
        to in any::<u8>(),
    ) {
        let world = play(&moves, None).map_err(TestCaseError::fail)?;
        let mut bytes = postcard::to_allocvec(&world.map).expect("it has a form");
        prop_assert_eq!(postcard::from_bytes::<ShardMap>(&bytes), Ok(world.map.clone()));
        let at = at % bytes.len();
        bytes[at] = to;
        // Whatever comes out, it can be worked with.
        if let Ok(mut map) = postcard::from_bytes::<ShardMap>(&bytes) {
            let (ids, tasks) = (map.handoffs().map(|(id, _)| id).collect::<Vec<_>>(), map.tasks());
            prop_assert!(tasks.count() <= 2 * ids.len());
            for id in ids {
                let _ = map.apply(&Command::Commit(id));
                for step in [Step::Open, Step::Drop, Step::Unseal, Step::Discard] {
                    let _ = map.apply(&Command::Done { handoff: id, step });
                }
            }
        }
    }
}

fn slots(first: u16, last: u16) -> SlotSet {
    SlotSet::range(Slot::new(first).expect("a slot"), Slot::new(last).expect("a slot"))
}

fn nodes(ids: &[u64]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// A map with shard 0, and shard 1 that owns the upper half.
fn halves() -> ShardMap {
    let mut map = ShardMap::new(nodes(&[1, 2, 3])).expect("three nodes");
    let upper = SlotSet::all().upper_half();
    let plan = Plan::Split { shard: ShardId(0), slots: upper, replicas: nodes(&[4, 5, 6]) };
    hand_over(&mut map, plan);
    map
}

/// A whole handoff, as the map sees it.
fn hand_over(map: &mut ShardMap, plan: Plan) {
    map.apply(&Command::Begin(plan)).expect("it may begin");
    let handoff = map.handoff_last();
    let done = |step| Command::Done { handoff, step };
    let (seal, install) = (done(Step::Seal), done(Step::Install));
    for command in [seal, install, Command::Commit(handoff), done(Step::Open), done(Step::Drop)] {
        map.apply(&command).expect("it is due");
    }
    assert!(map.handoff(handoff).is_none());
}

fn refused(map: &mut ShardMap, command: Command, error: MapError) {
    let before = map.clone();
    assert_eq!(map.apply(&command), Err(error));
    assert_eq!(*map, before, "a refusal changes nothing");
}

#[test]
fn a_split_is_undone_by_a_merge() {
    let mut map = halves();
    assert_eq!(map.shards().len(), 2);
    assert_eq!(map.owner(Slot::new(SLOT_COUNT - 1).expect("a slot")), ShardId(1));
    hand_over(&mut map, Plan::Merge { from: ShardId(1), to: ShardId(0) });
    assert_eq!(map.shard(ShardId(0)).expect("the first").slots, SlotSet::all());
    assert_eq!(map.shard(ShardId(1)), None);
}

#[test]
fn plans_that_make_no_sense_are_refused() {
    let mut map = halves();
    let (zero, one) = (ShardId(0), ShardId(1));
    let begin = Command::Begin;
    let moved = |from, to, slots| begin(Plan::Move { from, to, slots });
    let all = slots(0, SLOT_COUNT / 2 - 1);
    for (command, error) in [
        (moved(zero, one, SlotSet::new()), MapError::NotOwned { shard: zero }),
        (moved(one, zero, slots(0, 1)), MapError::NotOwned { shard: one }),
        (moved(zero, one, all), MapError::AllSlots { shard: zero }),
        (moved(zero, zero, slots(0, 1)), MapError::ToItself { shard: zero }),
        (moved(zero, ShardId(9), slots(0, 1)), MapError::UnknownShard { shard: ShardId(9) }),
        (
            begin(Plan::Split { shard: zero, slots: slots(0, 1), replicas: nodes(&[1, 1]) }),
            MapError::Replicas { count: 2 },
        ),
        (Command::Commit(HandoffId(9)), MapError::UnknownHandoff { handoff: HandoffId(9) }),
    ] {
        refused(&mut map, command, error);
    }
    let handoff = HandoffId(2);
    map.apply(&moved(zero, one, slots(0, 1))).expect("it may begin");
    let merge = |from, to| begin(Plan::Merge { from, to });
    refused(&mut map, moved(zero, one, slots(2, 3)), MapError::InHandoff { shard: zero });
    refused(&mut map, merge(one, zero), MapError::InHandoff { shard: one });
    refused(&mut map, Command::Commit(handoff), MapError::TooEarly { handoff });
    map.apply(&Command::Abort(handoff)).expect("it is not decided");
    refused(&mut map, Command::Commit(handoff), MapError::WasAborted { handoff });
}

#[test]
fn a_split_that_is_given_up_ends_without_the_new_shard() {
    let mut map = ShardMap::new(nodes(&[1, 2, 3])).expect("three nodes");
    let upper = SlotSet::all().upper_half();
    let split =
        Command::Begin(Plan::Split { shard: ShardId(0), slots: upper, replicas: nodes(&[9]) });
    map.apply(&split).expect("it may begin");
    let (handoff, new) = (map.handoff_last(), ShardId(1));
    map.apply(&Command::Done { handoff, step: Step::Seal }).expect("it is due");
    map.apply(&Command::Abort(handoff)).expect("it is not decided");
    let due: Vec<(ShardId, Step)> = map.tasks().map(|task| (task.shard, task.step)).collect();
    assert_eq!(due, [(ShardId(0), Step::Unseal)], "nobody is there to discard anything");
    map.apply(&Command::Done { handoff, step: Step::Unseal }).expect("it is due");
    assert_eq!((map.handoffs().len(), map.shards().len()), (0, 1));
    assert!(map.is_over(new) && !map.may_be(new), "it never comes to be");
    let leader = Leader { node: NodeId(9), term: Term(2) };
    let lead = Command::Lead { shard: new, leader, voters: nodes(&[9]) };
    refused(&mut map, lead, MapError::UnknownShard { shard: new });
    // What was under way to the map comes late.
    for late in [Command::Done { handoff, step: Step::Install }, Command::Commit(handoff)] {
        let before = map.clone();
        map.apply(&late).expect("it is over");
        assert_eq!(map, before);
    }
    map.apply(&split).expect("nothing is in the way");
    assert!(map.shard(ShardId(2)).is_some(), "a number is given out once");
}

#[test]
fn a_shard_stays_where_it_was_made_until_it_is_led() {
    let mut map = halves();
    let shard = ShardId(1);
    let keep = Command::Keep { shard, replicas: nodes(&[1, 2, 7]) };
    refused(&mut map, keep.clone(), MapError::NotLed { shard });
    let leader = Leader { node: NodeId(5), term: Term(2) };
    let voters = nodes(&[4, 5, 6]);
    map.apply(&Command::Lead { shard, leader, voters }).expect("it is news");
    map.apply(&keep).expect("its members follow from now on");
    assert_eq!(map.shard(shard).expect("the second").replicas, nodes(&[1, 2, 7]));
}

#[test]
fn news_of_leaders_is_taken_by_term() {
    let mut map = halves();
    let shard = ShardId(0);
    let leader = |node, term| Leader { node: NodeId(node), term: Term(term) };
    let voting = |node, term, voters: &[u64]| Command::Lead {
        shard,
        leader: leader(node, term),
        voters: nodes(voters),
    };
    let lead = |node, term| voting(node, term, &[1, 2, 3]);
    map.apply(&lead(1, 4)).expect("it is news");
    let version = map.version();
    map.apply(&lead(1, 4)).expect("it is the same");
    assert_eq!(map.version(), version);
    refused(&mut map, lead(2, 3), MapError::OldTerm { shard, known: leader(1, 4) });
    refused(&mut map, lead(2, 4), MapError::OldTerm { shard, known: leader(1, 4) });
    map.apply(&lead(2, 5)).expect("it is newer");
    assert_eq!(map.shard(shard).expect("the first").leader, Some(leader(2, 5)));
    map.apply(&lead(9, 6)).expect("who kept it before leads until the others have caught up");
    assert_eq!(map.shard(shard).expect("the first").leader, Some(leader(9, 6)));
    map.apply(&voting(9, 6, &[9])).expect("others vote in the same term");
    assert_eq!(map.shard(shard).expect("the first").voters, nodes(&[9]));
    refused(&mut map, voting(9, 7, &[]), MapError::Replicas { count: 0 });
    refused(&mut map, voting(9, 7, &[1; 8]), MapError::Replicas { count: 8 });
}

#[test]
fn only_voters_that_are_alive_could_lead() {
    let mut map = halves();
    let could = |map: &ShardMap, alive: &[u64]| {
        let alive = alive.iter().copied().map(NodeId).collect();
        placement::candidates(map, &alive).into_values().collect::<Vec<_>>()
    };
    assert_eq!(could(&map, &[1, 2, 3, 4, 5, 6]), [vec![], vec![]], "nobody has said who votes");
    for (shard, voters) in [(0, [1, 2, 9]), (1, [4, 5, 6])] {
        let (shard, voters) = (ShardId(shard), nodes(&voters));
        let leader = Leader { node: voters[0], term: Term(2) };
        map.apply(&Command::Lead { shard, leader, voters }).expect("it is news");
    }
    assert_eq!(could(&map, &[1, 2, 3, 4, 6, 9]), [nodes(&[1, 2]), nodes(&[4, 6])]);
}

#[test]
fn a_stored_holding_is_checked() {
    let holding = Holding::new(slots(0, 5));
    let bytes = postcard::to_allocvec(&holding).expect("it has a form");
    assert_eq!(postcard::from_bytes::<Holding>(&bytes), Ok(holding));
    // One part with slots 0 to 5 alone.
    let short = (1u8, [(0u16, 5u16)].to_vec(), HandoffId(0), Phase::Open);
    let bytes = postcard::to_allocvec(&short).expect("it has a form");
    assert!(postcard::from_bytes::<Holding>(&bytes).is_err());
}
