//! Which of the served things a request is about. Pure.
//!
//! Written out instead of taken from a framework: there are few routes, all
//! answer in one format, wrong ones too, and a key may hold any character.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::pool::POOLS;

/// What a request is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Route<'r> {
    /// Make an agent.
    Create(Name<'r>),
    /// Ask an agent.
    Ask(Name<'r>),
    /// Look at an agent.
    Look(Name<'r>),
    /// Stop an agent.
    Stop(Name<'r>),
    /// Set an agent's level.
    SetLevel(Name<'r>),
    /// Enable one layer of a pool or of an agent's kind, or take it away.
    SetLayer(Name<'r>, Cow<'r, str>),
    /// Take an adaptation of an agent's kind back.
    Rollback(Name<'r>),
    /// Why an agent is as it is.
    Why(Name<'r>),
    /// A page of agents.
    List,
    /// What happened.
    Events,
    /// The node.
    Status,
    /// Take no new work, finish the old, end.
    Drain,
    /// Figures for Prometheus.
    Metrics,
    /// Whether the process lives.
    Health,
    /// Whether it takes work.
    Ready,
    /// The description of all this.
    OpenApi,
    /// The page people see, by path.
    Page(&'r str),
}

impl Route<'_> {
    /// Method and path, for traces: few values.
    pub(super) fn pattern(&self) -> &'static str {
        match self {
            Route::Create(_) => "PUT /v1/agents/{kind}/{key}",
            Route::Ask(_) => "POST /v1/agents/{kind}/{key}",
            Route::Look(_) => "GET /v1/agents/{kind}/{key}",
            Route::Stop(_) => "DELETE /v1/agents/{kind}/{key}",
            Route::SetLevel(_) => "PUT /v1/agents/{kind}/{key}/level",
            Route::SetLayer(..) => "PUT /v1/agents/{kind}/{key}/layers/{layer}",
            Route::Rollback(_) => "POST /v1/agents/{kind}/{key}/rollback",
            Route::Why(_) => "GET /v1/agents/{kind}/{key}/why",
            Route::List => "GET /v1/agents",
            Route::Events => "GET /v1/events",
            Route::Status => "GET /v1/status",
            Route::Drain => "POST /v1/drain",
            Route::Metrics => "GET /metrics",
            Route::Health => "GET /healthz",
            Route::Ready => "GET /readyz",
            Route::OpenApi => "GET /openapi.json",
            Route::Page(_) => "GET /",
        }
    }
}

impl<'r> Route<'r> {
    /// Whether a parameter can only be a mistake. Probes, scrapers and browsers
    /// add some of their own, which harm nobody.
    pub(super) fn takes_no_query(&self) -> bool {
        let one = self.name().is_some() && !matches!(self, Route::Stop(_));
        one || matches!(self, Route::Status | Route::Drain)
    }

    /// The one agent it is about, if it is.
    pub(super) fn name(&self) -> Option<&Name<'r>> {
        match self {
            Route::Create(name)
            | Route::Ask(name)
            | Route::Look(name)
            | Route::Stop(name)
            | Route::SetLevel(name)
            | Route::SetLayer(name, _)
            | Route::Rollback(name)
            | Route::Why(name) => Some(name),
            _ => None,
        }
    }
}

/// Which agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name<'r> {
    pub(super) kind: Cow<'r, str>,
    pub(super) key: Cow<'r, str>,
}

impl Name<'_> {
    /// The same, on its own.
    pub(super) fn to_owned(&self) -> Name<'static> {
        let own = |part: &str| Cow::Owned(part.to_owned());
        Name { kind: own(&self.kind), key: own(&self.key) }
    }
}

/// Why a request is about nothing here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NoRoute {
    /// There is nothing at that path.
    NotFound,
    /// There is, but not with that method; these are the ones.
    Method(&'static str),
    /// A percent-encoded part of the path is no UTF-8.
    Encoding,
}

/// What `method` on `path` is about.
pub(super) fn route<'r>(method: &Method, path: &'r str) -> Result<Route<'r>, NoRoute> {
    if let Some(rest) = path.strip_prefix("/v1/agents/") {
        return agent(method, rest);
    }
    let get = |route| if is_read(method) { Ok(route) } else { Err(NoRoute::Method("GET")) };
    match path {
        "/v1/agents" => get(Route::List),
        "/v1/events" => get(Route::Events),
        "/v1/status" => get(Route::Status),
        "/metrics" => get(Route::Metrics),
        "/healthz" => get(Route::Health),
        "/readyz" => get(Route::Ready),
        "/openapi.json" => get(Route::OpenApi),
        "/v1/drain" if method == Method::POST => Ok(Route::Drain),
        "/v1/drain" => Err(NoRoute::Method("POST")),
        "/" => get(Route::Page(path)),
        _ if path.starts_with("/assets/") => get(Route::Page(path)),
        _ => Err(NoRoute::NotFound),
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn agent<'r>(method: &Method, rest: &'r str) -> Result<Route<'r>, NoRoute> {
    let mut parts = rest.split('/');
    let (kind, key) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (what, part, more) = (parts.next(), parts.next(), parts.next());
    if kind.is_empty() || key.is_empty() || more.is_some() {
        return Err(NoRoute::NotFound);
    }
    let name = Name { kind: decode(kind)?, key: decode(key)? };
    match (what, part) {
        (what, None) => one(method, name, what),
        (Some("layers"), Some("")) => Err(NoRoute::NotFound),
        (Some("layers"), Some(layer)) if method == Method::PUT => {
            Ok(Route::SetLayer(name, decode(layer)?))
        }
        (Some("layers"), Some(_)) => Err(NoRoute::Method("PUT")),
        _ => Err(NoRoute::NotFound),
    }
}

