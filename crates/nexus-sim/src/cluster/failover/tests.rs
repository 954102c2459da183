//! What the figure for failover is worth.

use super::*;

fn kills(spec: FailoverSpec, count: u32) -> Vec<Kill> {
    let mut failover = Failover::of_groups(spec);
    (0..count).map(|_| failover.next_kill().unwrap_or_else(|error| panic!("{error}"))).collect()
}

#[test]
fn each_death_is_an_outage_of_what_was_led_and_ends_after_an_election() {
    for kill in kills(FailoverSpec::new(5), 200) {
        assert!((DOWN[0]..=DOWN[1]).contains(&kill.down), "{kill:?}");
        assert!(!kill.outages.is_empty());
        for outage in &kill.outages {
            // Whoever heard of the leader just before stands by it for 300 ms, and the last
            // round may have begun 50 ms before.
            assert!(outage.elected >= Duration::from_millis(249), "{kill:?}");
            assert!(outage.acknowledged > outage.elected, "{kill:?}");
            // Entries, disks, ways, and the wait for the next write.
            let commit = outage.acknowledged - outage.elected;
            assert!(commit < Duration::from_millis(60), "{kill:?}");
        }
    }
}

#[test]
fn equal_seeds_give_equal_deaths_and_others_do_not() {
    let spec = FailoverSpec { shards: 2, ..FailoverSpec::new(1) };
    assert_eq!(kills(spec, 3), kills(spec, 3));
    assert_ne!(kills(spec, 3), kills(FailoverSpec { seed: 2, ..spec }, 3));
}

#[test]
fn what_lets_no_election_end_is_told_with_the_limits() {
    let ms = Duration::from_millis;
    let usual = FailoverSpec::new(1);
    usual.check().expect("it is far from the limits");
    let slow = FailoverSpec { latency: ms(1_000), ..usual }.check().expect_err("frames are slow");
    assert_eq!((slow.takes, slow.within), (ms(4_020), ms(300)));
    assert_eq!((slow.latency_max, slow.sync_max), (ms(70), Duration::ZERO));
    let slow = FailoverSpec { sync: ms(400), ..usual }.check().expect_err("syncs are slow");
    assert_eq!((slow.latency_max, slow.sync_max), (Duration::ZERO, ms(149)));
}

#[test]
fn at_the_limits_leaders_are_elected() {
    let usual = FailoverSpec { shards: 2, ..FailoverSpec::new(3) };
    let limits = [(70, 10), (50, 50), (1, 148)];
    for (latency, sync) in
        limits.map(|(one, other)| (Duration::from_millis(one), Duration::from_millis(other)))
    {
        let spec = FailoverSpec { latency, sync, ..usual };
        spec.check().expect("it is at the limit");
        assert_eq!(kills(spec, 20).len(), 20);
    }
}

#[test]
fn a_shard_that_never_took_a_write_is_no_death() {
    let sync = Duration::from_secs(1);
    let mut failover = Failover::of_groups(FailoverSpec { sync, ..FailoverSpec::new(1) });
    let unwell = failover.next_kill().expect_err("no election ends");
    assert!(matches!(unwell, FailoverError::Unwell { since: Time::ZERO, .. }), "{unwell}");
}
