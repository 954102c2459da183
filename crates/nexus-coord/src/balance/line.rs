//! A line: held requests in the order in which they came.

use std::collections::VecDeque;

use nexus_base::FixedSet;

use super::{Arrival, Ticket};

/// Requests that a strategy holds, oldest first.
///
/// One that is given up stays in line, marked as gone, until it reaches the front
/// or the gone outnumber the waiting; so giving up is cheap and the line is never
/// more than twice as long as what waits in it. How many may wait is the
/// balancer's affair: [`Limits::held_max`](super::Limits::held_max).
#[derive(Clone, Debug, Default)]
pub struct Line {
    line: VecDeque<(Ticket, Arrival)>,
    gone: FixedSet<Ticket>,
}

impl Line {
    /// Requests waiting.
    pub fn len(&self) -> usize {
        self.line.len() - self.gone.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last in line from here on.
    pub fn push(&mut self, ticket: Ticket, arrival: &Arrival) {
        self.line.push_back((ticket, arrival.clone()));
    }

    /// Takes out the first in line.
    pub fn pop(&mut self) -> Option<(Ticket, Arrival)> {
        while let Some((ticket, arrival)) = self.line.pop_front() {
            if !self.gone.remove(&ticket) {
                return Some((ticket, arrival));
            }
        }
        None
    }

    /// Takes out `ticket`, wherever it stands; near the front that is quick.
    pub fn remove(&mut self, ticket: Ticket) -> Option<Arrival> {
        let place = self.line.iter().position(|(waiting, _)| *waiting == ticket)?;
        self.line.remove(place).map(|(_, arrival)| arrival)
    }

    /// Who waits, first in line first.
    pub fn iter(&self) -> impl Iterator<Item = &(Ticket, Arrival)> {
        self.line.iter().filter(|(ticket, _)| !self.gone.contains(ticket))
    }

    /// `ticket`, which is in line, waits no longer.
    pub fn give_up(&mut self, ticket: Ticket) {
        self.gone.insert(ticket);
        if self.gone.len() * 2 > self.line.len() {
            let gone = std::mem::take(&mut self.gone);
            self.line.retain(|(ticket, _)| !gone.contains(ticket));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_is_passed_over() {
        let mut line = Line::default();
        let tickets: Vec<Ticket> = (0..10).map(Ticket::from_u64).collect();
        tickets.iter().for_each(|&ticket| line.push(ticket, &Arrival::new(1)));
        [0, 1, 5, 9].iter().for_each(|&gone| line.give_up(tickets[gone]));
        assert_eq!(line.len(), 6);
        assert_eq!(line.remove(tickets[7]), Some(Arrival::new(1)));
        assert!(line.iter().map(|(ticket, _)| ticket.as_u64()).eq([2, 3, 4, 6, 8]));
        let left: Vec<u64> =
            std::iter::from_fn(|| line.pop()).map(|(ticket, _)| ticket.as_u64()).collect();
        assert_eq!(left, [2, 3, 4, 6, 8]);
        assert!(line.is_empty());
    }

    #[test]
    fn a_line_forgets_the_gone() {
        let mut line = Line::default();
        (0..1_000).for_each(|bits| line.push(Ticket::from_u64(bits), &Arrival::new(1)));
        (1..1_000).for_each(|bits| line.give_up(Ticket::from_u64(bits)));
        assert_eq!(line.len(), 1);
        assert!(line.line.len() <= 2);
    }
}
