//! What a served node is told before it starts: a file, then the environment.
//!
//! All of it is in one table, [`table`]: section, key, type, default, range and
//! meaning. From it come the types here, the reading, the checks, the text of
//! `nexus serve --print-config` and the tables of `docs/configuration.md`, so
//! that none can say something else than the others.
//!
//! The file is TOML, read with `toml` into a tree that knows where each key and
//! value stands. Deserialising with `serde` would be shorter, but ends at the
//! first fault and names only a position; here every fault is found at once,
//! each with its line, what was there, and what would do. A node whose operator
//! needs five starts to find five typing errors is a node that is not running.
//!
//! Absent on purpose: reading the process's environment anywhere but in
//! [`Settings::from_env`] (it is an argument elsewhere), several files, including one file from another, reading again while running.

mod document;
mod environment;
mod error;
mod exposure;
mod field;
mod file;
mod nearest;
mod rule;
mod table;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Path;

pub use error::{Fault, Place, Problem, SettingsError};
pub use exposure::ExposureError;
pub use field::{LogFormat, Spread};
pub use file::SETTINGS_BYTES_MAX;
pub use table::{
    AuthSettings, EventsSettings, HttpSettings, IdempotencySettings, LevelsSettings,
    LocalitySettings, LogSettings, NodeSettings, Settings, TlsSettings, TraceSettings,
};

use error::Problems;
pub(crate) use nearest::nearest;

/// The variable that names the file of settings, where nothing else does.
const CONFIG_VARIABLE: &str = "NEXUS_CONFIG";

impl Settings {
    /// Settings from a file, if one is named, changed by what the environment says.
    ///
    /// `env` takes what [`std::env::vars_os`] gives; pairs of strings do too. Of
    /// it, `NEXUS_SECTION_KEY` counts where `SECTION` is a section; any other
    /// name is somebody else's and is left alone.
    ///
    /// ```
    /// let settings = nexus::Settings::load(None, [("NEXUS_HTTP_LISTEN", "127.0.0.1:0")])?;
    /// assert_eq!(settings.http.listen.port(), 0);
    /// # Ok::<(), nexus::SettingsError>(())
    /// ```
    ///
    /// # Errors
    /// [`SettingsError`] with every problem there is, in the file and in the
    /// environment.
    pub fn load<K: Into<OsString>, V: Into<OsString>>(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Settings, SettingsError> {
        let (mut settings, mut problems) = (Settings::default(), Problems::default());
        if let Some(path) = file {
            file::apply(path, &mut settings, &mut problems);
        }
        environment::apply(env, &mut settings, &mut problems);
        problems.into_result().map(|()| settings)
    }

    /// Settings from the process's environment: from the file that
    /// `NEXUS_CONFIG` names, if it does, changed by the variables of [`Self::load`].
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_env() -> Result<Settings, SettingsError> {
        let file = std::env::var_os(CONFIG_VARIABLE).filter(|name| !name.is_empty());
        Settings::load(file.as_deref().map(Path::new), std::env::vars_os())
    }

    /// Changes one setting by its name, as `http.listen`, to a value written as
    /// in the environment. For arguments of a command, so that they are held
    /// to the same rules and get the same errors.
    ///
    /// # Errors
    /// [`SettingsError`] with one problem; nothing is changed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingsError> {
        let mut problems = Problems::default();
        let place = Place::Argument { name: name.to_owned() };
        let (section, key) = name.split_once('.').unwrap_or((name, ""));
        match table::find(section, key) {
            Ok(setting) => {
                problems.note(place, setting.set_text(self, value));
            }
            Err(fault) => problems.push(Problem { place, fault }),
        }
        problems.into_result()
    }

    /// A file with every setting at its default, each commented out and
    /// explained. As it stands it changes nothing; it is a place to begin.
    pub fn commented_default() -> String {
        document::commented_default()
    }
}
