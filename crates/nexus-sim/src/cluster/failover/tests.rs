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
