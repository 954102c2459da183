//! The live page: what a browser gets at `/`, compiled into the program.
//!
//! The page is made of modules that browsers read as they are, so that nobody
//! needs a tool to build it. It asks the same routes as every other client, and
//! nobody else: the policy below forbids the rest. Its two charts are drawn by
//! hand, since a library for them is more code than the page.
//!
//! Absent on purpose: markup made from what a node says (everything from the API
//! becomes text).

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Request, StatusCode};

use super::body::{self, Answer};
use super::problem::Problem;
use super::route::NoRoute;

/// The header `Content-Security-Policy` of the page and its assets. Scripts,
/// styles, pictures and connections come from the node alone, nothing stands
/// inline, and nobody frames the page.
const POLICY: &str = "default-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// A file of the page.
#[derive(Clone, Copy, Debug)]
struct Asset {
    /// What it holds.
    bytes: &'static [u8],
    /// The header `Content-Type`.
    content_type: &'static str,
    /// The header `ETag`, in its quotes: changes with the bytes.
    etag: &'static str,
}

/// The file served at `path`: `/`, or `/assets/NAME`. `None` if there is none.
fn asset(path: &str) -> Option<Asset> {
    let found = FILES.binary_search_by_key(&path, |(name, _)| name);
    found.ok().map(|index| FILES[index].1)
}

