//! `nexus completions`: scripts that complete commands with the tab key.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output::Output;

/// Prints the script for `shell`.
///
/// # Errors
/// [`Failure::Output`] if standard output cannot be written.
pub fn print(shell: Shell, output: &mut Output<impl Write>) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nexus", &mut script);
    output.print(&String::from_utf8_lossy(&script)).map_err(Failure::Output)
}
