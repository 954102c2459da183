//! The shipped trace served by thirty-one servers, each with its own queue. Nothing
//! here knows the crate under test.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use nexus_base::{Rng, Time};

pub use crate::shipped::{Request, trace};

const SERVERS: usize = 31;

/// What is known of a request's size once it has ended: the tokens, weighed.
pub fn size_of(request: &Request) -> u64 {
    u64::from(request.context) + 80 * u64::from(request.generated)
}

/// The trace again and again, `hours` times without a pause. In each the sizes of
/// requests near each other in time are shuffled, so that no hour is another; over
/// longer times they stay, because busy times have short requests.
pub fn hours(trace: &[Request], hours: u32, rng: &mut Rng) -> Vec<Request> {
    const NEAR: usize = 250;
    let mean_gap = Duration::from_millis(180);
    let span = trace[trace.len() - 1].arrival.since(Time::ZERO) + mean_gap;
    let hour = |hour: u32| {
        let mut sizes = trace.to_vec();
        sizes.chunks_mut(NEAR).for_each(|near| rng.shuffle(near));
        let moved = move |(at, size): (&Request, Request)| Request {
            arrival: at.arrival.after(span * hour),
            ..size
        };
        trace.iter().zip(sizes).map(moved).collect::<Vec<_>>()
    };
    (0..hours).flat_map(hour).collect()
}

/// Whom a request goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The server with the fewest requests.
    Fewest,
    /// The server where its turn ends soonest, by speed and requests.
    Soonest,
}

/// A request that ended; `place` is its place in the trace.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub place: usize,
    pub at: Time,
    pub arrived: Time,
}

impl Ended {
    pub fn cost(&self) -> Duration {
        self.at.since(self.arrived)
    }
}

struct Server {
    /// Twice the speed.
    pace: u32,
    waiting: VecDeque<usize>,
    serving: Option<usize>,
}

impl Server {
    /// Seven are half as fast again, seven half as fast, as in a mixed pool of the
    /// demo.
    fn new(index: usize) -> Server {
        let pace = if index < 7 {
            3
        } else if index < 14 {
            1
        } else {
            2
        };
        Server { pace, waiting: VecDeque::new(), serving: None }
    }

    fn count(&self) -> u32 {
        self.waiting.len() as u32 + u32::from(self.serving.is_some())
    }

    /// Sixths of a mean request's time until one that comes now has been served.
    fn turn(&self) -> u32 {
        (self.count() + 1) * 6 / self.pace
    }
}

/// Serves all requests in a pool of mixed speeds; `place` is asked where each goes,
/// `ended` told as each ends, in the order of time.
pub fn serve(
    requests: &[Request],
    rng: &mut Rng,
    mut place: impl FnMut(Time, usize) -> Place,
    mut ended: impl FnMut(Ended),
) {
    let mut servers: Vec<Server> = (0..SERVERS).map(Server::new).collect();
    let mut ends: BinaryHeap<Reverse<(Time, usize)>> = BinaryHeap::new();
    for (number, request) in requests.iter().enumerate() {
        end_until(request.arrival, requests, &mut servers, &mut ends, &mut ended);
        let server = pick(&servers, place(request.arrival, number), rng);
        servers[server].waiting.push_back(number);
        begin(request.arrival, server, requests, &mut servers, &mut ends);
    }
    end_until(Time::MAX, requests, &mut servers, &mut ends, &mut ended);
}

fn end_until(
    now: Time,
    requests: &[Request],
    servers: &mut [Server],
    ends: &mut BinaryHeap<Reverse<(Time, usize)>>,
    ended: &mut impl FnMut(Ended),
) {
    while let Some(Reverse((at, server))) = ends.peek().copied().filter(|end| end.0.0 <= now) {
        ends.pop();
        let place = servers[server].serving.take().expect("who ends was served");
        ended(Ended { place, at, arrived: requests[place].arrival });
        begin(at, server, requests, servers, ends);
    }
}

fn begin(
    now: Time,
    server: usize,
    requests: &[Request],
    servers: &mut [Server],
    ends: &mut BinaryHeap<Reverse<(Time, usize)>>,
) {
    if servers[server].serving.is_some() {
        return;
    }
    if let Some(next) = servers[server].waiting.pop_front() {
        servers[server].serving = Some(next);
        let takes = requests[next].work() * 2 / servers[server].pace;
        ends.push(Reverse((now.after(takes), server)));
    }
}

/// Ties are broken by chance: looked at from a drawn server on.
fn pick(servers: &[Server], place: Place, rng: &mut Rng) -> usize {
    let from = rng.below(SERVERS as u64) as usize;
    let order = (0..SERVERS).map(|step| (from + step) % SERVERS);
    let picked = match place {
        Place::Fewest => order.min_by_key(|&server| servers[server].count()),
        Place::Soonest => order.min_by_key(|&server| servers[server].turn()),
    };
    picked.expect("there are servers")
}
