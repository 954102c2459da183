//! Sensors, rules and adaptations: behaviour that follows conditions, inside bounds.
