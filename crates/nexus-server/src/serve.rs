//! `nexus serve`: a node with the built-in kinds, reached over HTTP.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use nexus::{Kv, Server, Settings};

use crate::cli::Common;
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  nexus serve
      serve agents of kind kv on http://127.0.0.1:7400, for this machine alone
  nexus serve --listen 127.0.0.1:0
      the same on a free port, which the line on standard output names
  nexus serve --print-config > nexus.toml
      every setting with its meaning, to begin with
  NEXUS_HTTP_REQUESTS_PER_S=100 nexus serve --config nexus.toml
      settings from a file, one of them changed

Each setting can be set in the file, by NEXUS_SECTION_KEY in the environment,
or by --set section.key=value; the later ones win.";

/// What `nexus serve` takes.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Settings, as TOML [default: the file that NEXUS_CONFIG names, if it does]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, over file and environment
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Print all settings with their defaults, and end
    #[arg(long)]
    print_config: bool,
}

impl ServeArgs {
    /// The settings: defaults, file, environment, arguments, the later over the earlier.
    ///
    /// # Errors
    /// [`Failure::Settings`] with all that is wrong.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = match &self.config {
            Some(file) => Settings::load(Some(file), std::env::vars_os())?,
            None => Settings::from_env()?,
        };
        for set in &self.set {
            let (name, value) = set.split_once('=').unwrap_or((set, ""));
            settings.set(name.trim(), value.trim())?;
        }
        if let Some(listen) = self.listen {
            settings.http.listen = listen;
        }
        Ok(settings)
    }
}

/// Runs `nexus serve`.
///
/// # Errors
/// [`Failure::Settings`] for bad settings, [`Failure::Serve`] if the node does
/// not start; nothing was served.
pub fn run<W: Write>(
    args: &ServeArgs,
    common: &Common,
    output: &mut Output<W>,
) -> Result<(), Failure> {
    if args.print_config {
        return output.print(&Settings::commented_default()).map_err(Failure::Output);
    }
    let mut settings = args.settings()?;
    if let Some(level) = common.log {
        settings.log.level = level.into();
    }
    Ok(Server::new().settings(settings).kind::<Kv>().run()?)
}
