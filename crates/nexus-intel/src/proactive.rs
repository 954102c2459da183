//! What is decided by predictions: where, whether, in which order and for how long.
