//! Where in its history something is, for people.

use std::fmt;

use nexus_base::Time;

/// Where in its history something is, for people. It decides nothing: the order
/// of things is that in which they were told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A line of a file, from 1.
    Line(u64),
    /// A moment of a world.
    Time(Time),
}

/// From one place to another; open if there is no other.
pub(super) struct Span(pub(super) Place, pub(super) Option<Place>);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Place::Line(from), Some(Place::Line(to))) => write!(f, "lines {from} to {to}"),
            (Place::Line(from), _) => write!(f, "line {from} on"),
            (Place::Time(from), Some(Place::Time(to))) => write!(f, "{from} to {to}"),
            (Place::Time(from), _) => write!(f, "{from} on"),
        }
    }
}
