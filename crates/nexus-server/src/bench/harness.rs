//! Running cases: each run in a fresh process, so that none inherits another's
//! warm caches, grown heap or threads.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::decide;
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// Runs of a short case.
pub const RUNS: usize = 5;

/// How long a signal may go unnoticed. A guess: sooner than one wonders.
const LOOK_UP: Duration = Duration::from_millis(100);

/// One case: its name and what measures it.
pub struct Case {
    /// As in the peer harness, where one has it.
    pub name: &'static str,
    /// Measures once, in this process.
    pub run: fn(&mut Sheet),
    /// Runs only with `--large`.
    pub large: bool,
    /// Runs once instead of [`RUNS`] times: it takes long.
    pub once: bool,
}

/// Two cases that differ in one switch, run in turn.
pub struct Switch {
    /// What their names begin with.
    pub name: &'static str,
    /// With it.
    pub on: Case,
    /// Without.
    pub off: Case,
    /// Runs of each.
    pub pairs: usize,
}

/// The values one run has measured.
#[derive(Default)]
pub struct Sheet(Vec<(String, &'static str, f64)>);

impl Sheet {
    /// Notes a value.
    pub fn put(&mut self, case: impl Into<String>, unit: &'static str, value: f64) {
        self.0.push((case.into(), unit, value));
    }

    /// Notes how many things were done in a second.
    pub fn put_rate(
        &mut self,
        case: impl Into<String>,
        unit: &'static str,
        count: usize,
        took: Duration,
    ) {
        self.put(case, unit, count as f64 / took.as_secs_f64());
    }

    /// Notes how long each of `count` things took.
    pub fn put_each(&mut self, case: impl Into<String>, count: usize, took: Duration) {
        self.put(case, "ns", took.as_nanos() as f64 / count as f64);
    }

    /// Notes mean, median and 99th percentile of single latencies in nanoseconds.
    pub fn put_latencies(&mut self, case: &str, mut nanos: Vec<u32>) {
        nanos.sort_unstable();
        let sum: u64 = nanos.iter().map(|nanos| u64::from(*nanos)).sum();
        self.put(format!("{case} mean"), "ns", sum as f64 / nanos.len() as f64);
        self.put(format!("{case} p50"), "ns", f64::from(nanos[nanos.len() / 2]));
        self.put(format!("{case} p99"), "ns", f64::from(nanos[nanos.len() * 99 / 100]));
    }

    /// The lines a parent process reads.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(case, unit, value)| format!("@\t{case}\t{unit}\t{value}"))
    }
}

/// All runs of one measured value.
#[derive(serde::Serialize)]
pub struct Row {
    peer: &'static str,
    case: String,
    value: f64,
    unit: String,
    runs: Vec<f64>,
    /// Where the median lies with 95 %, of ratios only.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio_ci95: Option<(f64, f64)>,
}

impl Row {
    fn new((case, unit): (String, String), runs: Vec<f64>) -> Row {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let value = sorted[sorted.len() / 2];
        Row { peer: "nexus", case, value, unit, runs, ratio_ci95: None }
    }

    /// For people: case, median, range, unit.
    pub fn cells(&self) -> [String; 5] {
        let least = self.runs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.runs.iter().copied().fold(0.0, f64::max);
        let whose = if decide::is_slowest(&self.case) { " (its slowest strategy)" } else { "" };
        let case = format!("{}{whose}", self.case);
        let cells = [self.value, least, most];
        let Some((low, high)) = self.ratio_ci95 else {
            let [value, least, most] = cells.map(grouped);
            return [case, value, least, most, self.unit.clone()];
        };
        // Ratios are near one: they need more digits, and say how sure they are.
        let [value, least, most] = cells.map(|cell| format!("{cell:.3}"));
        let unit = format!("{}, 95 % {low:.3} to {high:.3}", self.unit);
        [case, value, least, most, unit]
    }
}

/// `1234567.8` as `1,234,568`; small values keep a decimal.
fn grouped(value: f64) -> String {
    if value < 1_000.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Runs a case in fresh processes of this program.
///
/// # Errors
/// [`Failure::Check`] with what a run said that failed, or
/// [`Failure::Abandoned`]; nothing of the case is returned then.
pub fn measure(case: &Case, interrupt: &Interrupt) -> Result<Vec<Row>, Failure> {
    let mut figures = Figures::default();
    for _ in 0..if case.once { 1 } else { RUNS } {
        figures.add(run_once(case, interrupt)?);
    }
    Ok(figures.rows())
}

/// What several runs have measured, in the order in which they said it.
#[derive(Default)]
struct Figures {
    order: Vec<(String, String)>,
    runs: BTreeMap<(String, String), Vec<f64>>,
}

impl Figures {
    fn add(&mut self, figures: Vec<(String, String, f64)>) {
        for (name, unit, value) in figures {
            let key = (name, unit);
            if !self.runs.contains_key(&key) {
                self.order.push(key.clone());
            }
            self.runs.entry(key).or_default().push(value);
        }
    }

    fn rows(mut self) -> Vec<Row> {
        let row = |key: (String, String)| {
            let runs = self.runs.remove(&key).expect("every key has been seen");
            Row::new(key, runs)
        };
        self.order.into_iter().map(row).collect()
    }
}

/// Runs the two cases of a switch in turn, in fresh processes, and compares them
/// pair by pair: a ratio above 1 says that on is better.
///
/// # Errors
/// As [`measure`].
pub fn measure_switch(switch: &Switch, interrupt: &Interrupt) -> Result<Vec<Row>, Failure> {
    let (mut on, mut off) = (Figures::default(), Figures::default());
    for pair in 0..switch.pairs {
        // On off, off on, ...: what changes slowly helps both alike.
        if pair % 2 == 0 {
            on.add(run_once(&switch.on, interrupt)?);
            off.add(run_once(&switch.off, interrupt)?);
        } else {
            off.add(run_once(&switch.off, interrupt)?);
            on.add(run_once(&switch.on, interrupt)?);
        }
    }
    let ratios: Vec<Row> =
        on.order.iter().filter_map(|key| ratio(switch.name, key, &on, &off)).collect();
    let named = |figures: Figures, case: &Case| {
        let name = case.name;
        let rows = figures.rows().into_iter();
        rows.map(move |row| Row { case: format!("{name}, {}", row.case), ..row })
    };
    let rows = named(on, &switch.on).chain(named(off, &switch.off));
    Ok(rows.chain(ratios).collect())
}

/// How much better one figure is with a switch on; `None` where one side has none.
fn ratio(name: &str, key: &(String, String), on: &Figures, off: &Figures) -> Option<Row> {
    let (on, off) = (on.runs.get(key)?, off.runs.get(key)?);
    let is_rate = key.1.ends_with("/s");
    let better = |(on, off): (&f64, &f64)| if is_rate { on / off } else { off / on };
    let ratios: Vec<f64> = on.iter().zip(off).map(better).collect();
    let ratio_ci95 = nexus_base::stats::median_ci95(&ratios);
    let case = (format!("{name} on/off, {}", key.0), "ratio".to_owned());
    Some(Row { ratio_ci95, ..Row::new(case, ratios) })
}

fn run_once(case: &Case, interrupt: &Interrupt) -> Result<Vec<(String, String, f64)>, Failure> {
    let failed = |why: String| Failure::Check(format!("{}: {why}", case.name));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let attention = interrupt.attend();
    let child = Command::new(program)
        .args(["bench", "--once", case.name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        // A signal from the terminal is for the one that waits, who ends the other.
        .process_group(0)
        .spawn();
    let run = child.and_then(|child| wait(child, interrupt));
    drop(attention);
    let (status, text) = match run.map_err(|error| failed(error.to_string()))? {
        Some(ended) => ended,
        None => return Err(Failure::Abandoned),
    };
    if !status.success() && interrupt.is_asked() {
        // The signal may have reached the run before it was in a group of its own.
        return Err(Failure::Abandoned);
    }
    if !status.success() {
        return Err(failed(format!("a run ended with {status}")));
    }
    Ok(text.lines().filter_map(read_line).collect())
}

/// Awaits the end of a run and what it printed; `None` if it was stopped because
/// a signal came.
fn wait(mut child: Child, interrupt: &Interrupt) -> io::Result<Option<(ExitStatus, String)>> {
    let mut stdout = child.stdout.take().expect("it was asked for");
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        // Closed when the run ends, however it does.
        let result = stdout.read_to_end(&mut bytes).map(|_| bytes);
        // Nobody listens any more if the run was stopped.
        let _ = sender.send(result);
    });
    let printed = loop {
        match receiver.recv_timeout(LOOK_UP) {
            Err(RecvTimeoutError::Timeout) if interrupt.is_asked() => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("the reader sends once"),
            Ok(printed) => break printed?,
        }
    };
    reader.join().expect("the reader does not panic");
    let status = child.wait()?;
    Ok(Some((status, String::from_utf8_lossy(&printed).into_owned())))
}

fn read_line(line: &str) -> Option<(String, String, f64)> {
    let mut parts = line.strip_prefix("@\t")?.split('\t');
    let (case, unit) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    Some((case, unit, parts.next()?.parse().ok()?))
}

/// A clock for measuring.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Resident bytes of this process.
pub fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize =
        text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// A cheap fixed sequence of pseudo-random indices below `end`: the peer
/// harness's own, so that both look up the same names in the same order.
pub fn shuffled(end: usize, count: usize) -> Vec<usize> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    (0..count).map(|_| next()).collect()
}
