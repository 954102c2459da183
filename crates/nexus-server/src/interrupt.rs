//! SIGINT and SIGTERM: a flag where long work looks at one, the end elsewhere.
//!
//! Reading from a pipe that nobody writes to cannot look at a flag; a signal
//! that only raised one would seem to do nothing.

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::Exit;

/// Whether the user asked to stop. A signal ends the process at once, with the
/// exit code of an interruption, unless it is the first one under an [`Attention`].
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    unattended: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on.
    ///
    /// # Errors
    /// What the system says if it refuses the handler.
    pub fn install() -> io::Result<Interrupt> {
        Interrupt::install_for(&[SIGINT, SIGTERM])
    }

    /// Listens from now on, to the end of the terminal as well: for what has to
    /// give it back. Elsewhere `nohup` may have asked to let that signal pass.
    ///
    /// # Errors
    /// As [`Self::install`].
    pub fn install_on_terminal() -> io::Result<Interrupt> {
        Interrupt::install_for(&[SIGINT, SIGTERM, SIGHUP])
    }

    fn install_for(signals: &[c_int]) -> io::Result<Interrupt> {
        let interrupt = Interrupt::default();
        interrupt.unattended.store(true, Ordering::SeqCst);
        for &signal in signals {
            // In this order: the first signal finds the flag down and raises
            // it, the second finds it up.
            let code = Exit::Interrupted.code().into();
            flag::register_conditional_shutdown(signal, code, interrupt.unattended.clone())?;
            flag::register_conditional_shutdown(signal, code, interrupt.asked.clone())?;
            flag::register(signal, interrupt.asked.clone())?;
        }
        Ok(interrupt)
    }

    /// Promises to look at [`Interrupt::is_asked`] for as long as the answer lives.
    pub fn attend(&self) -> Attention<'_> {
        self.unattended.store(false, Ordering::SeqCst);
        Attention(self)
    }

    /// Whether a signal has arrived.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Does what a signal would do.
    #[cfg(test)]
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }
}

/// Somebody looks at the flag.
pub struct Attention<'a>(&'a Interrupt);

impl Drop for Attention<'_> {
    fn drop(&mut self) {
        self.0.unattended.store(true, Ordering::SeqCst);
    }
}
