//! The command line as typed.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::bench::BenchArgs;
use crate::demo::DemoArgs;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  nexus demo
      serve a real hour of requests under eight balancing strategies
  nexus demo --trace mine.csv --servers 12
      the same for your own requests and pool
  nexus bench ask
      what an ask costs on this machine
  nexus completions bash > ~/.local/share/bash-completion/completions/nexus
      complete commands with the tab key

Exit codes: 0 done, 1 a check failed, 2 wrong usage or input,
3 the environment refused (no file, no permission, disk full), 130 interrupted.";

/// A runtime for distributed agents.
#[derive(Parser, Debug)]
#[command(name = "nexus", version, after_help = EXAMPLES, styles = STYLES)]
#[command(arg_required_else_help = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that mean the same in every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// How rows are printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, global = true)]
    pub format: OutputFormat,
    /// How much to log, on standard error
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Warn, global = true)]
    pub log: LogLevel,
}

/// How rows are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum OutputFormat {
    /// Tables for people
    Text,
    /// One JSON object a line
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LogLevel {
    /// Nothing
    Off,
    /// What failed
    Error,
    /// What looks wrong
    Warn,
    /// What is done
    Info,
    /// How it is done
    Debug,
    /// Everything
    Trace,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve real requests under each balancing strategy, in virtual time
    Demo(DemoArgs),
    /// Measure what the runtime costs on this machine
    Bench(BenchArgs),
    /// Print a script that completes commands with the tab key
    Completions {
        /// The shell that will read it
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[track_caller]
    fn check_usage_error(line: &str, expected: &str) {
        let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn absurd_numbers_are_usage_errors_that_say_what_to_do() {
        check_usage_error("nexus demo --servers 0", "a pool needs at least 1 server");
        check_usage_error("nexus demo --servers 10001", "give a whole number from 1 to 10000");
        check_usage_error("nexus demo --servers many", "give a whole number from 1 to 10000");
        check_usage_error("nexus demo --servers 99999999999999999999", "from 1 to 10000");
        check_usage_error("nexus demo --seeds 0", "a mean needs at least 1 seed");
        check_usage_error("nexus demo --seeds 1001", "give a whole number from 1 to 1000");
        check_usage_error("nexus demo --objective 0", "give seconds above 0");
        check_usage_error("nexus demo --objective NaN", "give seconds above 0");
        check_usage_error("nexus demo --objective=-1", "give seconds above 0");
        check_usage_error("nexus demo --objective 1e300", "give seconds above 0");
        check_usage_error("nexus demo --strategy fastest", "least-connections");
        check_usage_error("nexus demo --speeds slow", "[possible values: equal, mixed]");
        check_usage_error("nexus demo --servers -3", "give a whole number from 1 to 10000");
        check_usage_error("nexus demo --seed -1", "give a whole number from 0 to 1844");
        check_usage_error("nexus dmo", "'demo'");
    }

    #[test]
    fn an_option_without_effect_is_refused() {
        check_usage_error("nexus bench --seed 7", "unexpected argument '--seed'");
        check_usage_error("nexus bench --trace a.csv", "unexpected argument '--trace'");
    }

    #[test]
    fn help_can_be_asked_for_as_a_command() {
        let help = |line: &str| {
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
            assert_eq!(error.exit_code(), 0);
            error.to_string()
        };
        assert_eq!(help("nexus help"), help("nexus --help"));
        assert_eq!(help("nexus help demo"), help("nexus demo --help"));
        assert!(help("nexus bench --help").contains("spawn named 10M"));
    }
}
