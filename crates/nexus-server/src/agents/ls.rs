//! `nexus agents ls`: which agents there are, page by page.

use std::io::{Write, stderr};

use clap::Args;

use crate::cli::{Common, OutputFormat};
use crate::client::{
    Agent, AgentPage, Answer, Client, ClientError, NodeArgs, Path, RawAgentPage, one_line,
};
use crate::columns::{Columns, Side};
use crate::failure::Failure;
use crate::output::Output;
use crate::words::{NOTHING, age, clipped, grouped, printable, rate};

/// Agents listed unless told otherwise: what a node puts on a page unless asked.
const LIMIT_DEFAULT: u64 = 100;
/// Agents that can be asked for; more are listed with `--all`.
const LIMIT_MAX: u64 = 100_000_000;
/// Agents a node puts on one page at most.
const PAGE_LEN_MAX: u64 = 1_000;
/// Pages that are asked for. Each looks at up to 100,000 agents, or shows up to
/// 1,000: enough to show a billion. A node that had more pages would be at fault.
const PAGES_MAX: u32 = 1_000_000;
/// Characters of a state that fit beside the figures. A guess: half a wide line.
const STATE_CHARS_MAX: usize = 60;

const EXAMPLES: &str = "\
Examples:
  nexus agents ls
      the first hundred
  nexus agents ls --kind cart --where 'mailbox > 10 and errors > 0'
      those of one kind that have fallen behind and failed
  nexus agents ls --where 'kind = \"cart\" and age > 3600' --state
      with a summary of each state
  nexus agents ls --all --format json | wc -l
      all of them, one JSON object a line

A condition compares kind, key, level, mailbox, rate, errors, age (seconds) and parts of
the state summary with values, joined by and, or, not. The node looks at one agent after
the other, up to 100,000 for each page, so a rare condition takes several pages; what is
printed is no snapshot: agents may come and go meanwhile.";

/// List agents
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LsArgs {
    /// Only those of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only those for which this holds
    #[arg(long = "where", value_name = "EXPR")]
    condition: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT, value_parser = limit)]
    #[arg(allow_negative_numbers = true)]
    limit: u64,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Go on where an earlier listing ended
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Show a summary of each state
    #[arg(long)]
    state: bool,
}

fn limit(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count) if (1..=LIMIT_MAX).contains(&count) => Ok(count),
        _ => Err(format!("give a whole number from 1 to {LIMIT_MAX}, or --all")),
    }
}

/// Runs `nexus agents ls`.
pub fn run(
    args: &LsArgs,
    node: &NodeArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let client = Client::new(node)?;
    let mut sheet = match common.format {
        OutputFormat::Json => Sheet::Json,
        OutputFormat::Text if args.state => Sheet::States(Columns::new(headings_with_state())),
        OutputFormat::Text => Sheet::Figures(Columns::new(HEADINGS)),
    };
    let mut left = if args.all { u64::MAX } else { args.limit };
    let mut after = args.after.clone();
    let mut found = 0;
    for _ in 0..PAGES_MAX {
        let answer = client.get(&path(args, left.min(PAGE_LEN_MAX), after.as_deref()))?;
        let page = sheet.page(&answer)?;
        output.print(&page.text).map_err(Failure::Output)?;
        left = left.saturating_sub(page.agent_count);
        found += page.agent_count;
        let Some(next) = page.next else {
            if found == 0 {
                note(none(args));
            }
            return Ok(());
        };
        if output.is_closed() {
            return Ok(());
        }
        if left == 0 {
            note_rest(&next);
            return Ok(());
        }
        if after.as_ref() == Some(&next) {
            return Err(stuck());
        }
        after = Some(next);
    }
    Err(stuck())
}

fn path(args: &LsArgs, limit: u64, after: Option<&str>) -> Path {
    Path::new("/v1/agents")
        .query_if("kind", args.kind.as_deref())
        .query_if("where", args.condition.as_deref())
        .query("limit", &limit.to_string())
        .query_if("after", after)
        .query_if("state", args.state.then_some("1"))
}

fn stuck() -> Failure {
    Failure::Check("the node's listing does not come to an end\nnothing was changed".to_owned())
}

fn note_rest(next: &str) {
    let next = printable(next);
    note(&format!("there may be more; go on with --after {next}, or list --all"));
}

/// What to say of a listing with nothing in it.
fn none(args: &LsArgs) -> &'static str {
    if args.after.is_some() {
        "there are no more"
    } else if args.kind.is_some() || args.condition.is_some() {
        "no agent is like that; list all without --kind and --where"
    } else {
        "no agents run on this node; start one with `nexus agents create KIND/KEY`"
    }
}

fn note(text: &str) {
    // The rows matter more than a standard error that is closed.
    let _ = writeln!(stderr(), "note: {text}");
}

/// How pages are printed.
enum Sheet {
    Json,
    Figures(Columns<8>),
    States(Columns<9>),
}

/// A page ready for printing.
struct Page {
    text: String,
    agent_count: u64,
    next: Option<String>,
}

impl Sheet {
    fn page(&mut self, answer: &Answer) -> Result<Page, ClientError> {
        let Sheet::Json = self else {
            let page: AgentPage = answer.read()?;
            let text = self.rows(&page.agents);
            return Ok(Page { text, agent_count: page.agents.len() as u64, next: page.next });
        };
        let page: RawAgentPage = answer.read()?;
        let text = page.agents.iter().map(|agent| one_line(agent.get())).collect();
        Ok(Page { text, agent_count: page.agents.len() as u64, next: page.next })
    }

    fn rows(&mut self, agents: &[Agent]) -> String {
        match self {
            Sheet::Json => String::new(),
            Sheet::Figures(columns) => {
                columns.page(&agents.iter().map(figures).collect::<Vec<_>>())
            }
            Sheet::States(columns) => {
                columns.page(&agents.iter().map(figures_with_state).collect::<Vec<_>>())
            }
        }
    }
}

const HEADINGS: [(&str, Side); 8] = [
    ("agent", Side::Left),
    ("phase", Side::Left),
    ("level", Side::Left),
    ("mailbox", Side::Right),
    ("msg/s", Side::Right),
    ("handled", Side::Right),
    ("errors", Side::Right),
    ("age", Side::Right),
];

fn headings_with_state() -> [(&'static str, Side); 9] {
    let [a, b, c, d, e, f, g, h] = HEADINGS;
    [a, b, c, d, e, f, g, h, ("state", Side::Left)]
}

fn figures(agent: &Agent) -> [String; 8] {
    let metrics = &agent.metrics;
    [
        printable(&agent.name()),
        printable(&agent.phase),
        printable(&agent.level.used),
        grouped(agent.mailbox),
        metrics.rate_per_s.map_or(NOTHING.to_owned(), rate),
        grouped(metrics.handled),
        grouped(metrics.errors),
        metrics.age_s.map_or(NOTHING.to_owned(), age),
    ]
}

fn figures_with_state(agent: &Agent) -> [String; 9] {
    let [a, b, c, d, e, f, g, h] = figures(agent);
    [a, b, c, d, e, f, g, h, clipped(&printable(&agent.state.to_string()), STATE_CHARS_MAX)]
}
