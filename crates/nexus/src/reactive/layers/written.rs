//! A request with its arguments as text.
//!
//! Written out once for all that need it while a request is served, and before the lock
//! of a kind is taken: all agents of the kind would wait for one large request.

use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::Arc;

use nexus_coord::{Request, RequestKind};
use nexus_intel::adaptive::write_canonical;

/// Room for the arguments, in bytes; where they take more, more is made.
const ARGUMENTS_BYTES: usize = 64;

#[derive(Debug)]
pub(super) struct Written<'r> {
    request: &'r Request,
    query: OnceCell<Query>,
}

/// A query by its name and its arguments, in a form that is the same whenever they
/// mean the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::reactive) struct Query {
    /// The name, and behind it the arguments.
    text: Arc<str>,
    name_bytes: usize,
}

impl<'r> Written<'r> {
    /// Written out now if that `is_needed` as far as is known, or else by whoever needs
    /// it first.
    pub(super) fn new(request: &'r Request, is_needed: bool) -> Written<'r> {
        let written = Written { request, query: OnceCell::new() };
        if is_needed {
            written.query();
        }
        written
    }

    /// What it asks for, for who remembers it.
    pub(super) fn query(&self) -> &Query {
        self.query.get_or_init(|| Query::of(self.request))
    }

    /// In a form that is the same whenever they mean the same.
    pub(super) fn arguments(&self) -> &str {
        self.query().arguments()
    }
}

impl Deref for Written<'_> {
    type Target = Request;

    fn deref(&self) -> &Request {
        self.request
    }
}

impl Query {
    fn of(request: &Request) -> Query {
        let name_bytes = request.name.len();
        let mut text = String::with_capacity(name_bytes + ARGUMENTS_BYTES);
        text.push_str(&request.name);
        write_canonical(&mut text, &request.args);
        Query { text: text.into(), name_bytes }
    }

    fn arguments(&self) -> &str {
        &self.text[self.name_bytes..]
    }

    /// The request it is; `None` if its arguments cannot be read back.
    pub(in crate::reactive) fn request(&self) -> Option<Request> {
        let args = serde_json::from_str(self.arguments()).ok()?;
        Some(Request::new(RequestKind::Query, &self.text[..self.name_bytes], args))
    }
}
