use super::*;

/// A worker so busy, with so many connections.
fn worker(busy: u32, connections: usize) -> WorkerReading {
    WorkerReading { busy, connections, ..WorkerReading::default() }
}

fn reading(workers: &[WorkerReading], idle: u32) -> Reading {
    Reading { workers: workers.to_vec(), idle }
}

/// What is ordered after the same reading so many times.
fn after(times: u32, reading: &Reading) -> Vec<Order> {
    let mut balance = Balance::new(reading.workers.len());
    (1..times).for_each(|_| drop(balance.read(reading)));
    balance.read(reading)
}

fn check(workers: &[WorkerReading], idle: u32, wanted: &[Order]) {
    assert_eq!(after(2, &reading(workers, idle)), wanted);
}

fn pass(to: usize, count: usize) -> Order {
    Order::Pass { to, count }
}

fn taking(balance: &Balance) -> Vec<usize> {
    (0..balance.workers.len()).filter(|&worker| balance.takes(worker)).collect()
}

const STAY: Order = Order::Stay;

#[test]
fn a_saturated_worker_passes_half_on_to_one_that_sleeps() {
    check(&[worker(1_000, 64), worker(0, 0)], 1_000, &[pass(1, 32), STAY]);
}

#[test]
fn one_reading_is_not_enough() {
    assert_eq!(after(1, &reading(&[worker(1_000, 64), worker(0, 0)], 1_000)), [STAY, STAY]);
    let mut balance = Balance::new(2);
    let busy = reading(&[worker(1_000, 64), worker(0, 0)], 1_000);
    let calm = reading(&[worker(100, 64), worker(0, 0)], 1_000);
    for reading in [&busy, &calm, &busy, &calm, &busy] {
        assert_eq!(balance.read(reading), [STAY, STAY]);
    }
}

#[test]
fn nobody_passes_on_while_no_cpu_is_idle() {
    let full = reading(&[worker(1_000, 64), worker(0, 0)], 499);
    let mut balance = Balance::new(2);
    for _ in 0..1_000 {
        assert_eq!(balance.read(&full), [STAY, STAY]);
        assert_eq!(taking(&balance), [0], "another would only take somebody's CPU");
    }
}

#[test]
fn an_order_is_taken_back_when_the_machine_is_full() {
    let mut balance = Balance::new(2);
    let idle = reading(&[worker(1_000, 64), worker(0, 0)], 1_000);
    balance.read(&idle);
    assert_eq!(balance.read(&idle)[0], pass(1, 32));
    assert_eq!(balance.read(&idle)[0], Order::AsBefore);
    assert_eq!(balance.read(&Reading { idle: 0, ..idle })[0], STAY);
}

#[test]
fn just_so_many_go_that_both_are_as_busy() {
    check(&[worker(900, 60), worker(600, 10)], 500, &[pass(1, 10), STAY]);
    check(&[worker(900, 60), worker(700, 10)], 500, &[STAY, STAY]);
    // One at least.
    check(&[worker(900, 2), worker(600, 10)], 500, &[pass(1, 1), STAY]);
}

#[test]
fn the_only_connection_stays_unless_agents_are_in_its_way() {
    check(&[worker(1_000, 1), worker(0, 0)], 1_000, &[STAY, STAY]);
    let behind = WorkerReading { backlog: 100, ..worker(1_000, 1) };
    check(&[behind, worker(0, 0)], 1_000, &[pass(1, 1), STAY]);
    check(&[WorkerReading { connections: 0, ..behind }, worker(0, 0)], 1_000, &[STAY, STAY]);
}

#[test]
fn as_many_pass_on_as_there_are_idle_cpus_for() {
    let workers = [worker(1_000, 8), worker(990, 8), worker(0, 0), worker(10, 0)];
    check(&workers, 2_000, &[pass(2, 4), pass(3, 3), STAY, STAY]);
    check(&workers, 900, &[pass(2, 4), STAY, STAY, STAY]);
}

#[test]
fn nothing_is_passed_to_a_worker_in_an_endless_handler() {
    let stuck = WorkerReading { stuck: true, ..worker(0, 3) };
    check(&[worker(1_000, 8), stuck, worker(500, 0)], 1_000, &[pass(2, 2), STAY, STAY]);
}

