//! Looking at an agent's state from outside: a message like any other, so that
//! nobody touches the state of an agent that is at work.

use nexus_derive::Message;
use serde_json::Value;

use crate::{Agent, Context, Handler, Wire};

/// Asks an agent for [`Agent::summary`]. Every agent takes it.
#[derive(Message)]
#[message(name = "nexus.inspect", reply = Summary)]
pub struct Inspect;

/// An agent's word on its own state.
#[derive(Wire)]
#[wire(name = "nexus.summary")]
pub struct Summary {
    /// JSON as text: the codec of messages knows no values without a shape.
    json: String,
}

impl Summary {
    /// The summary as JSON.
    pub fn into_value(self) -> Value {
        serde_json::from_str(&self.json).unwrap_or(Value::String(self.json))
    }
}

impl<A: Agent> Handler<Inspect> for A {
    async fn handle(&mut self, _: Inspect, _: &mut Context<A>) -> Summary {
        Summary { json: self.summary().to_string() }
    }
}
