//! Which addresses may be listened on without keys.
//!
//! On this machine alone a node is open, so that trying it takes one command.
//! Whoever can be reached from elsewhere needs encryption and tokens: a node
//! that runs agents for anyone who finds its port is not something to be
//! switched on by changing an address.

use std::net::SocketAddr;

use super::table::Settings;

/// Why a node with these settings must not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExposureError {
    /// Other machines can reach the address, and nothing keeps them out.
    #[error(
        "{listen} can be reached from other machines, and {}; nothing was started{}",
        missing(*tls, *tokens),
        remedy(*tls, *tokens)
    )]
    Open {
        /// The address.
        listen: SocketAddr,
        /// Whether there is a certificate and its key.
        tls: bool,
        /// Whether there is a file of tokens.
        tokens: bool,
    },
    /// Of settings that belong together, one is missing.
    #[error(
        "[tls] {given} is set and {missing} is not; nothing was started; set both, \
         or neither for a connection without encryption"
    )]
    Half {
        /// The key that is set.
        given: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
}

fn missing(tls: bool, tokens: bool) -> &'static str {
    match (tls, tokens) {
        (false, false) => "[tls] cert and key and [auth] tokens are not set",
        (false, true) => "[tls] cert and key are not set",
        (true, _) => "[auth] tokens is not set",
    }
}

fn remedy(tls: bool, tokens: bool) -> String {
    let certs = "\n  to encrypt: nexus certs HOST --dir certs; then set \
                 NEXUS_TLS_CERT=certs/server.pem NEXUS_TLS_KEY=certs/server.key";
    let token = "\n  to say who may come in: nexus token create --role admin --name NAME --file tokens; \
                 then set NEXUS_AUTH_TOKENS=tokens";
    let local = "\n  to stay on this machine: listen on 127.0.0.1";
    [if tls { "" } else { certs }, if tokens { "" } else { token }, local].concat()
}

impl Settings {
    /// Whether a node may listen where these settings say. Ask once all of them
    /// are known, arguments of the command included.
    ///
    /// # Errors
    /// [`ExposureError`] if the address is not loopback and `[tls]` or `[auth]`
    /// is missing, or if `[tls]` is half there. It says how to make what is missing.
    pub fn validate_exposure(&self) -> Result<(), ExposureError> {
        self.tls.half()?;
        let listen = self.http.listen;
        let (tls, tokens) = (self.tls.cert.is_some(), self.auth.tokens.is_some());
        // `::ffff:127.0.0.1` is loopback too.
        if listen.ip().to_canonical().is_loopback() || (tls && tokens) {
            return Ok(());
        }
        Err(ExposureError::Open { listen, tls, tokens })
    }
}

impl super::TlsSettings {
    /// Whether one is missing of settings that belong together.
    pub(crate) fn half(&self) -> Result<(), ExposureError> {
        let (given, missing) = match (&self.cert, &self.key, &self.client_ca) {
            (Some(_), None, _) => ("cert", "key"),
            (None, Some(_), _) => ("key", "cert"),
            (None, None, Some(_)) => ("client_ca", "cert"),
            _ => return Ok(()),
        };
        Err(ExposureError::Half { given, missing })
    }
}
