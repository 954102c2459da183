//! The `nexus` command line.
//!
//! A thin edge: it reads arguments and files, hands them to the crates that
//! decide, and prints what comes back. Rows go to standard output; progress,
//! logs and errors go to standard error. Read [`demo`] first.
//!
//! Absent on purpose: decisions. Whatever could be simulated lives elsewhere.
#![forbid(unsafe_code)]

mod bench;
mod cli;
mod completions;
mod demo;
mod failure;
mod interrupt;
mod log;
mod output;
mod report;
mod trace;
mod words;

use std::io::{Stdout, Write, stderr, stdout};
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use failure::Failure;
use interrupt::Interrupt;
use output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.common.log);
    match run(&cli, &mut Output::new(stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell if standard error is closed as well.
            let _ = writeln!(stderr(), "error: {}", failure.chain());
            failure.exit().into()
        }
    }
}

fn run(cli: &Cli, output: &mut Output<Stdout>) -> Result<(), Failure> {
    let interrupt = Interrupt::install().map_err(Failure::Signals)?;
    match &cli.command {
        Command::Demo(args) => {
            demo::run(args, &cli.common, demo::simulate::serve, &interrupt, output)
        }
        Command::Bench(args) => bench::run(args, &cli.common, &interrupt, output),
        Command::Completions { shell } => completions::print(*shell, output),
    }
}
