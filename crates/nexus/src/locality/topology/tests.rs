use super::*;
use crate::locality::fake_machine::FakeMachine;

fn read(machine: &FakeMachine) -> Result<Machine, TopologyError> {
    Machine::read(machine.path(), None)
}

/// A machine as one line for each CPU: number, node, core, thread.
fn cpus(machine: &Machine) -> Vec<(u32, usize, u32, u32)> {
    machine.cpus().iter().map(|cpu| (cpu.number, cpu.node, cpu.core, cpu.thread)).collect()
}

#[test]
fn one_node() {
    let machine = read(&FakeMachine::regular(1, 2, 1)).expect("a sound description");
    assert_eq!(cpus(&machine), [(0, 0, 0, 0), (1, 0, 1, 0)]);
    assert_eq!((machine.nodes(), machine.distance(0, 0)), (&[0][..], 10));
}

#[test]
fn two_nodes_with_two_threads_a_core() {
    let machine = read(&FakeMachine::regular(2, 2, 2)).expect("a sound description");
    let expected = [
        (0, 0, 0, 0),
        (1, 0, 1, 0),
        (2, 1, 2, 0),
        (3, 1, 3, 0),
        (4, 0, 0, 1),
        (5, 0, 1, 1),
        (6, 1, 2, 1),
        (7, 1, 3, 1),
    ];
    assert_eq!(cpus(&machine), expected);
    assert_eq!((machine.distance(0, 0), machine.distance(0, 1)), (10, 21));
    assert_eq!(machine.cpus_of(1), BTreeSet::from([2, 3, 6, 7]));
}

#[test]
fn four_nodes() {
    let machine = read(&FakeMachine::regular(4, 4, 1)).expect("a sound description");
    assert_eq!((machine.cpus().len(), machine.nodes().len()), (16, 4));
    assert_eq!(machine.distance(3, 0), 43);
    assert!(machine.cpus().iter().all(|cpu| cpu.node == cpu.number as usize / 4));
}

#[test]
fn only_what_the_process_may_use_counts() {
    let fake = FakeMachine::regular(4, 2, 2);
    // One thread of one core of node 1, and all of node 3.
    let allowed = BTreeSet::from([10, 6, 7, 14, 15]);
    let machine = Machine::read(fake.path(), Some(&allowed)).expect("a sound description");
    let expected = [(6, 1, 6, 0), (7, 1, 7, 0), (10, 0, 2, 0), (14, 1, 6, 1), (15, 1, 7, 1)];
    assert_eq!(cpus(&machine), expected);
    assert_eq!(machine.nodes(), [1, 3]);
    assert_eq!(machine.distance(0, 1), 32);
}

#[test]
fn nodes_without_cpus_are_nobodys_home() {
    let fake = FakeMachine::regular(2, 2, 1);
    fake.write("devices/system/node/online", "0-2");
    fake.node(0, "0-1", "10 17 21");
    fake.node(1, "\n", "17 10 28");
    fake.node(2, "2-3", "21 28 10");
    let machine = read(&fake).expect("a sound description");
    assert_eq!(machine.nodes(), [0, 2]);
    assert_eq!((machine.distance(0, 1), machine.distance(1, 0)), (21, 21));
}

#[test]
fn what_is_missing_is_taken_to_be_simple() {
    let fake = FakeMachine::empty();
    fake.write("devices/system/cpu/online", "0,2-3");
    let machine = read(&fake).expect("enough is known");
    assert_eq!(machine, Machine::flat(&BTreeSet::from([0, 2, 3])));
    // Nodes that are named and not described: their CPUs are unknown.
    fake.write("devices/system/node/online", "0-1");
    assert_eq!(read(&fake).expect("enough is known").nodes(), [0]);
    // Described without distances.
    fake.write("devices/system/node/node0/cpulist", "0");
    fake.write("devices/system/node/node1/cpulist", "2-3");
    let machine = read(&fake).expect("enough is known");
    assert_eq!((machine.distance(1, 1), machine.distance(1, 0)), (10, 20));
}

#[track_caller]
fn check_error(change: impl FnOnce(&FakeMachine), file: &str, reason: &str) {
    let fake = FakeMachine::regular(2, 2, 1);
    change(&fake);
    let error = read(&fake).expect_err(reason);
    let text = format!("{error}: {:?}", std::error::Error::source(&error));
    assert!(text.contains(file) && text.contains(reason), "{text}");
}

#[test]
fn what_makes_no_sense_is_an_error_with_its_file() {
    let cpu = "devices/system/cpu/online";
    let nodes = "devices/system/node/online";
    check_error(|fake| fake.write(cpu, "zero"), "cpu/online", "is no number");
    check_error(|fake| fake.write(cpu, ""), "cpu/online", "none of these CPUs");
    check_error(|fake| fake.write(cpu, "0-100000"), "cpu/online", "beyond");
    check_error(|fake| fake.write(cpu, b"\xFF\xFE"), "cpu/online", "UTF-8");
    check_error(|fake| fake.write(cpu, "0,".repeat(20_000)), "cpu/online", "bytes");
    check_error(|fake| fake.write(nodes, "0-500"), "node/online", "more than 128");
    check_error(|fake| fake.write(nodes, "1-0"), "node/online", "ends before it begins");
    check_error(|fake| fake.node(1, "1-3", "21 10"), "node1/cpulist", "near another node");
    check_error(|fake| fake.node(1, "2-3", "21"), "node1/distance", "1 distances to 2 nodes");
    check_error(|fake| fake.node(1, "2-3", "21 x"), "node1/distance", "no distance");
    check_error(|fake| fake.node(1, "2-3", "21 9"), "node1/distance", "no distance");
    let siblings = "devices/system/cpu/cpu1/topology/thread_siblings_list";
    check_error(|fake| fake.write(siblings, "0,2"), "cpu1", "no thread of its own core");
    check_error(|fake| fake.write(siblings, "1,"), "cpu1", "is no number");
}

#[test]
fn a_folder_where_a_file_should_be_is_an_error() {
    let fake = FakeMachine::empty();
    fake.write("devices/system/cpu/online", "0-1");
    fake.write("devices/system/node/online/what", "");
    let error = read(&fake).expect_err("a folder cannot be read");
    assert!(error.to_string().contains("node/online cannot be read"), "{error}");
}

#[test]
fn a_folder_without_a_machine_is_an_error() {
    let fake = FakeMachine::empty();
    let error = read(&fake).expect_err("there is nothing");
    assert!(error.to_string().contains("cpu/online cannot be read"), "{error}");
}

#[test]
fn files_of_noise_never_panic() {
    let mut rng = nexus_base::Rng::new(3);
    let files = [
        "devices/system/cpu/online",
        "devices/system/cpu/cpu1/topology/thread_siblings_list",
        "devices/system/node/online",
        "devices/system/node/node0/cpulist",
        "devices/system/node/node1/distance",
    ];
    let fake = FakeMachine::regular(2, 2, 1);
    for round in 0..2_000 {
        let alphabet = b"0123456789-,- \n\0a";
        let byte = |rng: &mut nexus_base::Rng| alphabet[rng.below(alphabet.len() as u64) as usize];
        let text: Vec<u8> = (0..rng.below(12)).map(|_| byte(&mut rng)).collect();
        fake.write(files[round % files.len()], text);
        if let Ok(machine) = read(&fake) {
            assert!(machine.cpus().iter().all(|cpu| cpu.node < machine.nodes().len()));
        }
    }
}