/// Two workers that share the load of their connections, each with its own.
fn play(loads: &[u32], readings: u32) -> u32 {
    let mut sides = vec![0usize; loads.len()];
    let (mut balance, mut moves) = (Balance::new(2), 0);
    for _ in 0..readings {
        let side = |side: usize| {
            let here = || (0..loads.len()).filter(|&index| sides[index] == side);
            worker(here().map(|index| loads[index]).sum::<u32>().min(1_000), here().count())
        };
        let workers = [side(0), side(1)];
        let idle = 2_000 - workers[0].busy - workers[1].busy;
        for (from, order) in balance.read(&reading(&workers, idle)).into_iter().enumerate() {
            let Order::Pass { to, count } = order else { continue };
            // Those that ask most are first between two requests.
            let mut here: Vec<usize> = (0..loads.len()).filter(|&i| sides[i] == from).collect();
            here.sort_by_key(|&index| std::cmp::Reverse(loads[index]));
            here.into_iter().take(count).for_each(|index| sides[index] = to);
            moves += 1;
        }
    }
    moves
}

#[test]
fn equal_connections_are_passed_on_once() {
    assert_eq!(play(&[30; 50], 1_000), 1);
    assert_eq!(play(&[10; 50], 1_000), 0, "one worker carries them");
}

#[test]
fn a_connection_too_busy_for_any_worker_does_not_go_round_and_round() {
    // After a few moves it has a worker to itself, or changes every 6 s at most.
    let moves = play(&[1_000, 20, 20, 20], 10_000);
    assert!(moves <= 10_000 / REST_MAX + 10, "{moves}");
}

#[test]
fn many_workers_share_a_load_within_seconds() {
    let mut connections = [0usize; 64];
    connections[0] = 6_400;
    let mut balance = Balance::new(64);
    for number in 1.. {
        assert!(number <= 30, "it took more than 3 s: {connections:?}");
        let workers = connections.map(|count| worker((count * 5).min(1_000) as u32, count));
        let idle = 64_000 - workers.iter().map(|worker| worker.busy).sum::<u32>();
        for (from, order) in balance.read(&reading(&workers, idle)).into_iter().enumerate() {
            let Order::Pass { to, count } = order else { continue };
            connections[from] -= count;
            connections[to] += count;
        }
        if connections.iter().filter(|count| **count >= 50).count() >= 32 {
            break;
        }
    }
}

#[test]
fn new_connections_go_where_others_are() {
    let mut balance = Balance::new(3);
    assert_eq!(taking(&balance), [0]);
    let busy = reading(&[worker(1_000, 4), worker(20, 0), worker(0, 0)], 2_000);
    balance.read(&busy);
    assert_eq!(taking(&balance), [0]);
    balance.read(&busy);
    assert_eq!(taking(&balance), [0, 2], "the one with the least to do helps");
    let calm = reading(&[worker(150, 4), worker(0, 0), worker(150, 2)], 2_000);
    (0..CALM).for_each(|_| drop(balance.read(&calm)));
    assert_eq!(taking(&balance), [0], "the one with fewer connections helps no more");
}

#[test]
fn new_connections_go_past_a_worker_in_an_endless_handler() {
    let stuck = WorkerReading { stuck: true, ..worker(1_000, 4) };
    let mut balance = Balance::new(2);
    balance.read(&reading(&[stuck, worker(0, 0)], 0));
    assert_eq!(taking(&balance), [1]);
    balance.read(&reading(&[stuck, stuck], 0));
    assert_eq!(taking(&balance), [0, 1]);
    balance.read(&reading(&[worker(0, 0), worker(0, 0)], 0));
    assert_eq!(taking(&balance), [0]);
}

#[test]
fn workers_that_wait_for_cpus_are_one_too_many() {
    let crowded = reading(&[worker(550, 30), worker(510, 34)], 270);
    let mut balance = Balance::new(2);
    balance.workers[1].open = true;
    for _ in 1..CROWDED_STREAK {
        assert_eq!(balance.read(&crowded), [STAY, STAY]);
    }
    assert_eq!(balance.read(&crowded), [pass(1, 30), STAY]);
    assert_eq!(taking(&balance), [1]);
    assert_eq!(balance.read(&crowded)[0], Order::AsBefore, "no CPU need be idle for that");
    let gathered = reading(&[worker(10, 0), worker(1_000, 64)], 0);
    for _ in 0..1_000 {
        assert!(balance.read(&gathered).iter().all(|order| !matches!(order, Order::Pass { .. })));
    }
}

#[test]
fn workers_that_need_all_their_cpus_stay_two() {
    let busy = reading(&[worker(940, 8), worker(930, 8)], 100);
    for times in [1, CROWDED_STREAK, 1_000] {
        assert_eq!(after(times, &busy), [STAY, STAY]);
    }
    // With an idle CPU two that have little to do are in nobody's way.
    assert_eq!(after(1_000, &reading(&[worker(400, 8), worker(400, 8)], 1_000)), [STAY, STAY]);
}
