//! What the machine is made of: CPUs, the cores they are threads of, and the
//! memory nodes they are near to.
//!
//! Read from a folder laid out like Linux's `/sys`; the folder is a parameter,
//! so that tests build machines they do not have. What is missing there is
//! taken to be simple (one node, a core for each CPU); what is there and makes
//! no sense is an error that names the file, and whoever asked goes on with
//! [`Machine::flat`]. Nothing here panics, whatever the files hold.
//!
//! # Source
//! Linux, `Documentation/ABI/stable/sysfs-devices-node` and
//! `Documentation/admin-guide/cputopology.rst`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::cpu_list;

/// Memory nodes of one machine, at most. A guess beyond any we know: the
/// largest have 64.
pub const MEMORY_NODES_MAX: usize = 128;

/// Bytes read of one file, at most: a list of 1,024 numbers, each on its own,
/// takes 4 KiB.
const FILE_BYTES_MAX: u64 = 16 << 10;

/// How far a node is from itself, in the unit of the firmware's tables.
/// Source: ACPI 6.5, 5.2.17, System Locality Information Table.
const DISTANCE_SELF: u32 = 10;

/// How far another node is where the machine does not say: the usual value
/// for the other socket.
const DISTANCE_OTHER: u32 = 20;

/// Why a machine's description makes no sense.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// A file cannot be read.
    #[error("{} cannot be read; placement goes on as if the machine had one node", .file.display())]
    Unreadable {
        /// Which one.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error(
        "{} makes no sense: {reason}; placement goes on as if the machine had one node",
        .file.display()
    )]
    Malformed {
        /// Which one.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// One CPU, as the system counts them: a hardware thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cpu {
    /// The system's number.
    pub number: u32,
    /// The memory node it is near to: an index into the machine's nodes.
    pub node: usize,
    /// The core it is a thread of, named by the lowest CPU of that core.
    pub core: u32,
    /// Which of the core's usable threads it is, from zero.
    pub thread: u32,
}

/// The CPUs a node may use, and where they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    cpus: Vec<Cpu>,
    /// The system's numbers of the memory nodes that have usable CPUs.
    nodes: Vec<u32>,
    /// How far each node is from each other.
    distances: Vec<Vec<u32>>,
}

impl Machine {
    /// Reads the machine that the folder `sys` describes. Only CPUs in `allowed`
    /// count, if that is given: a process may be limited to some.
    ///
    /// # Errors
    /// [`TopologyError`], with the file in question.
    pub fn read(sys: &Path, allowed: Option<&BTreeSet<u32>>) -> Result<Machine, TopologyError> {
        let cpu_folder = sys.join("devices/system/cpu");
        let online_file = cpu_folder.join("online");
        let Some(online) = read_list(&online_file)? else {
            let source = io::ErrorKind::NotFound.into();
            return Err(TopologyError::Unreadable { file: online_file, source });
        };
        let usable = |cpu: &u32| allowed.is_none_or(|allowed| allowed.contains(cpu));
        let numbers: BTreeSet<u32> = online.into_iter().filter(usable).collect();
        if numbers.is_empty() {
            let reason = "this process may use none of these CPUs".to_owned();
            return Err(TopologyError::Malformed { file: online_file, reason });
        }
        let near = Near::read(&sys.join("devices/system/node"), &numbers)?;
        let mut threads: BTreeMap<u32, u32> = BTreeMap::new();
        let mut cpus = Vec::with_capacity(numbers.len());
        for &number in &numbers {
            let core = read_core(&cpu_folder, number)?;
            let next = threads.entry(core).or_default();
            let node = near.node_of.get(&number).copied().unwrap_or(0);
            cpus.push(Cpu { number, node, core, thread: *next });
            *next += 1;
        }
        Ok(Machine { cpus, nodes: near.nodes, distances: near.distances })
    }

    /// A machine about which nothing is known but its CPUs: one node, and each
    /// CPU a core.
    pub fn flat(cpus: &BTreeSet<u32>) -> Machine {
        let cpu = |&number: &u32| Cpu { number, node: 0, core: number, thread: 0 };
        Machine {
            cpus: cpus.iter().map(cpu).collect(),
            nodes: vec![0],
            distances: vec![vec![DISTANCE_SELF]],
        }
    }

    /// The usable CPUs, by number.
    pub fn cpus(&self) -> &[Cpu] {
        &self.cpus
    }

    /// The system's numbers of the memory nodes that have usable CPUs.
    pub fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    /// How far one node is from another, 10 being here; both are indices.
    pub fn distance(&self, from: usize, to: usize) -> u32 {
        let row = self.distances.get(from);
        row.and_then(|row| row.get(to)).copied().unwrap_or(DISTANCE_OTHER)
    }

