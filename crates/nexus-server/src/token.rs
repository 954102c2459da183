//! `nexus token`: makes tokens for those who may reach a node.

use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand, ValueEnum};
use nexus::{CreateTokenError, Role, Tokens};

use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::output::Output;

/// What `nexus token` takes.
#[derive(Args, Debug)]
pub struct TokenArgs {
    #[command(subcommand)]
    what: TokenCommand,
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    /// Make a token: adds its hash to a file and shows the secret once
    Create {
        /// What its holder may do
        #[arg(long, value_enum)]
        role: RoleName,
        /// What to call it, in logs
        #[arg(long)]
        name: String,
        /// The file that `auth.tokens` names; made if it is not there
        #[arg(long, value_name = "FILE", default_value = "tokens")]
        file: PathBuf,
        /// The last day on which it is good, such as 2027-06-30
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// Look at everything
    Viewer,
    /// Also create, ask, set and stop agents
    Operator,
    /// Everything
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Role {
        match name {
            RoleName::Viewer => Role::Viewer,
            RoleName::Operator => Role::Operator,
            RoleName::Admin => Role::Admin,
        }
    }
}

/// Runs `nexus token`.
///
/// # Errors
/// [`Failure::Token`]; no token was made.
pub fn run<W: Write>(
    args: &TokenArgs,
    common: &Common,
    output: &mut Output<W>,
) -> Result<(), Failure> {
    let TokenCommand::Create { role, name, file, expires } = &args.what;
    let token = Tokens::create((*role).into(), name, expires.as_deref())?;
    if token.expires_unix.is_some_and(|expires| expires <= now_unix()) {
        return Err(CreateTokenError::Expired(expires.clone().unwrap_or_default()).into());
    }
    token.append_to(file)?;
    let secret = token.secret.expose();
    let text = match common.format {
        OutputFormat::Text => format!("{secret}\n"),
        OutputFormat::Json => {
            let json = serde_json::json!({"token": secret, "name": name, "file": file});
            format!("{json}\n")
        }
    };
    output.print(&text).map_err(Failure::Output)
}

#[allow(clippy::disallowed_methods, reason = "a token is of the real time")]
fn now_unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
