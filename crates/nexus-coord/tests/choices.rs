//! What each strategy promises about its choices, seen from outside.

use std::collections::BTreeSet;
use std::time::Duration;

use nexus_base::{Rng, Time};
use nexus_coord::Features;
use nexus_coord::balance::{
    Arrival, Balancer, Effect, Outcome, Placement, Report, ReportCause, ServerId, StrategyName,
    Ticket, Utilisation,
};

/// A pool with a clock of its own.
struct Pool {
    balancer: Balancer,
    servers: Vec<ServerId>,
    now: Time,
    rng: Rng,
}

impl Pool {
    fn new(name: StrategyName, server_count: usize, seed: u64) -> Pool {
        let mut balancer = Balancer::named(name);
        let mut join = |_| balancer.handle_join(Time::ZERO).expect("there is room");
        let servers = (0..server_count).map(&mut join).collect();
        Pool { balancer, servers, now: Time::ZERO, rng: Rng::new(seed) }
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
    }

    fn place(&mut self, arrival: &Arrival) -> Placement {
        self.balancer.handle_request(self.now, arrival, &mut self.rng).expect("it is placed")
    }

    /// Sends one request and returns the server's number.
    fn send(&mut self) -> (Ticket, usize) {
        match self.place(&Arrival::new(1)) {
            Placement::Sent { ticket, server } => (ticket, server.index().as_usize()),
            Placement::Held { .. } => panic!("everybody is busy"),
        }
    }

    fn finish(&mut self, ticket: Ticket, outcome: Outcome) {
        self.balancer.handle_finished(self.now, ticket, outcome).expect("it is open");
    }

    fn report(&mut self, server: usize, in_flight: u32, cpu: f64, memory: f64) {
        let [cpu, memory] = [cpu, memory].map(|share| Utilisation::new(share).ok());
        let (at, cause) = (self.now, ReportCause::Periodic);
        let report = Report { at, cause, in_flight, latency: None, cpu, memory };
        self.balancer.handle_report(self.now, self.servers[server], report).expect("it is news");
    }

    /// Answers all probes with what `answer` says of a server: count and milliseconds.
    fn answer_probes(&mut self, answer: impl Fn(usize) -> (u32, u64)) {
        while let Some(effect) = self.balancer.poll_effect() {
            let Effect::Probe(server) = effect else { panic!("{effect:?}") };
            let (in_flight, millis) = answer(server.index().as_usize());
            let latency = Some(Duration::from_millis(millis));
            let (at, cause) = (self.now, ReportCause::Probed);
            let report = Report { at, cause, in_flight, latency, cpu: None, memory: None };
            self.balancer.handle_report(self.now, server, report).expect("it is news");
        }
    }

    /// Serves `rounds` requests, always six at a time, each server one after the
    /// other as `millis` says of it, and returns how many went to each.
    fn serve(&mut self, rounds: usize, millis: impl Fn(usize) -> u64) -> Vec<u32> {
        let mut served = vec![0; self.servers.len()];
        let mut busy_until = vec![self.now; self.servers.len()];
        let mut running = BTreeSet::new();
        for round in 0..rounds + 6 {
            if round >= 6 {
                let (end, ticket) = running.pop_first().expect("six are running");
                self.now = end;
                self.finish(ticket, Outcome::Done);
            }
            if round < rounds {
                let (ticket, server) = self.send();
                served[server] += 1;
                let start = self.now.max(busy_until[server]);
                busy_until[server] = start.after(Duration::from_millis(millis(server)));
                running.insert((busy_until[server], ticket));
            }
        }
        served
    }
}

/// Pearson's statistic against equal shares, bounded by the 0.999 quantile of its
/// distribution with `shares - 1` degrees of freedom (Wilson and Hilferty, 1931).
fn assert_uniform(seen: &[u32], what: &str) {
    let mean = seen.iter().sum::<u32>() as f64 / seen.len() as f64;
    let square = |&count: &u32| (f64::from(count) - mean) * (f64::from(count) - mean) / mean;
    let statistic: f64 = seen.iter().map(square).sum();
    let freedom = seen.len() as f64 - 1.0;
    let root = 1.0 - 2.0 / (9.0 * freedom) + 3.09 * (2.0 / (9.0 * freedom)).sqrt();
    let bound = freedom * root * root * root;
    assert!(statistic < bound, "{what}: {statistic} is not below {bound}: {seen:?}");
}

