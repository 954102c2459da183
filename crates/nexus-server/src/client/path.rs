//! Paths and queries of requests, with everything odd in them percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::AgentName;

/// What stands for itself in every part of a URL.
/// Source: RFC 3986, section 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path below a node's URL, beginning with a slash, and its query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    text: String,
    has_query: bool,
}

impl Path {
    /// Begins with `text`, which is taken as it is.
    pub fn new(text: &'static str) -> Path {
        Path { text: text.to_owned(), has_query: false }
    }

    /// Where one agent is found.
    pub fn agent(name: &AgentName) -> Path {
        Path::new("/v1/agents").segment(&name.kind).segment(&name.key)
    }

    /// Adds one segment. Its slashes are encoded, so it stays one segment; and
    /// so are dots alone, which proxies would take for a step up.
    pub fn segment(mut self, text: &str) -> Path {
        self.text.push('/');
        match text {
            "." => self.text.push_str("%2E"),
            ".." => self.text.push_str("%2E%2E"),
            text => self.text.extend(encoded(text)),
        }
        self
    }

    /// Adds one parameter to the query.
    pub fn query(mut self, name: &'static str, value: &str) -> Path {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(name);
        self.text.push('=');
        self.text.extend(encoded(value));
        self
    }

    /// Adds one parameter to the query, if it has a value.
    pub fn query_if(self, name: &'static str, value: Option<&str>) -> Path {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, ENCODED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        let name: AgentName = name.parse().expect("a name");
        assert_eq!(Path::agent(&name).as_str(), format!("/v1/agents/{expected}"));
    }

    #[test]
    fn odd_characters_stay_inside_their_segment() {
        check("kv/42", "kv/42");
        check("kv/a/b", "kv/a%2Fb");
        check("kv/a b+c", "kv/a%20b%2Bc");
        check("kv/?x=1&y#z", "kv/%3Fx%3D1%26y%23z");
        check("kv/100%", "kv/100%25");
        check("kv/ü", "kv/%C3%BC");
        check("kv/.", "kv/%2E");
        check("kv/..", "kv/%2E%2E");
        check("kv/a..b", "kv/a..b");
        check("kv/../..", "kv/..%2F..");
        check("kv/-_~", "kv/-_~");
        check("kv/a\r\nHost: b", "kv/a%0D%0AHost%3A%20b");
    }

    #[test]
    fn a_query_is_encoded_too() {
        let path = Path::new("/v1/agents").query("where", "kind = \"a&b\"").query("limit", "5");
        assert_eq!(path.as_str(), "/v1/agents?where=kind%20%3D%20%22a%26b%22&limit=5");
        assert_eq!(Path::new("/v1/events").query_if("name", None).as_str(), "/v1/events");
    }
}
