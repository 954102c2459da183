//! The page people see.

use http::Request;
use http::StatusCode;

use super::body::{self, Answer};
use super::problem::Problem;
use super::route::NoRoute;

/// Answers with one of the page's files.
pub(super) fn answer(path: &str, _request: &Request<()>) -> Result<Answer, Problem> {
    match path {
        "index.html" => Ok(body::with_type(StatusCode::OK, "text/html; charset=utf-8", b"<h1>nexus</h1>".to_vec())),
        _ => Err(NoRoute::NotFound.into()),
    }
}
