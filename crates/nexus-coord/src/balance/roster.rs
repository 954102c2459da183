//! Who is in the pool, and what the dispatcher knows of each.

use nexus_base::Time;

use super::{Report, ServerId, ServerIndex};

/// What a dispatcher may see: the time, its own past, and what servers reported.
///
/// ```compile_fail,E0599
/// # use nexus_coord::balance::{ServerIndex, View};
/// // There is no way to learn how fast a server is but to watch it.
/// fn speed(view: &View<'_>, server: ServerIndex) -> f64 { view.speed(server) }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    now: Time,
    roster: &'a Roster,
}

impl<'a> View<'a> {
    /// The moment of the decision.
    #[inline]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Who can be chosen, in order of their place.
    #[inline]
    pub fn candidates(&self) -> &'a [ServerIndex] {
        &self.roster.candidates
    }

    /// Requests this dispatcher sent to `server` that have not ended.
    #[inline]
    pub fn in_flight(&self, server: ServerIndex) -> u32 {
        self.roster.seats[server.as_usize()].in_flight
    }

    /// The latest report of `server`, if it ever reported: as old as its
    /// [`Report::at`] is before [`View::now`].
    #[inline]
    pub fn last_report(&self, server: ServerIndex) -> Option<&'a Report> {
        self.roster.reports[server.as_usize()].as_ref()
    }
}

/// The pool's books: seats, who sits in them, and what each has in flight.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    seats: Vec<Seat>,
    /// The latest report from each seat; apart, so that counts stay close together.
    reports: Vec<Option<Report>>,
    /// Seats in use, ascending. Joining and leaving move up to all of it
    /// (a few microseconds at 10,000), so that choosing need not.
    candidates: Vec<ServerIndex>,
    /// Seats whose occupant left and has nothing in flight.
    free: Vec<ServerIndex>,
}

#[derive(Clone, Debug, Default)]
struct Seat {
    occupant: u32,
    in_flight: u32,
    present: bool,
}

impl Roster {
    pub(super) fn view(&self, now: Time) -> View<'_> {
        View { now, roster: self }
    }

    pub(super) fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Seats taken, by candidates or by servers that left with requests in flight.
    pub(super) fn seats_taken(&self) -> usize {
        self.seats.len() - self.free.len()
    }

    pub(super) fn is_candidate(&self, server: ServerIndex) -> bool {
        self.seats.get(server.as_usize()).is_some_and(|seat| seat.present)
    }

    /// Where `server` sits, if it is still the one sitting there.
    pub(super) fn seat_of(&self, server: ServerId) -> Option<ServerIndex> {
        let seat = self.seats.get(server.index.as_usize())?;
        (seat.present && seat.occupant == server.occupant).then_some(server.index)
    }

    pub(super) fn id_of(&self, server: ServerIndex) -> ServerId {
        ServerId { index: server, occupant: self.seats[server.as_usize()].occupant }
    }

    pub(super) fn in_flight(&self, server: ServerIndex) -> u32 {
        self.seats[server.as_usize()].in_flight
    }

    pub(super) fn join(&mut self) -> ServerId {
        let index = self.free.pop().unwrap_or_else(|| self.new_seat());
        let seat = &mut self.seats[index.as_usize()];
        seat.present = true;
        let place = self.candidates.partition_point(|&other| other < index);
        self.candidates.insert(place, index);
        self.id_of(index)
    }

    pub(super) fn leave(&mut self, server: ServerIndex) {
        let place = self.candidates.binary_search(&server).expect("a present server is listed");
        self.candidates.remove(place);
        let seat = &mut self.seats[server.as_usize()];
        seat.present = false;
        self.reports[server.as_usize()] = None;
        self.release_if_empty(server);
    }

    /// Counts one more at `server` and returns how many that makes.
    pub(super) fn add(&mut self, server: ServerIndex) {
        self.seats[server.as_usize()].in_flight += 1;
    }

    pub(super) fn subtract(&mut self, server: ServerIndex) {
        let seat = &mut self.seats[server.as_usize()];
        seat.in_flight = seat.in_flight.checked_sub(1).expect("every ticket was counted once");
        if !seat.present {
            self.release_if_empty(server);
        }
    }

    /// Keeps `report` unless a later one is known; says whether it was kept.
    pub(super) fn record(&mut self, server: ServerIndex, report: Report) -> bool {
        let known = &mut self.reports[server.as_usize()];
        let newer = known.is_none_or(|known| known.at <= report.at);
        if newer {
            *known = Some(report);
        }
        newer
    }

    fn new_seat(&mut self) -> ServerIndex {
        let index = u32::try_from(self.seats.len()).expect("the limit on servers fits 32 bits");
        self.seats.push(Seat::default());
        self.reports.push(None);
        ServerIndex::new(index)
    }

    fn release_if_empty(&mut self, server: ServerIndex) {
        let seat = &mut self.seats[server.as_usize()];
        if seat.in_flight == 0 {
            seat.occupant = seat.occupant.wrapping_add(1);
            self.free.push(server);
        }
    }
}
