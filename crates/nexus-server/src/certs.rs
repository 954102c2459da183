//! `nexus certs`: an authority of one's own, and what it vouches for.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::output::Output;

/// What `nexus certs` takes.
#[derive(Args, Debug)]
pub struct CertsArgs {
    /// Names and addresses by which clients reach the server
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// The folder for the files; nothing in it is overwritten
    #[arg(long, value_name = "DIR", default_value = "certs")]
    dir: PathBuf,
    /// Days for which they are good
    #[arg(long, value_name = "N", default_value_t = 365)]
    days: u32,
}

/// Runs `nexus certs`.
///
/// # Errors
/// [`Failure::Certs`]; nothing that was there is changed.
pub fn run<W: Write>(
    args: &CertsArgs,
    common: &Common,
    output: &mut Output<W>,
) -> Result<(), Failure> {
    let made = nexus::make_certs(&args.dir, &args.names, args.days, unix_s())?;
    let text = match common.format {
        OutputFormat::Json => {
            let json = serde_json::json!({
                "ca": made.ca, "server": made.server, "server_key": made.server_key,
                "client": made.client, "client_key": made.client_key,
            });
            format!("{json}\n")
        }
        OutputFormat::Text => format!(
            "made for {}\n\n[tls]\ncert = {:?}\nkey = {:?}\n# To let in only clients with a \
             certificate:\n# client_ca = {:?}\n\nclients: --ca {}\n",
            args.names.join(", "),
            made.server,
            made.server_key,
            made.ca,
            made.ca.display(),
        ),
    };
    output.print(&text).map_err(Failure::Output)
}

#[allow(clippy::disallowed_methods, reason = "the edge is where clocks are read")]
fn unix_s() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
