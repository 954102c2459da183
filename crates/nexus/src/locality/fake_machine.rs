//! Machines that tests make up, written into a folder as Linux writes `/sys`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that describes a machine; gone with this value.
pub(crate) struct FakeMachine {
    folder: PathBuf,
}

impl FakeMachine {
    /// A machine without any file.
    pub(crate) fn empty() -> FakeMachine {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("nexus-machine-{}-{serial}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written to");
        FakeMachine { folder }
    }

    /// `nodes` nodes with `cores` cores each, of `threads` threads each. CPUs are
    /// numbered as on most servers: first one thread of every core, node by node,
    /// then the second ones. Nodes lie on a line, each 11 further than the last.
    pub(crate) fn regular(nodes: u32, cores: u32, threads: u32) -> FakeMachine {
        let machine = FakeMachine::empty();
        let in_all = nodes * cores;
        let last = in_all * threads - 1;
        machine.write("devices/system/cpu/online", format!("0-{last}\n"));
        for core in 0..in_all {
            let siblings: Vec<String> =
                (0..threads).map(|thread| (core + thread * in_all).to_string()).collect();
            for cpu in &siblings {
                let file = format!("devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
                machine.write(&file, format!("{}\n", siblings.join(",")));
            }
        }
        let list = if nodes == 1 { "0".to_owned() } else { format!("0-{}", nodes - 1) };
        machine.write("devices/system/node/online", format!("{list}\n"));
        for node in 0..nodes {
            let part = |thread: u32| {
                let first = thread * in_all + node * cores;
                format!("{first}-{}", first + cores - 1)
            };
            let cpus: Vec<String> = (0..threads).map(part).collect();
            let far = |other: u32| (10 + 11 * node.abs_diff(other)).to_string();
            let row: Vec<String> = (0..nodes).map(far).collect();
            machine.node(node, &format!("{}\n", cpus.join(",")), &format!("{}\n", row.join(" ")));
        }
        machine
    }

    /// Describes one memory node.
    pub(crate) fn node(&self, node: u32, cpus: &str, distances: &str) {
        self.write(&format!("devices/system/node/node{node}/cpulist"), cpus);
        self.write(&format!("devices/system/node/node{node}/distance"), distances);
    }

    /// Writes one file, in place of what was there.
    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.join(file);
        let parent = path.parent().expect("a file inside the folder");
        std::fs::create_dir_all(parent).expect("the temporary folder can be written to");
        std::fs::write(path, text).expect("the temporary folder can be written to");
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for FakeMachine {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
