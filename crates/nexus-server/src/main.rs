//! The `nexus` command line.
//!
//! A thin edge: it reads arguments and files, hands them to the crates that
//! decide, and prints what comes back. Rows go to standard output; progress,
//! logs and errors go to standard error. Read [`demo`] first.
//!
//! Absent on purpose: decisions. Whatever could be simulated lives elsewhere.
#![forbid(unsafe_code)]

mod bench;
mod certs;
mod cli;
mod completions;
mod demo;
mod failure;
mod interrupt;
mod log;
mod output;
mod report;
mod serve;
mod token;
mod trace;
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
            // Nobody is left to tell if standard error is closed as well.
            let _ = writeln!(stderr(), "error: {}", failure.chain());
            failure.exit().into()
        }
    }
}

fn run(cli: &Cli, output: &mut Output<Stdout>) -> Result<(), Failure> {
    if let Command::Serve(args) = &cli.command {
        let settings = args.settings()?;
        log::start_served(&settings.log, cli.common.log);
        return serve::run(args, settings, output);
    }
    log::start(cli.common.log.unwrap_or(LogLevel::Warn));
    match &cli.command {
        Command::Serve(_) => unreachable!("it has settings of its own, for the log too"),
        Command::Certs(args) => certs::run(args, &cli.common, output),
        Command::Token(args) => token::run(args, &cli.common, output),
        Command::Demo(args) => {
            let interrupt = Interrupt::install().map_err(Failure::Signals)?;
            demo::run(args, &cli.common, demo::simulate::serve, &interrupt, output)
        }
        Command::Bench(args) => bench::run(args, &cli.common, output),
        Command::Completions { shell } => completions::print(*shell, output),
    }
}