#[test]
fn among_equals_each_is_as_likely() {
    for name in StrategyName::ALL {
        if name == StrategyName::RoundRobin {
            continue;
        }
        // Both sides of the number up to which resource-aware looks at everyone.
        for server_count in [10, 40] {
            let mut rng = Rng::new(1);
            let mut seen = vec![0; server_count];
            for _ in 0..20_000 {
                let mut pool = Pool::new(name, server_count, rng.next_u64());
                seen[pool.send().1] += 1;
            }
            assert_uniform(&seen, name.as_str());
        }
    }
}

#[test]
fn among_those_tied_for_least_each_is_as_likely() {
    for name in [StrategyName::LeastConnections, StrategyName::CentralQueue] {
        let mut pool = Pool::new(name, 10, 2);
        let mut open: Vec<_> = (0..10).map(|_| pool.send()).collect();
        open.sort_by_key(|&(_, server)| server);
        for free in [3, 4, 8] {
            pool.finish(open[free].0, Outcome::Done);
        }
        let mut seen = [0; 10];
        for _ in 0..30_000 {
            let (ticket, server) = pool.send();
            seen[server] += 1;
            pool.finish(ticket, Outcome::Done);
        }
        assert_uniform(&[seen[3], seen[4], seen[8]], name.as_str());
        assert_eq!(seen.iter().sum::<u32>(), seen[3] + seen[4] + seen[8]);
    }
}

#[test]
fn two_choices_draws_every_pair_alike() {
    // With k of ours at server k, server k wins exactly the pairs with those above.
    let mut pool = Pool::new(StrategyName::TwoChoices, 5, 3);
    let mut held = [0; 5];
    for _ in 0..10_000 {
        let (ticket, server) = pool.send();
        if held[server] < server {
            held[server] += 1;
        } else {
            pool.finish(ticket, Outcome::Done);
        }
    }
    assert_eq!(held, [0, 1, 2, 3, 4]);
    let mut seen = [0u32; 5];
    for _ in 0..20_000 {
        let (ticket, server) = pool.send();
        seen[server] += 1;
        pool.finish(ticket, Outcome::Done);
    }
    let expected = [0.4, 0.3, 0.2, 0.1, 0.0];
    for (count, share) in seen.into_iter().zip(expected) {
        // Five standard deviations of a binomial are at most 350.
        assert!((f64::from(count) - 20_000.0 * share).abs() < 350.0, "{seen:?}");
    }
    assert_eq!(seen[4], 0);
}

#[test]
fn central_queue_serves_in_order_of_arrival() {
    let mut pool = Pool::new(StrategyName::CentralQueue, 2, 4);
    let (first, first_server) = pool.send();
    let (second, second_server) = pool.send();
    let waiting: Vec<_> = (0..3).map(|_| pool.place(&Arrival::new(1))).collect();
    let tickets: Vec<_> = waiting
        .iter()
        .map(|placed| match *placed {
            Placement::Held { ticket } => ticket,
            Placement::Sent { .. } => panic!("nobody is free"),
        })
        .collect();
    assert_eq!(pool.balancer.poll_effect(), None);

    pool.finish(second, Outcome::Done);
    let server = pool.servers[second_server];
    let assigned = Effect::Assign { ticket: tickets[0], server };
    assert_eq!(pool.balancer.poll_effect(), Some(assigned));

    // One that stops waiting loses its place; a server that joins takes the next.
    pool.finish(tickets[1], Outcome::Cancelled);
    let third = pool.balancer.handle_join(pool.now).expect("there is room");
    let assigned = Effect::Assign { ticket: tickets[2], server: third };
    assert_eq!(pool.balancer.poll_effect(), Some(assigned));

    pool.finish(first, Outcome::Done);
    assert_eq!(pool.balancer.poll_effect(), None);
    assert_eq!(pool.send().1, first_server, "it alone is free");
}

#[test]
fn central_queue_does_not_hand_out_what_was_cancelled() {
    let mut pool = Pool::new(StrategyName::CentralQueue, 1, 4);
    let (running, _) = pool.send();
    let Placement::Held { ticket } = pool.place(&Arrival::new(1)) else { panic!("it is busy") };
    pool.finish(running, Outcome::Done);
    pool.finish(ticket, Outcome::Cancelled);
    assert_eq!(pool.balancer.poll_effect(), None);
    assert_eq!(pool.balancer.in_flight_count(), 0);
    pool.send();
}

