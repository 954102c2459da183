//! What can go wrong between here and a node.

use std::fmt;
use std::io::{self, ErrorKind};

use ureq::Timeout;

use super::Changed;

/// How the standard library begins its text for a name that does not resolve; it has no
/// kind of error for it.
const NO_SUCH_HOST: &str = "failed to lookup address information";

/// A fault in the words of the HTTP library, and what it means.
#[derive(Debug)]
pub struct Fault {
    reason: String,
    advice: Advice,
    /// Whether the request may have reached the node.
    sent: bool,
}

/// What a user can do about a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Advice {
    NotListening,
    Host,
    Slow,
    Authority,
    ClientCertificate,
    NotTls,
    NotHttp,
    Broken,
    BrokenTls,
}

impl Advice {
    const fn text(self) -> &'static str {
        match self {
            Advice::NotListening => {
                "is a node running there? start one with `nexus serve`, or name another with \
                 --url or NEXUS_URL"
            }
            Advice::Host => "check the host in --url or NEXUS_URL",
            Advice::Slow => "try again, or allow more time with --timeout",
            Advice::Authority => {
                "name the authority that signed the node's certificate with --ca, and the host \
                 that the certificate is for in --url"
            }
            Advice::ClientCertificate => {
                "if the node wants a certificate of you, name it with --client-cert and \
                 --client-key"
            }
            Advice::NotTls => "perhaps it does not speak TLS: try http:// in --url",
            Advice::NotHttp => "perhaps it speaks TLS: try https:// in --url",
            Advice::Broken => "try again, and look at the node's log if it stays so",
            Advice::BrokenTls => {
                "try again; perhaps the node wants a certificate of you: name it with \
                 --client-cert and --client-key"
            }
        }
    }
}

impl Fault {
    /// Reads what the library says.
    pub fn new(error: &ureq::Error) -> Fault {
        let fault = |advice, sent| Fault { reason: error.to_string(), advice, sent };
        match error {
            ureq::Error::Io(error) => Fault::of_io(error),
            ureq::Error::Rustls(error) => Fault::of_tls(error),
            ureq::Error::HostNotFound => fault(Advice::Host, false),
            ureq::Error::ConnectionFailed => fault(Advice::NotListening, false),
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => Fault {
                reason: "no connection in time".to_owned(),
                advice: Advice::Slow,
                sent: false,
            },
            ureq::Error::Timeout(_) => {
                Fault { reason: "no answer in time".to_owned(), advice: Advice::Slow, sent: true }
            }
            ureq::Error::Tls(_) => fault(Advice::Host, false),
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
                fault(Advice::NotHttp, true)
            }
            _ => fault(Advice::Broken, true),
        }
    }

    fn of_io(error: &io::Error) -> Fault {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Fault::of_tls(error);
        }
        let fault = |advice, sent| Fault { reason: error.to_string(), advice, sent };
        if error.to_string().starts_with(NO_SUCH_HOST) {
            return fault(Advice::Host, false);
        }
        match error.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::AddrNotAvailable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable => fault(Advice::NotListening, false),
            _ => fault(Advice::Broken, true),
        }
    }

    fn of_tls(error: &rustls::Error) -> Fault {
        let fault = |advice, sent| Fault { reason: format!("TLS: {error}"), advice, sent };
        match error {
            // Our side refuses the node before it sends the request.
            rustls::Error::InvalidCertificate(_) => fault(Advice::Authority, false),
            rustls::Error::InvalidMessage(_) => fault(Advice::NotTls, false),
            // With TLS 1.3 the node's word on our certificate comes after the
            // request was sent, but a node handles none before that.
            rustls::Error::AlertReceived(_) => fault(Advice::ClientCertificate, false),
            _ => fault(Advice::Broken, true),
        }
    }

    /// The same where no certificate of ours was shown: a node that wants one may
    /// close the connection so fast that its word on it is lost.
    pub fn without_certificate(self) -> Fault {
        let advice = if self.advice == Advice::Broken { Advice::BrokenTls } else { self.advice };
        Fault { advice, ..self }
    }

    /// What it means for a request that would change something if `writes`.
    pub fn changed(&self, writes: bool) -> Changed {
        if self.sent && writes { Changed::Unknown } else { Changed::No }
    }

    /// What to do.
    pub fn hint(&self) -> &'static str {
        self.advice.text()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: ureq::Error, changed: Changed, hint: &str) {
        let fault = Fault::new(&error);
        assert_eq!(fault.changed(true), changed, "{fault}");
        assert_eq!(fault.changed(false), Changed::No, "{fault}");
        assert!(fault.hint().contains(hint), "{}", fault.hint());
    }

    #[test]
    fn a_write_that_was_not_sent_changed_nothing() {
        // As the standard library reports it; looking a name up would leave loopback.
        let text = "failed to lookup address information: Name or service not known";
        check(io::Error::other(text).into(), Changed::No, "check the host");
        check(ureq::Error::HostNotFound, Changed::No, "check the host");
        check(ureq::Error::Timeout(Timeout::Connect), Changed::No, "--timeout");
        check(io::Error::from(ErrorKind::ConnectionRefused).into(), Changed::No, "nexus serve");
        let unknown = rustls::CertificateError::UnknownIssuer;
        let error = rustls::Error::InvalidCertificate(unknown);
        check(io::Error::other(error).into(), Changed::No, "--ca");
        let error = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        check(error.into(), Changed::No, "--client-cert");
    }

    #[test]
    fn a_write_that_may_have_arrived_may_have_changed_something() {
        check(ureq::Error::Timeout(Timeout::Global), Changed::Unknown, "--timeout");
        check(ureq::Error::Timeout(Timeout::RecvBody), Changed::Unknown, "--timeout");
        check(io::Error::from(ErrorKind::ConnectionReset).into(), Changed::Unknown, "log");
        check(io::Error::from(ErrorKind::UnexpectedEof).into(), Changed::Unknown, "log");
        check(rustls::Error::DecryptError.into(), Changed::Unknown, "log");
    }
}
