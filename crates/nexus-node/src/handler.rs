//! What each input leads to, one file for each matter.

mod arrive;
mod ask;
mod disk;
mod duty;
mod frame;
mod group;
mod handoff;
mod membership;
mod outcome;
mod said;
mod step;
mod steward;
