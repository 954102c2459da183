//! New tokens.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

use super::entry::{is_name, parse_expiry};
use super::{CreateTokenError, Role, hash};

/// What a token begins with, so that those who search for lost secrets know it
/// when they see one.
const PREFIX: &str = "nxs_";

/// Random bytes in a token: as many as its hash has.
const SECRET_BYTES: usize = 32;

/// A token as a client shows it. Whoever has it is let in; it is not kept
/// anywhere, and shows itself only through [`Self::expose`].
#[derive(Clone)]
pub struct Secret(String);

/// A token that was just made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewToken {
    /// For its holder. It cannot be had again.
    pub secret: Secret,
    /// For the file of tokens, without the end of the line. No secret.
    pub line: String,
    /// From when on it is no longer good, in Unix seconds; `None`: it always is.
    pub expires_unix: Option<u64>,
}

impl Secret {
    /// The token itself, to be handed to its holder.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

pub(super) fn random_bytes() -> Result<[u8; SECRET_BYTES], CreateTokenError> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| CreateTokenError::NoChance)?;
    Ok(bytes)
}

impl NewToken {
    pub(super) fn from_bytes(
        bytes: [u8; SECRET_BYTES],
        role: Role,
        name: &str,
        expires: Option<&str>,
    ) -> Result<NewToken, CreateTokenError> {
        if !is_name(name) {
            return Err(CreateTokenError::Name(name.to_owned()));
        }
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let hex: String = hash(&secret).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut line = format!("{role} {hex} {name}");
        let mut expires_unix = None;
        if let Some(expires) = expires {
            let bad = || CreateTokenError::Expiry(expires.to_owned());
            expires_unix = Some(parse_expiry(expires).ok_or_else(bad)?);
            line.push_str(&format!(" expires={expires}"));
        }
        Ok(NewToken { secret: Secret(secret), line, expires_unix })
    }

    /// Puts the line at the end of a file of tokens, which is made if there is
    /// none, for its owner alone.
    ///
    /// # Errors
    /// [`CreateTokenError::Write`]; the line may be there in part if the disk is full.
    pub fn append_to(&self, path: &Path) -> Result<(), CreateTokenError> {
        append(path, &self.line)
            .map_err(|source| CreateTokenError::Write { path: path.to_owned(), source })
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // In one piece, so that two who append at once do not mix.
    let text = if ends_a_line(&mut file)? { format!("{line}\n") } else { format!("\n{line}\n") };
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Whether what is appended begins a line: an editor may have left the last one open.
fn ends_a_line(file: &mut std::fs::File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}