/// Answers with one of the page's files.
pub(super) fn answer(path: &str, request: &Request<()>) -> Result<Answer, Problem> {
    let asset = asset(path).ok_or(NoRoute::NotFound)?;
    let seen = request.headers().get(IF_NONE_MATCH).is_some_and(|seen| seen == asset.etag);
    let mut answer = if seen {
        body::with_type(StatusCode::NOT_MODIFIED, asset.content_type, Vec::new())
    } else {
        body::with_type(StatusCode::OK, asset.content_type, asset.bytes.to_vec())
    };
    let headers = answer.headers_mut();
    headers.insert(ETAG, HeaderValue::from_static(asset.etag));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(answer)
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// An entry for the file called `$name` in the folder `page`.
macro_rules! file {
    ($path:literal, $name:literal, $content_type:expr) => {{
        const BYTES: &[u8] = include_bytes!(concat!("page/", $name));
        const TAG: [u8; TAG_LEN] = tag(BYTES);
        const QUOTED: &str = match std::str::from_utf8(&TAG) {
            Ok(etag) => etag,
            Err(_) => panic!("hex digits in quotes are ASCII"),
        };
        ($path, Asset { bytes: BYTES, content_type: $content_type, etag: QUOTED })
    }};
}

/// Ordered by path.
const FILES: &[(&str, Asset)] = &[
    file!("/", "index.html", HTML),
    file!("/assets/agent.js", "agent.js", SCRIPT),
    file!("/assets/agents.js", "agents.js", SCRIPT),
    file!("/assets/api.js", "api.js", SCRIPT),
    file!("/assets/app.js", "app.js", SCRIPT),
    file!("/assets/chart.js", "chart.js", SCRIPT),
    file!("/assets/colours.js", "colours.js", SCRIPT),
    file!("/assets/dom.js", "dom.js", SCRIPT),
    file!("/assets/event_row.js", "event_row.js", SCRIPT),
    file!("/assets/events.js", "events.js", SCRIPT),
    file!("/assets/format.js", "format.js", SCRIPT),
    file!("/assets/histogram.js", "histogram.js", SCRIPT),
    file!("/assets/history.js", "history.js", SCRIPT),
    file!("/assets/icon.svg", "icon.svg", PICTURE),
    file!("/assets/kinds.js", "kinds.js", SCRIPT),
    file!("/assets/latency.js", "latency.js", SCRIPT),
    file!("/assets/levels.js", "levels.js", SCRIPT),
    file!("/assets/name.js", "name.js", SCRIPT),
    file!("/assets/node.js", "node.js", SCRIPT),
    file!("/assets/poll.js", "poll.js", SCRIPT),
    file!("/assets/rates.js", "rates.js", SCRIPT),
    file!("/assets/scale.js", "scale.js", SCRIPT),
    file!("/assets/slowest.js", "slowest.js", SCRIPT),
    file!("/assets/stream.js", "stream.js", SCRIPT),
    file!("/assets/style.css", "style.css", STYLE),
];

/// Sixteen hex digits in quotes.
const TAG_LEN: usize = 18;

/// A tag for these bytes.
///
/// # Source
/// FNV-1a, 64 bits: nobody gains by making two files collide here.
const fn tag(bytes: &[u8]) -> [u8; TAG_LEN] {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    let mut tag = [b'"'; TAG_LEN];
    let mut digit = 0;
    while digit < 16 {
        tag[digit + 1] = b"0123456789abcdef"[(hash >> (60 - 4 * digit)) as usize & 0xf];
        digit += 1;
    }
    tag
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text(asset: &Asset) -> &'static str {
        std::str::from_utf8(asset.bytes).expect("the page is text")
    }

    #[test]
    fn every_path_finds_its_file() {
        assert!(FILES.is_sorted_by_key(|(path, _)| path));
        for (path, file) in FILES {
            let found = asset(path).expect("it is there");
            assert_eq!((found.bytes, found.etag), (file.bytes, file.etag), "{path}");
            assert!(!found.bytes.is_empty(), "{path}");
        }
        for path in ["", "/index.html", "/assets/", "/assets/none.js", "/assets/../style.css"] {
            assert!(asset(path).is_none(), "{path}");
        }
    }

    #[test]
    fn tags_differ_with_the_bytes() {
        let tags: BTreeSet<&str> = FILES.iter().map(|(_, file)| file.etag).collect();
        assert_eq!(tags.len(), FILES.len());
        assert_eq!(&tag(b""), b"\"cbf29ce484222325\"");
        assert_eq!(&tag(b"a"), b"\"af63dc4c8601ec8c\"");
    }

    /// The paths that a file names, as `/assets/NAME` or as a module beside it.
    fn named(text: &str) -> Vec<String> {
        let quoted = text.split(['"', '\'']).skip(1).step_by(2);
        let module = |name: &str| name.strip_prefix("./").map(|name| format!("/assets/{name}"));
        let path = |name: &str| name.starts_with("/assets/").then(|| name.to_owned());
        quoted.filter_map(|name| module(name).or_else(|| path(name))).collect()
    }

    #[test]
    fn whatever_the_page_loads_is_there_and_nothing_else() {
        let mut used = BTreeSet::from(["/".to_owned()]);
        let mut left = vec!["/".to_owned()];
        while let Some(path) = left.pop() {
            let file = asset(&path).unwrap_or_else(|| panic!("the page names {path}"));
            // Sentences have apostrophes, imports do not: look at their lines only.
            let lines = text(&file).lines();
            let loads =
                |line: &&str| ["import ", "src=", "href="].iter().any(|word| line.contains(word));
            for name in lines.filter(loads).flat_map(named) {
                if used.insert(name.clone()) {
                    left.push(name);
                }
            }
        }
        let there: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(used, there);
    }

    #[test]
    fn the_page_makes_no_markup_and_asks_nobody_else() {
        let banned = [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "createContextualFragment",
            "srcdoc",
            "eval(",
            "new Function",
            "javascript:",
            "style=\"",
            "<style",
            "@import",
            "url(",
            "https:",
            "http:",
            "//cdn",
            "localStorage",
            "document.cookie",
        ];
        // A name of a language, and a source in a comment, are not asked for.
        let known = ["http://www.w3.org/2000/svg", "https://html.spec.whatwg.org/"];
        for (path, file) in FILES {
            let mut text = text(file).to_owned();
            for name in known {
                text = text.replace(name, "");
            }
            for word in banned {
                assert!(!text.contains(word), "{path} has {word:?}");
            }
        }
        let page = text(&asset("/").expect("the page is there"));
        assert_eq!(page.matches("<script").count(), 1);
        assert!(page.contains("<script type=\"module\" src=\"/assets/app.js\"></script>"));
        let handlers = [" onclick", " onload", " onerror", " onsubmit", " oninput", " onchange"];
        assert!(handlers.iter().all(|handler| !page.contains(handler)));
    }
}