#[test]
fn weighted_response_time_learns_who_is_slow() {
    let mut pool = Pool::new(StrategyName::WeightedResponseTime, 4, 5);
    let served = pool.serve(1_000, |server| if server == 2 { 40 } else { 10 });
    // Shares in proportion to speed would be 1 in 13 for it, which is 77.
    assert!((1..77).contains(&served[2]), "the slow one had {served:?}");
}

#[test]
fn weighted_response_time_forgives() {
    let mut pool = Pool::new(StrategyName::WeightedResponseTime, 4, 6);
    pool.serve(1_000, |server| if server == 2 { 100 } else { 10 });
    let served = pool.serve(1_000, |_| 10);
    assert!(served[2] > 200, "the one that recovered had {served:?}");
}

#[test]
fn weighted_response_time_does_not_flood_a_new_server() {
    let mut pool = Pool::new(StrategyName::WeightedResponseTime, 10, 7);
    pool.serve(1_000, |_| 10);
    let open: Vec<_> = (0..40).map(|_| pool.send()).collect();
    let new = pool.balancer.handle_join(pool.now).expect("there is room").index().as_usize();
    let sent = (0..40).filter(|_| pool.send().1 == new).count();
    assert_eq!(open.len(), 40);
    // A fair share of eighty over eleven is seven; an unknown one may have twice that.
    assert!((7..=16).contains(&sent), "the new one had {sent}");
}

#[test]
fn weighted_response_time_is_not_drawn_to_fast_failure() {
    let mut pool = Pool::new(StrategyName::WeightedResponseTime, 4, 8);
    let mut served = [0; 4];
    for _ in 0..4_000 {
        let (ticket, server) = pool.send();
        served[server] += 1;
        if server == 1 {
            pool.finish(ticket, Outcome::Failed);
        } else {
            pool.wait(10);
            pool.finish(ticket, Outcome::Done);
        }
    }
    assert!(served[1] < 400, "the failing one had {served:?}");
}

#[test]
fn weighted_response_time_survives_nothing_but_failure() {
    let mut pool = Pool::new(StrategyName::WeightedResponseTime, 2, 20);
    for outcome in [Outcome::Done, Outcome::Failed, Outcome::Cancelled] {
        for _ in 0..200_000 {
            let (ticket, _) = pool.send();
            pool.wait(1);
            pool.finish(ticket, outcome);
        }
    }
    let served = pool.serve(1_000, |_| 10);
    assert!(served[0].abs_diff(served[1]) < 100, "{served:?}");
}

#[test]
fn resource_aware_avoids_who_is_short_of_what_the_request_needs() {
    let check = |features: Features, expected: usize| {
        let mut pool = Pool::new(StrategyName::ResourceAware, 2, 9);
        pool.report(0, 0, 0.9, 0.1);
        pool.report(1, 0, 0.1, 0.9);
        let arrival = Arrival { features, ..Arrival::new(1) };
        let Placement::Sent { server, .. } = pool.place(&arrival) else { panic!("it is sent") };
        assert_eq!(server.index().as_usize(), expected, "{features:?}");
    };
    check(Features::new(4.0, 0.5, 1.0).expect("in range"), 1);
    check(Features::new(1.0, 0.5, 4.0).expect("in range"), 0);
}

#[test]
fn resource_aware_counts_the_requests_of_others() {
    let mut pool = Pool::new(StrategyName::ResourceAware, 2, 10);
    pool.report(0, 5, 0.0, 0.0);
    assert_eq!([pool.send().1, pool.send().1, pool.send().1], [1, 1, 1]);
}

#[test]
fn resource_aware_trusts_an_old_report_less() {
    let mut pool = Pool::new(StrategyName::ResourceAware, 2, 11);
    pool.report(0, 5, 0.0, 0.0);
    pool.wait(3_600_000);
    assert_eq!(pool.send().1, 1);
    assert_eq!(pool.send().1, 0, "five others an hour ago weigh less than one of ours now");
}

#[test]
fn resource_aware_keeps_what_a_later_report_leaves_out() {
    let mut pool = Pool::new(StrategyName::ResourceAware, 2, 17);
    pool.report(0, 0, 0.9, 0.0);
    pool.report(1, 0, 0.1, 0.0);
    pool.wait(100);
    // Not a number, so not a share: utilisation is left out.
    pool.report(0, 0, f64::NAN, f64::NAN);
    assert_eq!(pool.send().1, 1);
}

