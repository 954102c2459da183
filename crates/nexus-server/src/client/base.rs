//! The URL of a node, below which all its routes are.

use std::net::IpAddr;

use ureq::http::Uri;

use super::Path;

/// Where a node is unless told otherwise: what `nexus serve` listens on.
pub const URL_DEFAULT: &str = "http://127.0.0.1:7400";

/// A checked URL: scheme, host, perhaps a port and a path, and nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Base {
    text: String,
    secure: bool,
    loopback: bool,
}

/// Why a URL cannot be that of a node. Nothing was sent.
///
/// None of these texts holds the URL, because there may be a password in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadUrl {
    /// It cannot be read.
    #[error(
        "the URL of the node is not well formed\nnothing was sent\n\
         write --url or NEXUS_URL as in {URL_DEFAULT}"
    )]
    Malformed,
    /// Neither `http` nor `https`.
    #[error(
        "the URL of the node begins with neither http:// nor https://\nnothing was sent\n\
         write --url or NEXUS_URL as in {URL_DEFAULT}"
    )]
    Scheme,
    /// A user name or a password.
    #[error(
        "the URL of the node holds a user name or a password, which nodes do not take\n\
         nothing was sent\ngive a token with --token-file or NEXUS_TOKEN"
    )]
    UserInfo,
    /// A question mark.
    #[error(
        "the URL of the node holds a query\nnothing was sent\n\
         leave out the question mark and what follows it"
    )]
    Query,
}

impl Base {
    /// Checks `url`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &str) -> Result<Base, BadUrl> {
        let uri: Uri = url.trim().parse().map_err(|_| BadUrl::Malformed)?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(BadUrl::Scheme),
        };
        let authority = uri.authority().ok_or(BadUrl::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(BadUrl::UserInfo);
        }
        if uri.query().is_some() {
            return Err(BadUrl::Query);
        }
        if authority.host().is_empty() {
            return Err(BadUrl::Malformed);
        }
        let scheme = if secure { "https" } else { "http" };
        let path = uri.path().trim_end_matches('/');
        let text = format!("{scheme}://{authority}{path}");
        Ok(Base { text, secure, loopback: is_loopback(authority.host()) })
    }

    /// The URL of a route.
    pub fn join(&self, path: &Path) -> String {
        format!("{}{}", self.text, path.as_str())
    }

    /// The URL without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the node is on this machine, or at the end of a tunnel from it.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let base = Base::parse(url).expect(url);
        assert_eq!(base.join(&Path::new("/v1/status")), expected);
    }

    #[test]
    fn routes_are_below_the_url() {
        check("http://127.0.0.1:7400", "http://127.0.0.1:7400/v1/status");
        check("http://127.0.0.1:7400/", "http://127.0.0.1:7400/v1/status");
        check(" https://nodes.example/a/ ", "https://nodes.example/a/v1/status");
        check("http://[::1]:7400", "http://[::1]:7400/v1/status");
    }

    #[test]
    fn what_is_no_url_of_a_node_is_refused_without_repeating_it() {
        for (url, expected) in [
            ("", BadUrl::Malformed),
            ("http://", BadUrl::Malformed),
            ("http://a b", BadUrl::Malformed),
            ("127.0.0.1:7400", BadUrl::Scheme),
            ("localhost", BadUrl::Scheme),
            ("ftp://a", BadUrl::Scheme),
            ("http://user:secret@a", BadUrl::UserInfo),
            ("http://a/?token=secret", BadUrl::Query),
        ] {
            let error = Base::parse(url).expect_err(url);
            assert_eq!(error, expected, "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn loopback_is_recognised() {
        let loopback = |url| Base::parse(url).expect(url).is_loopback();
        assert!(loopback("http://127.0.0.1:1") && loopback("http://localhost:1"));
        assert!(loopback("http://[::1]:1") && loopback("http://127.8.0.1"));
        assert!(!loopback("http://10.0.0.1:1") && !loopback("http://localhost.example"));
    }
}
