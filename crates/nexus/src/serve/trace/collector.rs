//! The collector at the other end, spoken to over HTTP.

use std::time::Duration;

use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body};

use super::TraceError;
use super::otlp;

/// Where collectors take traces, below their address.
const PATH: &str = "/v1/traces";

/// The longest answer read, in bytes; what is longer says nothing we need.
const ANSWER_MAX: u64 = 64 << 10;

/// The longest pause a collector can ask for. A guess: it may be long, but spans
/// are dropped meanwhile.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A collector, perhaps not there.
pub(crate) struct Collector {
    agent: Agent,
    url: String,
}

/// What became of a request to the collector.
#[derive(Debug)]
pub(crate) enum Posted {
    /// It took the spans, but for so many, for this reason.
    Taken { rejected: u64, reason: String },
    /// It will not take them, however often it is asked.
    Refused { reason: String },
    /// It may take them later, perhaps after the pause it asked for.
    Later { reason: String, pause: Option<Duration> },
}

impl Collector {
    /// # Errors
    /// [`TraceError::Endpoint`]. Nothing is connected yet.
    pub(crate) fn new(endpoint: &str) -> Result<Collector, TraceError> {
        check(endpoint).map_err(|problem| {
            let endpoint = endpoint.to_owned();
            TraceError::Endpoint { endpoint, problem }
        })?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // What leaves the node goes where it was configured to go, and nowhere else.
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("nexus/", env!("CARGO_PKG_VERSION")));
        let url = format!("{}{PATH}", endpoint.trim_end_matches('/'));
        Ok(Collector { agent: config.build().new_agent(), url })
    }

    /// Sends one batch, in no more time than `limit`.
    pub(crate) fn post(&self, body: &[u8], limit: Duration) -> Posted {
        let request = self.agent.post(&self.url).content_type("application/json");
        match request.config().timeout_global(Some(limit)).build().send(body) {
            Ok(answer) => read(answer),
            Err(error) => Posted::Later { reason: error.to_string(), pause: None },
        }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

fn check(endpoint: &str) -> Result<(), &'static str> {
    let uri: Uri = endpoint.parse().map_err(|_| "it is not a URL")?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err("traces leave over http only; put a collector beside the node");
        }
        _ => return Err("it does not begin with http://"),
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err("it names no host");
    }
    if uri.query().is_some() {
        return Err("it has a query");
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err("it has a user in it, who would be sent nowhere");
    }
    if authority.ends_with(':') || authority_port_is_wrong(&uri) {
        return Err("its port is none");
    }
    Ok(())
}

/// A port that is there but is no number up to 65,535 reads as no port.
fn authority_port_is_wrong(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    after_host.contains(':') && uri.port_u16().is_none_or(|port| port == 0)
}

fn read(answer: Response<Body>) -> Posted {
    let (head, mut body) = answer.into_parts();
    // Read in any case, or the connection could not be used again.
    let text = body.with_config().limit(ANSWER_MAX).read_to_vec().unwrap_or_default();
    let status = head.status;
    if status.is_success() {
        let (rejected, reason) = otlp::rejected(&text);
        return Posted::Taken { rejected, reason };
    }
    let reason = format!("the answer was {status}");
    // The protocol names these four; anything else will not get better.
    let later = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    if !later.contains(&status) {
        return Posted::Refused { reason };
    }
    let seconds =
        head.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let pause = seconds.map(|seconds| Duration::from_secs(seconds).min(PAUSE_MAX));
    Posted::Later { reason, pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_before_anything_is_sent() {
        for endpoint in [
            "http://127.0.0.1:4318",
            "http://[::1]:4318/",
            "http://collector",
            "http://collector.example:80/otlp",
        ] {
            assert!(Collector::new(endpoint).is_ok(), "{endpoint}");
        }
        for endpoint in [
            "",
            "collector",
            "collector:4318",
            "https://collector:4318",
            "ftp://collector",
            "http://",
            "http:///v1/traces",
            "http://user:word@collector",
            "http://collector:",
            "http://collector:port",
            "http://collector:0",
            "http://collector:99999",
            "http://collector?a=b",
            "http://col lector",
        ] {
            assert!(Collector::new(endpoint).is_err(), "{endpoint}");
        }
    }

    #[test]
    fn the_path_is_added_to_the_address() {
        let url = |endpoint| Collector::new(endpoint).expect("an address").url().to_owned();
        assert_eq!(url("http://a:4318"), "http://a:4318/v1/traces");
        assert_eq!(url("http://a/otlp/"), "http://a/otlp/v1/traces");
    }
}
