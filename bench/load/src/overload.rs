//! Four times the load that can be served: what still gets done, what the node says
//! to the rest, what it takes in memory, and how soon it is over.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use crate::connection::{Connection, request};
use crate::offered::{End, Outcome, Target, offer};
use crate::served::Served;
use crate::{Failed, Options, quantile, row};

/// Agents that do the work: more than workers, so that none of those is without, and
/// not so many that four times their peak is more than a client beside them can send.
const AGENTS: usize = 4;

/// Clients that ask one after the other while the peak is sought: eight for each agent.
const CLIENTS: usize = 32;

/// How long the peak is looked for; the first part is not counted.
const PEAK: Duration = Duration::from_secs(5);
const PEAK_WARM: Duration = Duration::from_secs(1);

/// The offered load: half of the peak, four times the peak, half of the peak.
const BEFORE: Duration = Duration::from_secs(5);
const OVER: Duration = Duration::from_secs(10);
const AFTER: Duration = Duration::from_secs(10);

/// Of the peak, what must still be done under four times the load.
const GOODPUT_SHARE: f64 = 0.8;

/// Bytes that the node may have at any time. What may wait is bounded by the client's
/// 14,000 connections at some 20 kB (`idle connections`); this is that and a little more.
const RESIDENT_MAX: u64 = 320 << 20;

/// How much more than at the half of the overload the node may have later, as a share:
/// it does not grow for as long as the load lasts.
const GROWTH_MAX: f64 = 0.1;

/// How soon after the load has fallen everything must be as before.
const RECOVERY: Duration = Duration::from_secs(5);

/// Parts of the time after, each looked at by itself: long enough for a 99th percentile.
const WINDOW: Duration = Duration::from_millis(500);

/// How long one request may take while nothing is overloaded.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Finds the peak of agents of a kind, then offers four times that.
pub async fn run(options: &Options, kind: &str) -> Result<bool, Failed> {
    let work = Options::beside("bench-load-work")?;
    LocalSet::new().run_until(load(&work, kind, options.deadline)).await
}

async fn load(work: &Path, kind: &str, deadline: Duration) -> Result<bool, Failed> {
    let served = Rc::new(Served::start(&mut Command::new(work))?);
    let mut connection = Connection::open(served.address).await?;
    for agent in 0..AGENTS {
        let create = request("PUT", &format!("/v1/agents/{kind}/{agent}"), "");
        let answer = connection.ask(&create, ANSWER_WITHIN).await?;
        if answer.status != 201 {
            return Err(format!("an agent was not made: {}", answer.status).into());
        }
    }
    let target = Rc::new(Target::new(served.address, kind, AGENTS, deadline));
    let at_peak = peak(&target).await?;
    eprintln!("{kind}: {at_peak:.0} answers a second at the peak");

    let before = served.resident_bytes()?;
    let (sampled, samples) = (served.clone(), Rc::default());
    let memory = tokio::task::spawn_local(watch(sampled, Rc::clone(&samples)));
    let rates = [(at_peak * 0.5, BEFORE), (at_peak * 4.0, OVER), (at_peak * 0.5, AFTER)];
    let outcomes = offer(target.clone(), &rates).await;
    memory.abort();
    let peak_after = peak(&target).await?;
    eprintln!("{kind}: {peak_after:.0} answers a second at the peak, measured again");
    let memory = Memory::of(&samples.borrow());
    Ok(judge(kind, deadline, [at_peak, peak_after], before, &memory, &outcomes))
}

/// Answers a second when every client waits for its answer.
async fn peak(target: &Rc<Target>) -> Result<f64, Failed> {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let target = target.clone();
        clients.spawn_local(async move {
            let mut connection = Connection::open(target.address).await?;
            let (begun, mut done) = (Instant::now(), 0);
            while begun.elapsed() < PEAK {
                let answer = connection.ask(target.request(client), ANSWER_WITHIN).await?;
                done += u32::from(answer.status == 200 && begun.elapsed() >= PEAK_WARM);
            }
            std::io::Result::Ok(done)
        });
    }
    let done: u32 = clients.join_all().await.into_iter().sum::<Result<u32, _>>()?;
    Ok(f64::from(done) / (PEAK - PEAK_WARM).as_secs_f64())
}

type Samples = Rc<std::cell::RefCell<Vec<(Duration, u64)>>>;

