//! What a layer is worth: gains with intervals, and how they come about honestly.
