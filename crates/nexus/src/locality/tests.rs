use super::fake_machine::FakeMachine;
use super::*;

fn spec(machine: &FakeMachine) -> LocalitySpec {
    LocalitySpec { sys: machine.path().to_owned(), ..LocalitySpec::default() }
}

fn locality(spec: &LocalitySpec, workers: usize) -> Locality {
    Locality::new(spec, workers).expect("no folder for mapped state is asked for")
}

/// CPUs this process may use, of which made-up machines for it are made.
fn own_cpus() -> Vec<u32> {
    affinity::allowed().map_or_else(|_| vec![0], |cpus| cpus.into_iter().collect())
}

/// A machine of our own CPUs with one memory node for each, at most four.
fn own_cpus_apart() -> (FakeMachine, usize) {
    let cpus = own_cpus();
    let nodes = cpus.len().min(4);
    let machine = FakeMachine::empty();
    let list: Vec<String> = cpus.iter().map(u32::to_string).collect();
    machine.write("devices/system/cpu/online", list.join(","));
    machine.write("devices/system/node/online", format!("0-{}", nodes - 1));
    for node in 0..nodes {
        let row: Vec<String> =
            (0..nodes).map(|other| (10 + 10 * node.abs_diff(other)).to_string()).collect();
        let here: Vec<String> =
            list.iter().skip(node).step_by(nodes).map(String::to_string).collect();
        machine.node(node as u32, &here.join(","), &row.join(" "));
    }
    (machine, nodes)
}

#[test]
fn without_switches_nothing_is_read_and_nothing_confined() {
    let locality =
        locality(&LocalitySpec { sys: PathBuf::from("/nowhere"), ..LocalitySpec::default() }, 2);
    let report = locality.report();
    assert_eq!((report.pin, report.numa, report.topology), (Switch::Off, Switch::Off, None));
    assert_eq!((locality.confines(), locality.memory_nodes()), (false, 1));
    assert_eq!((report.message_pool, report.prewarm, report.mapped), (true, 0, None));
}

#[test]
fn a_machine_that_makes_no_sense_is_flat_and_says_so() {
    let fake = FakeMachine::empty();
    fake.write("devices/system/cpu/online", "zero");
    let report = locality(&LocalitySpec { pin: true, ..spec(&fake) }, 1).report();
    assert!(report.topology.is_some_and(|why| why.contains("\"zero\" is no number")));
    assert_eq!(report.memory_nodes, 1);
    #[cfg(target_os = "linux")]
    assert_eq!(report.pin, Switch::On);
}

#[test]
fn more_workers_than_cpus_are_not_pinned() {
    let workers = own_cpus().len() + 1;
    let (fake, _) = own_cpus_apart();
    let report = locality(&LocalitySpec { pin: true, ..spec(&fake) }, workers).report();
    assert!(matches!(report.pin, Switch::Refused(_)), "{:?}", report.pin);
}

#[test]
fn one_memory_node_is_nothing_to_place_by() {
    let fake = FakeMachine::regular(1, 2, 1);
    let locality = locality(&LocalitySpec { numa: true, ..spec(&fake) }, 2);
    assert!(matches!(locality.report().numa, Switch::Refused(_)));
    assert!(!locality.confines());
}

#[test]
#[cfg(target_os = "linux")]
fn workers_settle_where_they_belong_and_others_do_not() {
    let (fake, nodes) = own_cpus_apart();
    let cpus = own_cpus();
    for (pin, numa) in [(true, false), (false, true), (true, true)] {
        let spec = LocalitySpec { pin, numa, ..spec(&fake) };
        let locality = locality(&spec, cpus.len());
        if numa && nodes > 1 {
            assert_eq!((locality.memory_nodes(), locality.report().numa), (nodes, Switch::On));
        }
        for worker in 0..cpus.len() {
            let settle = || {
                locality.settle_worker(worker).expect("these are our CPUs");
                let there = affinity::allowed().expect("Linux tells");
                locality.settle_other();
                (there, affinity::allowed().expect("Linux tells"))
            };
            let (there, elsewhere) = std::thread::scope(|scope| scope.spawn(settle).join())
                .expect("the thread does not panic");
            let place = locality.placement().places()[worker];
            assert!(there.contains(&place.cpu));
            if pin {
                assert_eq!(there.len(), 1);
            } else if nodes > 1 {
                assert_eq!(there, locality.cpus_of(locality.memory_node_of(worker)));
            }
            assert_eq!(elsewhere, locality.allowed);
        }
    }
}

#[test]
fn switches_that_failed_say_so() {
    let (fake, _) = own_cpus_apart();
    let locality = locality(&LocalitySpec { pin: true, ..spec(&fake) }, 1);
    locality.note_unsettled(1, &io::ErrorKind::InvalidInput.into());
    let report = locality.report();
    assert!(matches!(&report.pin, Switch::Refused(why) if why.contains("1 workers")), "{report:?}");
}
