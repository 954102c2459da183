//! The `nexus` command line.
//!
//! A thin edge: it reads arguments and files, hands them to the crates that
//! decide, and prints what comes back. Rows go to standard output; progress,
//! logs and errors go to standard error. Read [`demo`] first.
//!
//! Absent on purpose: decisions. Whatever could be simulated lives elsewhere.
#![forbid(unsafe_code)]

mod agents;
mod bench;
mod certs;
mod cli;
mod client;
mod columns;
mod completions;
mod demo;
mod drain;
mod events;
mod failure;
mod interrupt;
mod layers;
mod listing;
mod log;
mod output;
mod progress;
mod report;
mod serve;
mod sim;
mod status;
mod token;
mod top;
mod trace;
mod why;
mod words;

use std::io::{Stdout, Write, stderr, stdout};
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, LogLevel};
use failure::Failure;
use interrupt::Interrupt;
use output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli, &mut Output::new(stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_wish() {
                // Nobody is left to tell if standard error is closed as well.
                let _ = writeln!(stderr(), "error: {}", failure.chain());
            }
            failure.exit().into()
        }
    }
}

fn run(cli: &Cli, output: &mut Output<Stdout>) -> Result<(), Failure> {
    // A served node has settings of its own, for the log too.
    if !matches!(cli.command, Command::Serve(_)) {
        log::start(cli.common.log.unwrap_or(LogLevel::Warn));
    }
    match &cli.command {
        Command::Serve(args) => serve::run(args, &cli.common, output),
        Command::Certs(args) => certs::run(args, &cli.common, output),
        Command::Token(args) => token::run(args, &cli.common, output),
        Command::Demo(args) => {
            demo::run(args, &cli.common, demo::simulate::serve, &interrupted()?, output)
        }
        Command::Bench(args) => bench::run(args, &cli.common, &interrupted()?, output),
        Command::Sim(args) => sim::run(args, &cli.common, interrupted, output),
        Command::Status(args) => status::run(args, &cli.common, output),
        Command::Agents(args) => agents::run(args, &cli.common, output),
        Command::Why(args) => why::run(args, &cli.common, output),
        Command::Events(args) => events::run(args, &cli.common, output),
        Command::Top(args) => top::run(args, output),
        Command::Drain(args) => drain::run(args, &cli.common, output),
        Command::Completions { shell } => completions::print(*shell, output),
    }
}

/// Signals as a flag, for work that ends well when it is told to.
fn interrupted() -> Result<Interrupt, Failure> {
    Interrupt::install().map_err(Failure::Signals)
}
