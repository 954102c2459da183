//! `nexus top`: a node as a picture that moves.
//!
//! [`model`] decides: it takes keys, answers and the time, and says what to ask
//! for next; it knows neither terminal nor network. [`draw`] paints a model.
//! This file and [`poller`] and [`screen`] do the rest.

mod draw;
mod key;
mod model;
mod poll;
mod poller;
mod screen;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use clap::Args;

use crate::client::{Client, ClientError, NodeArgs, Path};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use draw::Theme;
use model::{Effect, Model};
use poller::Poller;
use screen::Screen;

/// How long a key is waited for before answers and signals are looked at again.
/// Short enough to feel immediate, long enough to cost nothing.
const TICK: Duration = Duration::from_millis(50);

const EXAMPLES: &str = "\
Examples:
  nexus top
  nexus top --url https://n1.example:7400 --ca ca.pem --token-file viewer.token

Keys:
  up, down     move the cursor          Enter  open a kind, then an agent
  s            sort by the next column  Esc    go back
  r            turn the order round     ?      help
  /            show only names with…    q      quit
  left, right  turn the page of a listing

Figures are polled every second; rates are taken between two polls. A node that cannot be
reached is shown as such, and again when it is back. For scripts: nexus status --format json";

/// Watch a node: kinds of agents, rates, latencies, slowest requests, events
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TopArgs {
    /// Which node.
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs `nexus top` until the user quits.
///
/// # Errors
/// [`Failure::NotTerminal`] where there is nothing to paint on;
/// [`Failure::Client`] if the node refuses at the start; [`Failure::Terminal`]
/// if the terminal fails; [`Failure::Interrupted`] on a signal.
pub fn run(args: &TopArgs, _: &mut Output<impl Write>) -> Result<(), Failure> {
    if !stdout().is_terminal() {
        return Err(Failure::NotTerminal);
    }
    let client = Client::new(&args.node)?;
    // A wrong token stays wrong: better said now than in the picture. A node
    // that is not there may yet come.
    match client.get(&Path::new("/v1/status")) {
        Err(error @ ClientError::Refused(_)) if !error.may_pass() => return Err(error.into()),
        _ => {}
    }
    let interrupt = Interrupt::install_on_terminal().map_err(Failure::Signals)?;
    let mut model = Model::new(client.url());
    let poller = Poller::start(client).map_err(Failure::Terminal)?;
    // Before the terminal is taken: a signal must not end the process without
    // giving it back.
    let _attention = interrupt.attend();
    let mut screen = Screen::open().map_err(Failure::Terminal)?;
    watch(&mut model, &poller, &mut screen, &interrupt)
}

fn watch(
    model: &mut Model,
    poller: &Poller,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let theme = Theme::of_environment();
    #[allow(clippy::disallowed_methods, reason = "the one clock of this command")]
    let begin = Instant::now();
    loop {
        let now = begin.elapsed();
        while let Some(answer) = poller.answer() {
            model.handle_answer(now, answer);
        }
        model.handle_timeout(now);
        while let Some(effect) = model.poll_effect() {
            match effect {
                Effect::Ask(poll) => poller.ask(poll),
                Effect::Quit => return Ok(()),
            }
        }
        if interrupt.is_asked() {
            return Err(Failure::Interrupted);
        }
        screen.paint(|frame| draw::paint(frame, model, theme)).map_err(Failure::Terminal)?;
        let until_due = model.next_timeout().map_or(TICK, |due| due.saturating_sub(now));
        if let Some(key) = screen.key(until_due.min(TICK)).map_err(Failure::Terminal)? {
            model.handle_key(begin.elapsed(), key);
        }
    }
}
