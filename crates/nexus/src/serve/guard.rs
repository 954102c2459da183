//! Who gets in: the host they speak to, the page they come from, how often they
//! come, the token they show.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use http::{Request, StatusCode};
use nexus_agent::ErrorCode;

use super::host::Host;
use super::meter::Refused;
use super::problem::Problem;
use super::route::Route;
use crate::{Retry, Role};

/// Who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    /// The name of their token; empty where none is needed.
    pub(super) name: Arc<str>,
}

/// Lets a request come near, whoever sends it, or says why not.
pub(super) fn admit<B>(host: &Host, request: &Request<B>, from: IpAddr) -> Result<(), Problem> {
    if let Some(mut rates) = host.rates()
        && !rates.allows(host.now(), from.to_canonical())
    {
        host.meter.refused(Refused::Rate);
        let message = "too many requests from this address; nothing changed; try again later";
        let problem = Problem::new(ErrorCode::MailboxFull, message);
        return Err(problem.detail(serde_json::json!({"reason": "rate"})));
    }
    check_host(host, request)
}

/// Who sends a request, if they may.
pub(super) fn identify<B>(
    host: &Host,
    request: &Request<B>,
    route: &Route<'_>,
) -> Result<Client, Problem> {
    match &host.tokens {
        None => Ok(Client::default()),
        // Whoever keeps the process alive need not hold a token, and learns
        // nothing; the page asks people for theirs.
        Some(_) if matches!(route, Route::Health | Route::Ready | Route::Page(_)) => {
            Ok(Client::default())
        }
        Some(tokens) => {
            let bearer = bearer(request);
            let now_unix = super::unix_s();
            if let Err(error) = tokens.reload_if_changed(now_unix) {
                tracing::warn!(target: "nexus", %error, "tokens stay as they were");
            }
            let Some(identity) = bearer.and_then(|bearer| tokens.check(bearer, now_unix)) else {
                host.meter.refused(Refused::Token);
                let message = "show a token of this node: Authorization: Bearer TOKEN";
                return Err(Problem::new(ErrorCode::Unauthorized, message));
            };
            let needed = needed(route);
            if identity.role < needed {
                host.meter.refused(Refused::Role);
                let message = format!(
                    "the token {} is of {}; this takes {}",
                    identity.name,
                    one(identity.role),
                    one(needed)
                );
                return Err(Problem::new(ErrorCode::Forbidden, message));
            }
            Ok(Client { name: identity.name })
        }
    }
}

fn one(role: Role) -> &'static str {
    match role {
        Role::Viewer => "a viewer",
        Role::Operator => "an operator",
        Role::Admin => "an admin",
    }
}

/// The least role that may do this.
fn needed(route: &Route<'_>) -> Role {
    match route {
        Route::Create(_)
        | Route::Ask(_)
        | Route::Stop(_)
        | Route::SetLevel(_)
        | Route::SetLayer(..)
        | Route::Rollback(_) => Role::Operator,
        Route::Drain => Role::Admin,
        _ => Role::Viewer,
    }
}

fn bearer<B>(request: &Request<B>) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A page from elsewhere, opened in a browser on this machine, must not reach
/// the node: its requests name another host, or come from another origin.
fn check_host<B>(host: &Host, request: &Request<B>) -> Result<(), Problem> {
    let mut named = request.headers().get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    let first = first.and_then(|value| value.to_str().ok());
    let Some(first) = first.filter(|_| second.is_none()) else {
        return Err(Problem::bad_request("a request has one Host header"));
    };
    // An address in full names the host once more, and counts for more.
    let full = request.uri().authority().map(http::uri::Authority::as_str);
    for named in [Some(first), full].into_iter().flatten() {
        if !is_ours(host, named) {
            return Err(refused(host, &HOST, named));
        }
    }
    let Some(origin) = request.headers().get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match from {
        Some(from) if from.eq_ignore_ascii_case(first) => Ok(()),
        _ => Err(refused(host, &ORIGIN, origin)),
    }
}

fn is_ours(host: &Host, named: &str) -> bool {
    let name = without_port(named);
    if let Some(ip) = address(name) {
        // No page can make a browser believe that an address is its own name.
        return ip.to_canonical().is_loopback() || host.is_exposed();
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || host.hosts.contains(&name)
}

/// The address that stands for the name of a host, as RFC 3986 writes them: one of version
/// 6 in brackets, one of version 4 without.
fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[') {
        Some(rest) => Some(IpAddr::V6(rest.strip_suffix(']')?.parse().ok()?)),
        None => Some(IpAddr::V4(name.parse().ok()?)),
    }
}

fn without_port(named: &str) -> &str {
    match named.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => named,
    }
}

fn refused(host: &Host, header: &HeaderName, value: &str) -> Problem {
    host.meter.refused(Refused::Host);
    let shown: String = value.chars().take(100).collect();
    let message = format!(
        "{header} {shown:?} is not a name of this server; add it to http.hosts if it should be"
    );
    Problem::new(ErrorCode::Forbidden, message).status(StatusCode::FORBIDDEN).retry(Retry::No)
}