    /// CPUs near the node of that index, by number.
    pub fn cpus_of(&self, node: usize) -> BTreeSet<u32> {
        self.cpus.iter().filter(|cpu| cpu.node == node).map(|cpu| cpu.number).collect()
    }
}

/// Which CPU is near which memory node.
struct Near {
    nodes: Vec<u32>,
    distances: Vec<Vec<u32>>,
    node_of: BTreeMap<u32, usize>,
}

impl Near {
    /// One node, where the folder does not say.
    fn one() -> Near {
        Near { nodes: vec![0], distances: vec![vec![DISTANCE_SELF]], node_of: BTreeMap::new() }
    }

    fn read(folder: &Path, cpus: &BTreeSet<u32>) -> Result<Near, TopologyError> {
        let online_file = folder.join("online");
        let Some(online) = read_list(&online_file)? else { return Ok(Near::one()) };
        if online.len() > MEMORY_NODES_MAX {
            let reason = format!("{} nodes, more than {MEMORY_NODES_MAX}", online.len());
            return Err(TopologyError::Malformed { file: online_file, reason });
        }
        let mut near = Near { nodes: Vec::new(), distances: Vec::new(), node_of: BTreeMap::new() };
        // The places among the online nodes of those that have usable CPUs:
        // memory without a CPU is nobody's home.
        let mut kept = Vec::new();
        for (place, node) in online.iter().enumerate() {
            let file = folder.join(format!("node{node}/cpulist"));
            let here: Vec<u32> =
                read_list(&file)?.unwrap_or_default().intersection(cpus).copied().collect();
            if here.is_empty() {
                continue;
            }
            for cpu in here {
                if near.node_of.insert(cpu, near.nodes.len()).is_some() {
                    let reason = format!("CPU {cpu} is near another node already");
                    return Err(TopologyError::Malformed { file, reason });
                }
            }
            near.nodes.push(*node);
            kept.push(place);
        }
        if near.nodes.is_empty() {
            return Ok(Near::one());
        }
        for &node in &near.nodes {
            let row = read_distances(&folder.join(format!("node{node}/distance")), online.len())?;
            near.distances.push(match row {
                Some(row) => kept.iter().map(|place| row[*place]).collect(),
                None => {
                    let far =
                        |other: &u32| if *other == node { DISTANCE_SELF } else { DISTANCE_OTHER };
                    near.nodes.iter().map(far).collect()
                }
            });
        }
        Ok(near)
    }
}

/// The lowest CPU of the core that `cpu` is a thread of.
fn read_core(folder: &Path, cpu: u32) -> Result<u32, TopologyError> {
    let file = folder.join(format!("cpu{cpu}/topology/thread_siblings_list"));
    let Some(siblings) = read_list(&file)? else { return Ok(cpu) };
    if !siblings.contains(&cpu) {
        let reason = format!("CPU {cpu} is no thread of its own core");
        return Err(TopologyError::Malformed { file, reason });
    }
    Ok(siblings.first().copied().unwrap_or(cpu))
}

/// A row of distances to `count` nodes; `None` if there is no such file.
fn read_distances(file: &Path, count: usize) -> Result<Option<Vec<u32>>, TopologyError> {
    let Some(text) = read_text(file)? else { return Ok(None) };
    let malformed = |reason| TopologyError::Malformed { file: file.to_owned(), reason };
    let distance = |word: &str| {
        let distance = word.parse().ok().filter(|distance| *distance >= DISTANCE_SELF);
        distance.ok_or_else(|| malformed(format!("{word:?} is no distance")))
    };
    let row: Vec<u32> = text.split_whitespace().map(distance).collect::<Result<_, _>>()?;
    if row.len() != count {
        return Err(malformed(format!("{} distances to {count} nodes", row.len())));
    }
    Ok(Some(row))
}

/// A list of numbers; `None` if there is no such file.
fn read_list(file: &Path) -> Result<Option<BTreeSet<u32>>, TopologyError> {
    let Some(text) = read_text(file)? else { return Ok(None) };
    let malformed = |reason| TopologyError::Malformed { file: file.to_owned(), reason };
    cpu_list::parse(&text).map(Some).map_err(malformed)
}

/// What a file holds; `None` if there is none.
fn read_text(file: &Path) -> Result<Option<String>, TopologyError> {
    let read = || {
        let mut text = String::new();
        let opened = std::fs::File::open(file)?;
        opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
        Ok::<String, io::Error>(text)
    };
    match read() {
        Ok(text) if text.len() as u64 <= FILE_BYTES_MAX => Ok(Some(text)),
        Ok(_) => {
            let reason = format!("it has more than {FILE_BYTES_MAX} bytes");
            Err(TopologyError::Malformed { file: file.to_owned(), reason })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TopologyError::Unreadable { file: file.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests;
