//! Why a request to a node came to nothing.

use super::base::BadUrl;
use super::fault::Fault;
use super::tls::TlsError;
use super::token::TokenError;
use super::{ANSWER_BYTES_MAX, Changed, Refusal};
use crate::failure::Exit;

/// Why there is no answer to work with. Each text says what happened, whether
/// anything was changed, and what to do; none holds a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL is not that of a node.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// The token cannot be sent.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A certificate or a key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There was no connection, or it broke.
    #[error("no answer from the node at {url}\n{changed}\n{}", fault.hint())]
    Unreachable {
        /// The node.
        url: String,
        /// Whether anything was changed.
        changed: Changed,
        /// What happened.
        #[source]
        fault: Fault,
    },
    /// The node refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// Something answered that is no node, or a much newer one.
    #[error(
        "what answers at {url} does not answer as a node: {what}\n{changed}\ncheck --url or NEXUS_URL"
    )]
    Foreign {
        /// Where.
        url: String,
        /// What is odd about the answer.
        what: String,
        /// Whether anything was changed.
        changed: Changed,
    },
    /// The answer does not end where it should.
    #[error(
        "the answer of the node at {url} is longer than {ANSWER_BYTES_MAX} bytes\n{changed}\n\
         ask for less, such as with --limit"
    )]
    TooLarge {
        /// The node.
        url: String,
        /// Whether anything was changed.
        changed: Changed,
    },
}

impl ClientError {
    /// The exit code that stands for it.
    pub fn exit(&self) -> Exit {
        match self {
            ClientError::Url(_) | ClientError::Token(TokenError::Malformed { .. }) => Exit::Usage,
            ClientError::Tls(error) => error.exit(),
            ClientError::Refused(refusal) => refusal.exit(),
            _ => Exit::Environment,
        }
    }

    /// Whether the same request may succeed later without anyone doing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            ClientError::Unreachable { .. } | ClientError::Foreign { .. } => true,
            ClientError::Refused(refusal) => refusal.may_pass(),
            _ => false,
        }
    }
}
