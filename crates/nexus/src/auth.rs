//! Who asks, and what they may do: bearer tokens with roles, from a file.
//!
//! The file holds no secret. For each token it has the SHA-256 of the secret,
//! so that a copy of the file, a backup or a screen share opens nothing. A slow
//! hash, as for passwords, would buy nothing here: secrets are 32 random bytes,
//! which nobody guesses, and a check is made for every request.
//!
//! One line a token: `ROLE SHA256 NAME [expires=DATE]`. What follows a `#` is a
//! comment.
//!
//! ```text
//! # role    SHA-256 of the token, in hex                                      name     until
//! operator  9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  deploys  expires=2027-01-31
//! ```
//!
//! **Permissions.** Whoever can write the file can let themselves in, so a file
//! that others than its owner can write is refused. One that they can read is
//! only warned about: it tells names and roles, and some systems hand out
//! mounted files no other way.
//!
//! Absent on purpose: passwords, sessions, accounts, rights finer than a role.

mod entry;
mod error;
mod role;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

pub use error::{CreateTokenError, LineFault, TokensError};
pub use role::{ParseRoleError, Role};
pub use secret::{NewToken, Secret};

use crate::bounded_file::{self, ReadError};
use entry::Entry;

/// Bytes of a file of tokens, at most: [`TOKENS_MAX`] lines of a usual length.
pub const TOKENS_BYTES_MAX: usize = 1 << 20;

/// Tokens in one file, at most. A guess: each person and each program has one.
pub const TOKENS_MAX: usize = 10_000;

/// Bytes of a token that a client may show. Ours have 47; longer ones than this
/// are refused without being looked at.
pub const TOKEN_BYTES_MAX: usize = 512;

/// Seconds between two looks at whether the file has changed: how long a token
/// that was taken out may still be good. A guess at what nobody notices.
pub const TOKENS_RELOAD_S: u64 = 5;

/// Wrong lines that an error tells one by one. A guess: nobody reads more at once.
const FAULTS_MAX: usize = 20;

/// The bits of a mode with which others than the owner can write.
const WRITE_BITS: u32 = 0o022;

type Hash = [u8; SHA256_OUTPUT_LEN];

/// Tokens from a file; shared by all who check.
pub struct Tokens {
    path: PathBuf,
    table: RwLock<Table>,
    /// When to look next at whether the file has changed, in Unix seconds.
    look_at: AtomicU64,
}

/// Who showed a token.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Identity {
    /// The name of the token.
    pub name: Arc<str>,
    /// What its holder may do.
    pub role: Role,
}

/// One reading of the file.
struct Table {
    entries: BTreeMap<Hash, Entry>,
    mark: Mark,
    warnings: Vec<String>,
}

/// What changes with a file when somebody changes it.
#[derive(Clone, PartialEq, Eq)]
struct Mark {
    bytes: u64,
    modified: Option<std::time::SystemTime>,
    /// The file itself, which is another one if it was replaced.
    place: (u64, u64),
    /// When anything of it changed last. A file that was refused for its mode is
    /// right after a `chmod`, which changes nothing of the above.
    changed: (i64, i64),
    /// What others may do with it: that clock ticks some hundred times a second.
    mode: u32,
}

impl Tokens {
    /// Reads a file of tokens.
    ///
    /// # Errors
    /// [`TokensError`]: the file cannot be read, is not safe, or has wrong lines,
    /// each with its number.
    pub fn load(path: &Path) -> Result<Tokens, TokensError> {
        let table = RwLock::new(Table::read(path)?);
        Ok(Tokens { path: path.to_owned(), table, look_at: AtomicU64::new(0) })
    }

    /// Who holds this token, if it is one of the file and has not expired at
    /// `now_unix`, in Unix seconds.
    pub fn check(&self, bearer: &str, now_unix: u64) -> Option<Identity> {
        if bearer.is_empty() || bearer.len() > TOKEN_BYTES_MAX {
            return None;
        }
        // How long the search takes tells something of the hashes in the file,
        // from which nobody finds a token; so it need not take equally long.
        let hash = hash(bearer);
        let table = self.table();
        let entry = table.entries.get(&hash)?;
        let expired = entry.expires_unix.is_some_and(|expires| expires <= now_unix);
        (!expired).then(|| Identity { name: entry.name.clone(), role: entry.role })
    }

    /// Makes a token: a secret to be shown once, and the line for the file.
    ///
    /// `expires` is a date, to the end of that day in UTC, or a date and time as
    /// in RFC 3339.
    ///
    /// # Errors
    /// [`CreateTokenError`]; nothing was made.
    pub fn create(
        role: Role,
        name: &str,
        expires: Option<&str>,
    ) -> Result<NewToken, CreateTokenError> {
        NewToken::from_bytes(secret::random_bytes()?, role, name, expires)
    }

