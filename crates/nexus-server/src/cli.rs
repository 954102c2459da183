//! The command line as typed.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::agents::AgentsArgs;
use crate::bench::BenchArgs;
use crate::certs::CertsArgs;
use crate::demo::DemoArgs;
use crate::drain::DrainArgs;
use crate::events::EventsArgs;
use crate::serve::ServeArgs;
use crate::sim::SimArgs;
use crate::status::StatusArgs;
use crate::token::TokenArgs;
use crate::top::TopArgs;
use crate::why::WhyArgs;

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
  nexus status
      how the node on this machine is doing; nexus top shows it as it changes
  nexus agents ask kv/42 get '{\"key\":\"a\"}'
      send an agent of a running node a request
  nexus completions bash > ~/.local/share/bash-completion/completions/nexus
      complete commands with the tab key

Exit codes: 0 done, 1 a check failed, a node refused or a drain cut work short, 2 wrong usage or input,
3 the environment refused (no file, no permission, disk full, no node), 130 interrupted.";

/// A runtime for agents: small stateful programs, millions to a node.
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
    /// Where chance begins: equal seeds give equal results, byte for byte; for
    /// commands that simulate
    #[arg(long, value_name = "N", default_value_t = 1, global = true)]
    #[arg(value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// How much to log, on standard error [default: warn]
    #[arg(long, value_name = "LEVEL", value_enum, global = true)]
    pub log: Option<LogLevel>,
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("give a whole number from 0 to {}", u64::MAX))
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
    /// Attack simulated clusters, and check what clusters did
    Sim(SimArgs),
    /// Serve agents of the built-in kinds over HTTP
    Serve(ServeArgs),
    /// Make certificates for a server that others can reach
    Certs(CertsArgs),
    /// Make tokens for those who may reach a server
    Token(TokenArgs),
    /// Show a node at a glance: memory, load, kinds of agents, slowest requests
    Status(StatusArgs),
    /// List, look at, ask and end the agents of a node
    Agents(AgentsArgs),
    /// Show what an agent does, waits for, and went through
    Why(WhyArgs),
    /// Show what happened at a node, and follow what happens
    Events(EventsArgs),
    /// Watch a node: kinds of agents, rates, latencies, slowest requests, events
    Top(TopArgs),
    /// End a node as soon as its work is done
    Drain(DrainArgs),
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

    #[test]
    fn the_help_promises_what_the_readme_does() {
        let readme = include_str!("../../../README.md").to_lowercase();
        let about = Cli::command().get_about().expect("it says what it is").to_string();
        let (_, what) = about.split_once(": ").expect("a name, and what it is");
        assert!(readme.contains(what), "{about}");
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
    fn what_a_node_could_not_understand_is_not_sent() {
        check_usage_error("nexus agents get kv", "give a kind and a key with a slash between them");
        check_usage_error(
            "nexus agents get kv/",
            "give a kind and a key with a slash between them",
        );
        check_usage_error("nexus why /42", "give a kind and a key with a slash between them");
        check_usage_error("nexus events --agent kv", "give a kind and a key");
        check_usage_error(
            "nexus agents level kv/1 best",
            "reactive, proactive, adaptive, emergent",
        );
        check_usage_error("nexus agents ask kv/1", "<NAME>");
        check_usage_error(
            "nexus agents ask kv/1 a {} --type get",
            "query, update, action, message",
        );
        check_usage_error(
            "nexus agents ask kv/1 a {} --routing x",
            "basic, optimized, adaptive, swarm",
        );
        check_usage_error("nexus agents ask kv/1 a {} --deadline-ms 0", "from 1 to 3600000");
        check_usage_error("nexus agents ask kv/1 a {} --deadline-ms -1", "from 1 to 3600000");
        check_usage_error("nexus agents ask kv/1 a {} --idempotency-key \u{e9}", "without spaces");
        check_usage_error("nexus agents ls --limit 0", "from 1 to 100000000, or --all");
        check_usage_error("nexus agents ls --limit 5 --all", "cannot be used with");
        check_usage_error("nexus events --follow --limit 5", "cannot be used with");
        check_usage_error("nexus status --timeout 0", "give seconds above 0");
        check_usage_error("nexus status --timeout -1", "give seconds above 0");
        check_usage_error("nexus status --client-cert a.pem", "--client-key");
        check_usage_error("nexus status --token a --token-file b", "cannot be used with");
    }

    #[test]
    fn options_of_the_node_stand_anywhere() {
        for line in [
            "nexus agents --url http://a ls --timeout 2",
            "nexus agents ls --url http://a --timeout 2 --format json",
            "nexus agents tell kv/a/b put {} --type message --token x --ca a.pem",
            "nexus why kv/42 --token-file x",
            "nexus drain",
            "nexus drain n1 --url https://n1",
            "nexus events --follow --name agent.crashed --agent kv/1 --after 7",
            "nexus top --url http://a",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_token_is_in_no_message() {
        for line in
            ["nexus status --token secret --timeout x", "nexus status --token secret --token a"]
        {
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let cli =
            Cli::try_parse_from(["nexus", "status", "--token", "secret"]).expect("well formed");
        assert!(!format!("{cli:?}").contains("secret"));
    }

    #[test]
    fn help_teaches_each_command_with_examples() {
        for line in [
            "status",
            "why",
            "events",
            "top",
            "drain",
            "agents",
            "agents ls",
            "agents get",
            "agents tell",
            "agents ask",
            "agents create",
            "agents stop",
            "agents level",
        ] {
            let words = std::iter::once("nexus").chain(line.split(' ')).chain(["--help"]);
            let help = Cli::try_parse_from(words).expect_err(line).to_string();
            let example = format!("Examples:\n  nexus {line}");
            assert!(help.contains(&example), "no {example:?} in\n{help}");
            assert!(help.contains("--url <URL>"), "{help}");
        }
    }

    #[test]
    fn an_option_without_effect_is_refused() {
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
