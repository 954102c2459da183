//! The names of what can happen on a node.

use std::fmt;
use std::str::FromStr;

macro_rules! event_names {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// What happened, named as in logs, metrics, alerts and the event stream.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum EventName {
            $($(#[$doc])* $name,)*
        }

        impl EventName {
            /// Every event there is.
            pub const ALL: &'static [EventName] = &[$(EventName::$name),*];

            /// The dotted name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(EventName::$name => $text,)*
                }
            }
        }
    };
}

event_names! {
    /// An agent was made.
    AgentStarted = "agent.started",
    /// An agent ended.
    AgentStopped = "agent.stopped",
    /// An agent handled a message.
    AgentMessageProcessed = "agent.message_processed",
    /// An agent changed its state.
    AgentStateUpdated = "agent.state_updated",
    /// An agent's level or behaviour was adapted.
    AgentIntelligenceAdapted = "agent.intelligence_adapted",
    /// A coordination began.
    CoordinationInitiated = "coordination.initiated",
    /// A coordination ended well.
    CoordinationCompleted = "coordination.completed",
    /// A coordination failed.
    CoordinationFailed = "coordination.failed",
    /// A coordination fell to the next lower level.
    CoordinationFallbackTriggered = "coordination.fallback_triggered",
    /// A latency was measured.
    PerformanceLatencyMeasured = "performance.latency_measured",
    /// A throughput was calculated.
    PerformanceThroughputCalculated = "performance.throughput_calculated",
    /// Resource use was sampled.
    PerformanceResourceUtilization = "performance.resource_utilization",
    /// Behaviour was detected that emerged.
    EmergenceBehaviorDetected = "emergence.behavior_detected",
    /// An emergent adaptation did good.
    EmergenceAdaptationSuccessful = "emergence.adaptation_successful",
    /// Emergent behaviour reached a safety bound.
    EmergenceSafetyBoundaryHit = "emergence.safety_boundary_hit",
    /// Emergent behaviour was stopped in an emergency.
    EmergenceEmergencyFallback = "emergence.emergency_fallback",
    /// A handler, a constructor or a drop panicked.
    AgentCrashed = "agent.crashed",
    /// A supervisor restarted an agent.
    AgentRestarted = "agent.restarted",
    /// A supervisor ran out of restarts and left the decision to the one above.
    SupervisorEscalated = "supervisor.escalated",
    /// A supervisor ran out of restarts and stopped what was under it.
    SupervisorGaveUp = "supervisor.gave_up",
    /// An instrumented operation succeeded.
    OperationCompleted = "operation.completed",
    /// An instrumented operation failed.
    OperationFailed = "operation.failed",
    /// A message was accepted and will never be handled.
    MessageDead = "message.dead",
    /// A layer was no longer used: it did harm, gained too little, broke, or was taken away.
    LayerSteppedDown = "layer.stepped_down",
    /// A knob of the node was turned for good, because that was measured to pay.
    NodeTuned = "node.tuned",
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not the name of an event.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no event is called {0:?}")]
pub struct UnknownEvent(pub String);

impl FromStr for EventName {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<EventName, UnknownEvent> {
        let named = EventName::ALL.iter().find(|name| name.as_str() == text);
        named.copied().ok_or_else(|| UnknownEvent(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for name in EventName::ALL {
            assert_eq!(name.as_str().parse(), Ok(*name));
        }
        assert!("agent.flew".parse::<EventName>().is_err());
    }
}