    /// Reads the file again if it has changed since. Costs an atomic load until
    /// [`TOKENS_RELOAD_S`] have passed since the last look, and then one look
    /// at the file, by whichever caller comes first.
    ///
    /// # Errors
    /// As [`Self::load`]. The tokens stay as they were; the error comes once for
    /// each change of the file.
    pub fn reload_if_changed(&self, now_unix: u64) -> Result<bool, TokensError> {
        let look_at = self.look_at.load(Ordering::Relaxed);
        let next = now_unix.saturating_add(TOKENS_RELOAD_S);
        // A clock that was set back must not keep us from looking.
        let early = now_unix < look_at && look_at <= next;
        let mine = || {
            let order = Ordering::Relaxed;
            self.look_at.compare_exchange(look_at, next, order, order).is_ok()
        };
        if early || !mine() {
            return Ok(false);
        }
        let metadata = std::fs::metadata(&self.path);
        let mark = metadata.map(|metadata| Mark::of(&metadata)).unwrap_or_else(|_| Mark::missing());
        if mark == self.table().mark {
            return Ok(false);
        }
        let read = Table::read(&self.path);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(read) => *table = read,
            Err(error) => {
                table.mark = mark;
                return Err(error);
            }
        }
        Ok(true)
    }

    /// How many there are, expired ones included.
    pub fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// Whether there is none, so that nobody can come in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is not as it should be with the file, though it was taken.
    pub fn warnings(&self) -> Vec<String> {
        self.table().warnings.clone()
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        // A table is replaced whole, so it is whole even if somebody panicked.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({} from {})", self.len(), self.path.display())
    }
}

impl Table {
    fn read(path: &Path) -> Result<Table, TokensError> {
        let unread = |why| TokensError::Read { path: path.to_owned(), why };
        let contents = bounded_file::read(path, TOKENS_BYTES_MAX).map_err(unread)?;
        let others = bounded_file::mode_of_others(&contents.metadata);
        if others & WRITE_BITS != 0 {
            return Err(TokensError::Writable { path: path.to_owned() });
        }
        let wrong = |(faults, more)| TokensError::Lines { path: path.to_owned(), faults, more };
        let entries = parse(&contents.bytes).map_err(wrong)?;
        let mut warnings = Vec::new();
        if others != 0 {
            let path = path.display();
            warnings.push(format!(
                "{path} can be read by others; let only its owner: chmod 600 {path}"
            ));
        }
        if entries.is_empty() {
            warnings.push(format!(
                "{} has no token, so nobody can come in; make one: nexus token create",
                path.display()
            ));
        }
        Ok(Table { entries, mark: Mark::of(&contents.metadata), warnings })
    }
}

/// The tokens of a file, or what is wrong with its first wrong lines, and how
/// many more are wrong.
fn parse(bytes: &[u8]) -> Result<BTreeMap<Hash, Entry>, (Vec<LineFault>, usize)> {
    let mut entries = BTreeMap::new();
    let mut lines = BTreeMap::new();
    let (mut faults, mut more) = (Vec::new(), 0);
    for (line, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let what = match entry::parse(bytes) {
            Ok(None) => continue,
            Ok(Some((hash, entry))) => match lines.insert(hash, line) {
                Some(first) => format!("this is the token of line {first} again"),
                None if entries.len() == TOKENS_MAX => {
                    format!("there are more than {TOKENS_MAX} tokens")
                }
                None => {
                    entries.insert(hash, entry);
                    continue;
                }
            },
            Err(what) => what.to_owned(),
        };
        if faults.len() < FAULTS_MAX {
            faults.push(LineFault { line, what });
        } else {
            more += 1;
        }
    }
    if faults.is_empty() { Ok(entries) } else { Err((faults, more)) }
}

fn hash(secret: &str) -> Hash {
    let digest = digest(&SHA256, secret.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has that length")
}

impl Mark {
    fn of(metadata: &Metadata) -> Mark {
        #[cfg(unix)]
        let (place, changed) = {
            use std::os::unix::fs::MetadataExt;
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            ((metadata.dev(), metadata.ino()), changed)
        };
        #[cfg(not(unix))]
        let (place, changed) = ((0, 0), (0, 0));
        Mark {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            place,
            changed,
            mode: bounded_file::mode_of_others(metadata),
        }
    }

    fn missing() -> Mark {
        Mark { bytes: 0, modified: None, place: (0, 0), changed: (0, 0), mode: 0 }
    }
}
