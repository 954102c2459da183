//! A request with its arguments as text.
//!
//! Written out once for all that need it, and before the lock of a kind is taken: all
//! agents of the kind would wait for one large request.

use std::ops::Deref;

use nexus_coord::Request;
use nexus_intel::adaptive::canonical_arguments;

#[derive(Debug)]
pub(super) struct Written<'r> {
    request: &'r Request,
    arguments: String,
}

impl<'r> Written<'r> {
    pub(super) fn new(request: &'r Request) -> Written<'r> {
        Written { request, arguments: canonical_arguments(&request.args) }
    }

    /// What it asks for, for who remembers it.
    pub(super) fn into_parts(self) -> (String, String) {
        (self.request.name.clone(), self.arguments)
    }

    /// In a form that is the same whenever they mean the same.
    pub(super) fn arguments(&self) -> &str {
        &self.arguments
    }
}

impl Deref for Written<'_> {
    type Target = Request;

    fn deref(&self) -> &Request {
        self.request
    }
}
