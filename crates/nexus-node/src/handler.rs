//! What each input leads to, one file for each matter.

mod arrive;
mod ask;
mod control;
mod disk;
mod duty;
mod frame;
mod group;
mod handoff;
pub(crate) mod leave;
mod local;
mod lock;
mod lock_desk;
mod membership;
mod name;
mod outcome;
mod said;
mod step;
mod steward;
mod voters;
mod wish;
