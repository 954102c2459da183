//! `nexus bench`: what the runtime costs, measured as the peers are.

mod agents;
mod ask;
mod decide;
mod harness;
mod local;
mod population;
mod tell;
mod timers;

use std::io::Write;

use clap::Args;

use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use harness::{Case, Row, Sheet, Switch};

const fn case(name: &'static str, run: fn(&mut Sheet)) -> Case {
    Case { name, run, large: false, once: false }
}

const fn long(name: &'static str, run: fn(&mut Sheet)) -> Case {
    Case { name, run, large: false, once: true }
}

/// Every case, named as in the peer harness.
const CASES: &[Case] = &[
    case("tell 1->1", tell::one_to_one),
    case("tell 2->1", tell::two_to_one),
    case("tell 2->10k", tell::two_to_many),
    case("ask", ask::in_place),
    case("ask queued", ask::queued),
    case("ask across threads", ask::across_threads),
    case("spawn named 1M", population::million),
    case("register at 1M", population::register),
    case("ask at agents", population::ask_at),
    case("decide", decide::all),
    case("timers 1M", timers::million),
    long("cpu 1000 agents 1 msg/s", timers::cpu),
    Case { name: "spawn named 10M", run: population::ten_million, large: true, once: true },
];

const fn switch(name: &'static str, on: Case, off: Case, pairs: usize) -> Switch {
    Switch { name, on, off, pairs }
}

/// The local optimisations, each on and off in turn. Measured only when asked
/// for: together they take half an hour.
const SWITCHES: &[Switch] = &[
    switch(
        "local pin",
        case("local pin on", local::pin_on),
        case("local pin off", local::pin_off),
        20,
    ),
    switch(
        "local pool",
        case("local pool on", local::pool_on),
        case("local pool off", local::pool_off),
        20,
    ),
    switch(
        "local prewarm",
        case("local prewarm on", local::prewarm_on),
        case("local prewarm off", local::prewarm_off),
        20,
    ),
    switch(
        "local mapped",
        case("local mapped on", local::mapped_on),
        case("local mapped off", local::mapped_off),
        6,
    ),
    switch(
        "local tuning",
        case("local tuning on", local::tuning_on),
        case("local tuning off", local::tuning_off),
        6,
    ),
];

/// What the filters of switches begin with.
const LOCAL: &str = "local";

/// Times and memory of one run: release build, 2026-11, a shared machine of two
/// cores; ten million agents as ten times a million.
const CASES_HELP: &str = "\
Cases, with what one run takes, roughly:
  tell 1->1, tell 2->1, tell 2->10k         3 s   16 MB
  ask, ask queued, ask across threads       1 s   16 MB
  spawn named 1M                            5 s  250 MB
  register at 1M                            2 s  170 MB
  ask at agents                             4 s  170 MB
  decide                                    1 s   16 MB
  timers 1M                                 1 s  100 MB
  cpu 1000 agents 1 msg/s                  10 s   16 MB
  spawn named 10M (only with --large)      60 s    3 GB

Each is run five times in a process of its own, one after the other, and the last
two once: two to three minutes for all but the last. Chance plays no part that a
seed could change. A debug build takes several times as long.

The local optimisations are run on and off in turn, and compared. All together
take half an hour, so only a filter that begins with \"local\" finds them:
  local pin, local pool, local prewarm, local mapped, local tuning

Examples:
  nexus bench ask
      every case whose name contains \"ask\"
  nexus bench \"local pin\"
      workers on CPUs of their own and not, with the ratio
  nexus bench --format json > rows.jsonl
      one row per measured value, for scripts";

/// Measure what the runtime costs on this machine
#[derive(Args, Debug)]
#[command(after_help = CASES_HELP)]
pub struct BenchArgs {
    /// Only cases whose name contains this; 'local' for the local optimisations
    filter: Option<String>,
    /// Also the cases with ten million agents
    #[arg(long)]
    large: bool,
    /// Run one case once, in this process, and print plain values
    #[arg(long, hide = true, value_name = "CASE")]
    once: Option<String>,
}

/// Runs `nexus bench`.
///
/// # Errors
/// [`Failure::Check`] if a case does not run to its end, [`Failure::Unknown`]
/// if the filter fits none, [`Failure::Abandoned`] after the cases that were
/// finished have been printed.
pub fn run<W: Write>(
    args: &BenchArgs,
    common: &Common,
    interrupt: &Interrupt,
    output: &mut Output<W>,
) -> Result<(), Failure> {
    if let Some(name) = &args.once {
        return once(name, output);
    }
    let filter = args.filter.as_deref().unwrap_or_default();
    let wanted = |case: &&Case| case.name.contains(filter) && (args.large || !case.large);
    let cases: Vec<&Case> = CASES.iter().filter(wanted).collect();
    let asked = |switch: &&Switch| {
        let names = [switch.on.name, switch.off.name];
        filter.starts_with(LOCAL) && names.iter().any(|name| name.contains(filter))
    };
    let switches: Vec<&Switch> = SWITCHES.iter().filter(asked).collect();
    if cases.is_empty() && switches.is_empty() {
        return Err(unknown(filter));
    }
    let mut table = comfy_table::Table::new();
    table.set_header(["case", "median", "min", "max", "unit"]);
    let mut show = |rows: Vec<Row>| {
        rows.iter().try_for_each(|row| match common.format {
            OutputFormat::Text => {
                table.add_row(row.cells());
                Ok(())
            }
            OutputFormat::Json => {
                let line = serde_json::to_string(row).expect("a row is plain data");
                output.print(&(line + "\n")).map_err(Failure::Output)
            }
        })
    };
    let result = cases
        .into_iter()
        .try_for_each(|case| {
            eprint_progress(case.name);
            show(harness::measure(case, interrupt)?)
        })
        .and_then(|()| {
            switches.into_iter().try_for_each(|switch| {
                eprint_progress(switch.name);
                show(harness::measure_switch(switch, interrupt)?)
            })
        });
    if common.format == OutputFormat::Text && !table.is_empty() {
        output.print(&format!("{table}\n")).map_err(Failure::Output)?;
    }
    result
}

/// Cases take from a second to minutes: says which one is being measured.
fn eprint_progress(case: &str) {
    use std::io::IsTerminal;
    if std::io::stderr().is_terminal() {
        // A closed standard error must not end the measurement.
        let _ = writeln!(std::io::stderr(), "measuring {case} ...");
    }
}

fn once<W: Write>(name: &str, output: &mut Output<W>) -> Result<(), Failure> {
    let switched = SWITCHES.iter().flat_map(|switch| [&switch.on, &switch.off]);
    let mut all = CASES.iter().chain(switched);
    let case = all.find(|case| case.name == name).ok_or_else(|| unknown(name))?;
    let mut sheet = Sheet::default();
    (case.run)(&mut sheet);
    sheet.lines().try_for_each(|line| output.print(&(line + "\n"))).map_err(Failure::Output)
}

fn unknown(filter: &str) -> Failure {
    let plain = CASES.iter().map(|case| case.name);
    let names: Vec<&str> = plain.chain(SWITCHES.iter().map(|switch| switch.name)).collect();
    Failure::Unknown { what: "benchmark case", asked: filter.to_owned(), valid: names.join(", ") }
}