/// What there is of one agent.
fn one<'r>(method: &Method, name: Name<'r>, what: Option<&str>) -> Result<Route<'r>, NoRoute> {
    match (what, method) {
        (None, &Method::PUT) => Ok(Route::Create(name)),
        (None, &Method::POST) => Ok(Route::Ask(name)),
        (None, &Method::DELETE) => Ok(Route::Stop(name)),
        (None, method) if is_read(method) => Ok(Route::Look(name)),
        // Pools are made and stopped by the program that has them.
        (None, _) if name.kind == POOLS => Err(NoRoute::Method("GET, POST")),
        (None, _) => Err(NoRoute::Method("GET, PUT, POST, DELETE")),
        (Some("level"), &Method::PUT) => Ok(Route::SetLevel(name)),
        (Some("level"), _) => Err(NoRoute::Method("PUT")),
        (Some("rollback"), &Method::POST) => Ok(Route::Rollback(name)),
        (Some("rollback"), _) => Err(NoRoute::Method("POST")),
        (Some("why"), method) if is_read(method) => Ok(Route::Why(name)),
        (Some("why"), _) => Err(NoRoute::Method("GET")),
        _ => Err(NoRoute::NotFound),
    }
}

fn decode(part: &str) -> Result<Cow<'_, str>, NoRoute> {
    if !part.contains('%') {
        return Ok(Cow::Borrowed(part));
    }
    percent_decode_str(part).decode_utf8().map_err(|_| NoRoute::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name<'r>(kind: &'r str, key: &'r str) -> Name<'r> {
        Name { kind: kind.into(), key: key.into() }
    }

    #[test]
    fn agents_are_found_under_any_key() {
        let get = Method::GET;
        assert_eq!(route(&get, "/v1/agents/cart/42"), Ok(Route::Look(name("cart", "42"))));
        assert_eq!(route(&get, "/v1/agents/cart/a%2Fb"), Ok(Route::Look(name("cart", "a/b"))));
        assert_eq!(route(&get, "/v1/agents/cart/%C3%BC"), Ok(Route::Look(name("cart", "ü"))));
        assert_eq!(route(&get, "/v1/agents/cart/why"), Ok(Route::Look(name("cart", "why"))));
        assert_eq!(route(&get, "/v1/agents/cart/why/why"), Ok(Route::Why(name("cart", "why"))));
        let put = Method::PUT;
        assert_eq!(route(&put, "/v1/agents/c/k/level"), Ok(Route::SetLevel(name("c", "k"))));
        let layer = Route::SetLayer(name("nexus.pool", "k"), "adaptive".into());
        assert_eq!(route(&put, "/v1/agents/nexus.pool/k/layers/adaptive"), Ok(layer));
        assert_eq!(route(&Method::POST, "/v1/agents/c/.."), Ok(Route::Ask(name("c", ".."))));
        let rollback = Route::Rollback(name("c", "k"));
        assert_eq!(route(&Method::POST, "/v1/agents/c/k/rollback"), Ok(rollback));
    }

    #[test]
    fn what_is_not_there_is_told_from_what_is_done_wrongly() {
        let get = Method::GET;
        for path in ["", "/v1", "/v1/agents/", "/v1/agents/c", "/v1/agents/c/", "/v1/agents//k"] {
            assert_eq!(route(&get, path), Err(NoRoute::NotFound), "{path}");
        }
        for path in ["/v1/agents/c/k/", "/v1/agents/c/k/what", "/v1/agents/c/k/why/x", "/../etc"] {
            assert_eq!(route(&get, path), Err(NoRoute::NotFound), "{path}");
        }
        for path in ["layers", "layers/", "layers/a/b"] {
            let path = format!("/v1/agents/c/k/{path}");
            assert_eq!(route(&Method::PUT, &path), Err(NoRoute::NotFound), "{path}");
        }
        assert_eq!(route(&get, "/v1/agents/c/k/layers/a"), Err(NoRoute::Method("PUT")));
        assert_eq!(route(&get, "/v1/agents/c/k/rollback"), Err(NoRoute::Method("POST")));
        assert_eq!(route(&get, "/v1/agents/c/%FF"), Err(NoRoute::Encoding));
        assert_eq!(route(&Method::POST, "/v1/status"), Err(NoRoute::Method("GET")));
        assert_eq!(route(&Method::PATCH, "/v1/agents/c/k/level"), Err(NoRoute::Method("PUT")));
        let of_pools = Err(NoRoute::Method("GET, POST"));
        assert_eq!(route(&Method::OPTIONS, "/v1/agents/nexus.pool/p"), of_pools);
    }
}
