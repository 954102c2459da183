//! What each level of coordination is worth, in virtual time, by batches that are run
//! once at each level, and what the levels do when what was learned goes wrong.

mod crew;
mod falls;
mod gains;
