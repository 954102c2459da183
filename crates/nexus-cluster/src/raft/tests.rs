//! Whole groups in one thread: a network that can do each thing wrong, and what is checked.

mod chaos;
mod checker;
mod disk;
mod hostile;
mod learners;
mod leaving;
mod net;
mod promises;
mod script;
mod terms;

use net::Net;
