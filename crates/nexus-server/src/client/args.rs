//! Options of every command that talks to a node.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::base::URL_DEFAULT;
use super::token::Token;

/// How long an answer is waited for unless told otherwise. A guess: six times
/// what a node gives a request unless told otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// What is waited for beyond a request's own deadline, so that the node can say
/// that it has passed. A guess: slow networks answer within a second.
const TIMEOUT_MARGIN: Duration = Duration::from_secs(5);
/// Seconds that can be waited for: a day, beyond any request we know.
const TIMEOUT_SECONDS_MAX: f64 = 86_400.0;
/// The shortest wait. Less would round to no time at all.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// Which node to talk to, and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Node options")]
pub struct NodeArgs {
    /// Where the node answers
    #[arg(long, value_name = "URL", env = "NEXUS_URL", default_value = URL_DEFAULT)]
    #[arg(global = true, hide_env_values = true)]
    pub url: String,
    /// Who you are; better in NEXUS_TOKEN or a file, as others here can see your options
    #[arg(long, value_name = "TOKEN", global = true)]
    pub token: Option<Token>,
    /// A file with the token in it
    #[arg(long, value_name = "FILE", conflicts_with = "token", global = true)]
    pub token_file: Option<PathBuf>,
    /// The authority that signed the node's certificate, PEM [default: those of this system]
    #[arg(long, value_name = "FILE", global = true)]
    pub ca: Option<PathBuf>,
    /// Your certificate, PEM, if the node wants one
    #[arg(long, value_name = "FILE", requires = "client_key", global = true)]
    pub client_cert: Option<PathBuf>,
    /// The key of your certificate, PEM
    #[arg(long, value_name = "FILE", requires = "client_cert", global = true)]
    pub client_key: Option<PathBuf>,
    /// Seconds to wait for an answer [default: 30, or 5 more than the request's deadline]
    #[arg(long, value_name = "SECONDS", value_parser = timeout)]
    #[arg(allow_negative_numbers = true, global = true)]
    pub timeout: Option<Duration>,
}

impl NodeArgs {
    /// How long to wait for an answer to a request with this deadline of its own.
    pub fn wait(&self, deadline: Option<Duration>) -> Duration {
        let patient = deadline.map_or(Duration::ZERO, |deadline| deadline + TIMEOUT_MARGIN);
        self.timeout.unwrap_or(TIMEOUT_DEFAULT.max(patient))
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= TIMEOUT_SECONDS_MAX => {
            Ok(Duration::from_secs_f64(seconds).max(TIMEOUT_MIN))
        }
        _ => Err(format!("give seconds above 0, at most {TIMEOUT_SECONDS_MAX}")),
    }
}
