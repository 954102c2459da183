//! How a layer that does harm is stopped, and how it may come back.
