//! Requests as a message.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use nexus_agent::{Message, Wire};
use nexus_coord::{DEADLINE_MAX, Features, RequestKind, Routing};
use serde_json::Value;

use super::{Answer, RequestError};

/// The message that agents at the reactive level take: read, change, do.
///
/// It is a [`nexus_coord::Request`] that can cross mailboxes, disks and
/// networks; its fields are that one's. It reads from JSON as that one does.
///
/// ```
/// use nexus::{Request, Routing};
/// use serde_json::json;
///
/// let get = Request::query("get", json!({"key": "hits", "default": 0}))
///     .with_routing(Routing::Optimized);
/// assert_eq!(get.name, "get");
///
/// let parsed: Request = serde_json::from_str(
///     r#"{"type": "query", "name": "get", "args": {"key": "hits", "default": 0},
///         "routing": "optimized"}"#,
/// )?;
/// assert_eq!(parsed, get);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Wire)]
#[wire(name = "nexus.request")]
pub struct Request(#[serde(with = "super::json_text")] nexus_coord::Request);

impl Request {
    /// Reads the state. `args` is a JSON object.
    pub fn query(name: &str, args: Value) -> Request {
        Request(nexus_coord::Request::new(RequestKind::Query, name, args))
    }

    /// Changes the state as the caller says. `args` is a JSON object.
    pub fn update(name: &str, args: Value) -> Request {
        Request(nexus_coord::Request::new(RequestKind::Update, name, args))
    }

    /// Has a registered function change the state. `args` is a JSON object.
    pub fn action(name: &str, args: Value) -> Request {
        Request(nexus_coord::Request::new(RequestKind::Action, name, args))
    }

    /// The same, routed over a pool at this level.
    pub fn with_routing(mut self, routing: Routing) -> Request {
        self.0.routing = routing;
        self
    }

    /// The same with this deadline, in whole milliseconds rounded up, from 1 up
    /// to [`DEADLINE_MAX`].
    pub fn with_deadline(mut self, deadline: Duration) -> Request {
        let millis = deadline.min(DEADLINE_MAX).as_nanos().div_ceil(1_000_000) as u64;
        self.0.deadline = Some(Duration::from_millis(millis.max(1)));
        self
    }

    /// The same, declaring this about itself.
    pub fn with_features(mut self, features: Features) -> Request {
        self.0.features = features;
        self
    }
}

impl Message for Request {
    type Reply = Result<Answer, RequestError>;
    const NAME: &'static str = "nexus.request";

    /// The priority it declares, in 256 steps.
    fn priority(&self) -> u8 {
        (self.features.priority() * 255.0).round() as u8
    }
}

impl From<nexus_coord::Request> for Request {
    fn from(request: nexus_coord::Request) -> Request {
        Request(request)
    }
}

impl From<Request> for nexus_coord::Request {
    fn from(request: Request) -> nexus_coord::Request {
        request.0
    }
}

impl Deref for Request {
    type Target = nexus_coord::Request;

    fn deref(&self) -> &nexus_coord::Request {
        &self.0
    }
}

impl DerefMut for Request {
    fn deref_mut(&mut self) -> &mut nexus_coord::Request {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use nexus_agent::{decode, encode};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_crosses_the_wire_bit_for_bit() {
        let request =
            Request::update("put", json!({"key": "ü", "value": [null, 0.1, -7, {"a": 1e-300}]}))
                .with_routing(Routing::Swarm)
                .with_deadline(Duration::from_micros(1_500))
                .with_features(Features::new(0.1 + 0.2, 1.0 / 3.0, 2.5e-8).expect("in range"));
        assert_eq!(decode::<Request>(&encode(&request)), Ok(request));
    }

    #[test]
    fn bytes_that_are_no_request_are_refused() {
        let refused = |text: &str| decode::<Request>(&encode(&text.to_owned())).unwrap_err();
        // Postcard keeps no texts of errors: that it is one must do.
        for text in ["", "{", "[]", r#"{"type":"query","name":"get","args":[]}"#] {
            assert!(!refused(text).is_empty());
        }
    }

    #[test]
    fn a_deadline_is_one_that_can_be_written_down() {
        let deadline = |deadline| Request::query("get", json!({})).with_deadline(deadline).deadline;
        assert_eq!(deadline(Duration::ZERO), Some(Duration::from_millis(1)));
        assert_eq!(deadline(Duration::from_nanos(1_000_001)), Some(Duration::from_millis(2)));
        assert_eq!(deadline(Duration::MAX), Some(DEADLINE_MAX));
    }

    #[test]
    fn priority_goes_in_steps_from_none_to_all() {
        let priority = |declared| {
            let features = Features::new(1.0, declared, 1.0).expect("in range");
            Request::query("get", json!({})).with_features(features).priority()
        };
        assert_eq!([0.0, 0.5, 1.0].map(priority), [0, 128, 255]);
    }
}
