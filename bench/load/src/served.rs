//! A node in a process of its own, which ends with its owner.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::Failed;

/// How long a node may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A running node.
pub struct Served {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// When its process was asked for.
    pub started: Instant,
}

impl Served {
    /// Starts `nexus serve` on a free port.
    ///
    /// # Errors
    /// If it does not start, or does not say in time that it is ready.
    pub fn nexus(program: &Path) -> Result<Served, Failed> {
        Served::start(Command::new(program).arg("serve"))
    }

    /// Starts a server that takes its settings from the environment.
    ///
    /// # Errors
    /// As [`Served::nexus`].
    pub fn start(command: &mut Command) -> Result<Served, Failed> {
        command.env("NEXUS_HTTP_LISTEN", "127.0.0.1:0").env("NEXUS_NODE_NAME", "bench");
        let started = Instant::now();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{:?} does not start: {error}", command.get_program()))?;
        let said = process.stdout.take().ok_or("the node's output is not ours")?;
        // Dropped with its process, should the address not come.
        let mut served =
            Served { process, address: SocketAddr::from(([127, 0, 0, 1], 0)), started };
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(said).read_line(&mut line);
            let _ = tell.send(line);
        });
        let line = told.recv_timeout(READY_WITHIN).map_err(|_| "the node was not ready in time")?;
        let ready: serde_json::Value = serde_json::from_str(&line)?;
        let address = ready["http"].as_str().and_then(|url| url.strip_prefix("http://"));
        served.address = address.ok_or("the node does not say where it listens")?.parse()?;
        Ok(served)
    }

    /// Bytes of its memory that are resident.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn resident_bytes(&self) -> Result<u64, Failed> {
        let path = format!("/proc/{}/smaps_rollup", self.process.id());
        let text = std::fs::read_to_string(path)?;
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Ok(kib.ok_or("the system does not say how much memory the node has")? * 1024)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Whatever state it has is of no use to anybody.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
