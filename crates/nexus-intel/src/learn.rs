//! Models that learn from outcomes one at a time, explain themselves, and are doubted.