/// Looks at the node's memory until it is told to stop.
async fn watch(served: Rc<Served>, samples: Samples) {
    let begun = Instant::now();
    loop {
        if let Ok(bytes) = served.resident_bytes() {
            samples.borrow_mut().push((begun.elapsed(), bytes));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// What the node had in memory.
struct Memory {
    /// The most, at any time.
    max: u64,
    /// The most in the first half of the overload.
    first_half: u64,
    /// The most in its second half.
    second_half: u64,
}

impl Memory {
    fn of(samples: &[(Duration, u64)]) -> Memory {
        let most = |from: Duration, to: Duration| {
            let within = samples.iter().filter(|(at, _)| (from..to).contains(at));
            within.map(|(_, bytes)| *bytes).max().unwrap_or(0)
        };
        Memory {
            max: most(Duration::ZERO, Duration::MAX),
            first_half: most(BEFORE, BEFORE + OVER / 2),
            second_half: most(BEFORE + OVER / 2, BEFORE + OVER),
        }
    }
}

/// Prints the row; whether every part of the bar was met.
fn judge(
    kind: &str,
    deadline: Duration,
    [peak, peak_after]: [f64; 2],
    before: u64,
    memory: &Memory,
    outcomes: &[Outcome],
) -> bool {
    let due = |from: Duration, how_long: Duration| {
        outcomes.iter().filter(move |outcome| (from..from + how_long).contains(&outcome.due))
    };
    let count = |end| due(BEFORE, OVER).filter(|outcome| outcome.end == end).count();
    let anywhere = |end| outcomes.iter().filter(|outcome| outcome.end == end).count();
    let goodput = count(End::Ok) as f64 / OVER.as_secs_f64();
    let [other, lost, unsent] = [End::Other, End::Lost, End::Unsent].map(anywhere);
    let p99_before = p99_ms(took(due(Duration::ZERO, BEFORE)));
    let is_fine = |from| {
        due(from, WINDOW).all(|outcome| outcome.end == End::Ok)
            && p99_ms(took(due(from, WINDOW))) <= 2.0 * p99_before
    };
    // Two windows in a row: one alone may have been lucky.
    let recovered = (0..)
        .map(|window| BEFORE + OVER + WINDOW * window)
        .take_while(|from| *from + WINDOW * 2 <= BEFORE + OVER + AFTER)
        .find(|&from| is_fine(from) && is_fine(from + WINDOW))
        .map(|from| from + WINDOW - BEFORE - OVER);

    for window in 0..(BEFORE + OVER + AFTER).div_duration_f64(WINDOW) as u32 {
        tell(WINDOW * window, &mut due(WINDOW * window, WINDOW));
    }

    let all_ok_before = due(Duration::ZERO, BEFORE).all(|outcome| outcome.end == End::Ok);
    let keeps_up = goodput >= GOODPUT_SHARE * peak;
    let is_bounded = memory.max <= RESIDENT_MAX
        && memory.second_half as f64 <= memory.first_half as f64 * (1.0 + GROWTH_MAX);
    let recovers = recovered.is_some_and(|took| took <= RECOVERY);
    let p99_over = p99_ms(took(due(BEFORE, OVER).filter(|outcome| outcome.end == End::Ok)));
    let behind_ms = p99_ms(due(BEFORE, OVER).map(|outcome| outcome.behind));
    let pass = all_ok_before && keeps_up && is_bounded && recovers && other + lost + unsent == 0;
    let fields = [
        ("deadline_ms", (deadline.as_millis() as u64).into()),
        ("peak_per_s", peak.round().into()),
        ("peak_after_per_s", peak_after.round().into()),
        ("offered_per_s", (4.0 * peak).round().into()),
        ("goodput_per_s", goodput.round().into()),
        ("goodput_share", row::rounded(goodput / peak)),
        ("ok", count(End::Ok).into()),
        ("late", count(End::Late).into()),
        ("mailbox_full", count(End::MailboxFull).into()),
        ("deadline", count(End::Deadline).into()),
        ("other", other.into()),
        ("lost", lost.into()),
        ("unsent", unsent.into()),
        ("client_behind_ms_p99", row::rounded(behind_ms)),
        ("ms_p99_before", row::rounded(p99_before)),
        ("ms_p99_over", row::rounded(p99_over)),
        ("recovery_s", recovered.map(|took| row::rounded(took.as_secs_f64())).into()),
        ("resident_before", before.into()),
        ("resident_first_half", memory.first_half.into()),
        ("resident_second_half", memory.second_half.into()),
        ("resident_max", memory.max.into()),
    ];
    let bar = "goodput_share >= 0.8, other = lost = unsent = 0, resident_max <= 320 MiB and within 10 % of \
               its first half, recovery_s <= 5";
    row::print(&format!("overload {kind}"), &fields, bar, pass)
}

/// One line about a part of the time, for who wants to know how it went.
fn tell(from: Duration, outcomes: &mut dyn Iterator<Item = &Outcome>) {
    let outcomes: Vec<&Outcome> = outcomes.collect();
    let part = |end| outcomes.iter().copied().filter(move |outcome| outcome.end == end);
    let counts = End::ALL.map(|end| format!("{end:?} {}", part(end).count())).join(", ");
    let [ok, late] = [End::Ok, End::Late].map(|end| p99_ms(took(part(end))));
    eprintln!("{:4.1} s: {counts}; p99 ok {ok:.1} ms, late {late:.1} ms", from.as_secs_f64());
}

fn took<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> impl Iterator<Item = Duration> {
    outcomes.map(|outcome| outcome.took)
}

fn p99_ms(times: impl Iterator<Item = Duration>) -> f64 {
    let mut times: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    quantile(&times, 0.99)
}