#[test]
fn resource_aware_without_reports_is_least_connections() {
    let mut pool = Pool::new(StrategyName::ResourceAware, 20, 12);
    for round in 1..=5 {
        let mut seen: Vec<_> = (0..20).map(|_| pool.send().1).collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..20), "in round {round} everyone has one");
    }
}

#[test]
fn prequal_prefers_the_cold_one_with_the_lowest_latency() {
    let mut pool = Pool::new(StrategyName::Prequal, 3, 13);
    // Server 0 is quick but hot, 1 cold and slow, 2 cold and quicker.
    let answer = |server: usize| [(50, 1), (2, 30), (3, 20)][server];
    let mut seen = [0; 3];
    for _ in 0..300 {
        seen[pool.send().1] += 1;
        pool.answer_probes(answer);
        pool.wait(1);
    }
    // The first choice has no answers to go by; the 0.84 quantile of three equally
    // frequent counts is the highest, so that nobody is above it.
    assert!(seen[0] > 290, "{seen:?}");

    let mut pool = Pool::new(StrategyName::Prequal, 20, 14);
    let answer = |server: usize| if server == 0 { (50, 1) } else { (2, 40 - server as u64) };
    let mut seen = [0; 20];
    for _ in 0..2_000 {
        seen[pool.send().1] += 1;
        pool.answer_probes(answer);
        pool.wait(1);
    }
    assert!(seen[0] < 10, "the hot one had {seen:?}");
    assert!(seen[15..].iter().sum::<u32>() > 1_000, "the quickest had {seen:?}");
}

#[test]
fn prequal_without_answers_is_random() {
    let mut pool = Pool::new(StrategyName::Prequal, 10, 15);
    let mut seen = vec![0; 10];
    for _ in 0..10_000 {
        seen[pool.send().1] += 1;
    }
    assert_uniform(&seen, "prequal");
    let probes = std::iter::from_fn(|| pool.balancer.poll_effect()).count();
    assert_eq!(probes, 64, "probes nobody sends do not pile up");
}

#[test]
fn prequal_does_not_use_old_answers() {
    let mut seen = vec![0; 10];
    let mut rng = Rng::new(16);
    for _ in 0..5_000 {
        let mut pool = Pool::new(StrategyName::Prequal, 10, rng.next_u64());
        for _ in 0..4 {
            pool.send();
            pool.answer_probes(|server| (1, 10 + server as u64));
        }
        pool.wait(2_000);
        seen[pool.send().1] += 1;
    }
    assert_uniform(&seen, "prequal after two seconds");
}

#[test]
fn prequal_reads_answers_to_probes_only() {
    let mut pool = Pool::new(StrategyName::Prequal, 10, 18);
    let mut seen = vec![0; 10];
    for _ in 0..5_000 {
        pool.wait(1);
        pool.report(0, 0, 0.0, 0.0);
        pool.report(1, 0, 0.0, 0.0);
        seen[pool.send().1] += 1;
    }
    assert_uniform(&seen, "prequal without answers");
}

#[test]
fn a_new_server_inherits_nothing_from_who_had_its_place() {
    for name in [StrategyName::WeightedResponseTime, StrategyName::ResourceAware] {
        let mut pool = Pool::new(name, 2, 19);
        pool.report(0, 9, 1.0, 1.0);
        pool.serve(500, |server| if server == 0 { 100 } else { 10 });
        let (now, left) = (pool.now, pool.servers[0]);
        pool.balancer.handle_leave(now, left).expect("it is in");
        let joined = pool.balancer.handle_join(now).expect("there is room");
        assert_eq!((joined.index(), joined == left), (left.index(), false));
        let mut sent = [0; 2];
        (0..20).for_each(|_| sent[pool.send().1] += 1);
        assert!(sent[0] >= 9, "{name}: the new one had {sent:?}");
    }
}

/// What a dispatcher sees, field by field: a field added here needs a reason why
/// a dispatcher can know it. How much a request will generate and how fast a
/// server is are not among them.
#[test]
fn a_dispatcher_sees_no_answer_and_no_speed() {
    let Arrival { context_tokens: _, features: _, deadline: _, blocks: _ } = Arrival::new(1);
    let (at, cause) = (Time::ZERO, ReportCause::Periodic);
    let report = Report { at, cause, in_flight: 0, latency: None, cpu: None, memory: None };
    let Report { at: _, cause: _, in_flight: _, latency: _, cpu: _, memory: _ } = report;
}
