//! The desk: who is in a pool, who has what, who waits. Pure.
//!
//! It is handed the time and what happened, and answers who serves; threads,
//! agents and wakers are the door's affair. Here a member is whatever `H` it is
//! reached by.
//!
//! Absent on purpose: clocks, locks, messages.

mod layered;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use nexus_agent::Intensity;
use nexus_base::{Level, Rng, Time};
use nexus_coord::balance::{
    Arrival, Balancer, Effect, Limits, Meter, Outcome, PickError, Placement, ReportCause, ServerId,
    Strategy, StrategyName, Ticket, strategy,
};
use nexus_coord::{EnabledLevels, Features, Routed, Routing, resolve};
use nexus_intel::adaptive::Choosing;

use super::layers::Layers;
use super::{LevelCounts, MemberCounts, PoolCounts, PoolError, PoolSpec};

/// Index of a member: the number in its key.
pub(super) type MemberIndex = usize;

/// The balancer's strategies in their order; the last is there if there are layers.
const BY_BASIC: usize = 0;
const BY_OPTIMIZED: usize = 1;
const BY_LAYERS: usize = 2;

/// A pool's books.
pub(super) struct Desk<H> {
    balancer: Balancer,
    rng: Rng,
    levels: EnabledLevels,
    /// The level that the layers are asked for, if there are layers.
    layers_asked: Option<Level>,
    replacing: Intensity,
    members: Vec<Member>,
    /// By the balancer's server index. A seat outlives its member until every
    /// call that went there has ended.
    seats: Vec<Seat<H>>,
    /// Whether somebody asks for what meters say.
    is_metered: bool,
    waiting: BTreeMap<Ticket, Waiting<H>>,
    wakes: Vec<Waker>,
    asked: [u64; 4],
    used: [u64; 4],
    refused: u64,
    is_stopped: bool,
}

/// One of the agents that the pool is to have.
struct Member {
    key: Arc<str>,
    /// Who it is to the balancer while it is in the pool.
    server: Option<ServerId>,
    /// When it was replaced lately; never more than the intensity allows.
    replaced_at: VecDeque<Time>,
    joined: u64,
    left_out: Option<String>,
    done: u64,
    failed: u64,
    cancelled: u64,
}

struct Seat<H> {
    member: MemberIndex,
    handle: H,
    meter: Meter,
}

/// A held call.
struct Waiting<H> {
    /// Which strategy it came to.
    by: usize,
    waker: Option<Waker>,
    stage: Held<H>,
}

/// What has become of a held call.
enum Held<H> {
    /// Nothing yet.
    Waits,
    /// It goes to a member.
    Assigned(Sent<H>),
    /// It would not be served by its deadline; the balancer has closed it.
    Refused,
}

/// A call that goes to a member, or has gone there.
pub(super) struct Sent<H> {
    pub(super) ticket: Ticket,
    pub(super) member: MemberIndex,
    pub(super) handle: H,
    /// The level that placed it.
    pub(super) level: Level,
    server: ServerId,
    at: Time,
    /// How many others of ours it met there.
    met: u32,
}

/// Where a call goes.
pub(super) enum Placed<H> {
    Sent(Sent<H>),
    /// Nowhere yet: see [`Desk::poll_held`].
    Held(Ticket),
}

/// What is to be done about a member that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// Make it anew.
    Replace,
    /// Nothing: it is left out from here on.
    LeftOut,
    /// Nothing: it was not in the pool any more.
    Unknown,
}

impl<H: Clone> Desk<H> {
    /// A desk for members with these keys, none of which is in yet. Without `layers`
    /// there is no adaptive routing level.
    pub(super) fn new(
        spec: &PoolSpec,
        seed: u64,
        keys: Vec<Arc<str>>,
        layers: Option<Layers>,
    ) -> Desk<H> {
        // One that left keeps its seat until its calls have ended.
        let servers_max = spec.in_flight_max.saturating_add(keys.len() as u32);
        let (in_flight_max, held_max) = (spec.in_flight_max, spec.held_max);
        let limits = Limits { servers_max, in_flight_max, held_max };
        let balancer = Balancer::new(strategy(spec.basic), limits);
        let rng = Rng::new(seed);
        let mut balancer = balancer.with_strategy(optimized(spec, &rng));
        let layers_asked = layers.as_ref().map(|layers| layers.ladder().asked());
        if let Some(layers) = layers {
            balancer = balancer.with_strategy(Box::new(layers));
        }
        Desk {
            balancer,
            rng,
            levels: spec.levels,
            layers_asked,
            replacing: spec.replacing,
            members: keys.into_iter().map(Member::new).collect(),
            seats: Vec::new(),
            is_metered: [spec.basic, spec.optimized].contains(&StrategyName::Prequal),
            waiting: BTreeMap::new(),
            wakes: Vec::new(),
            asked: [0; 4],
            used: [0; 4],
            refused: 0,
            is_stopped: false,
        }
    }

    /// A member is there. `None` if the pool has been stopped and does not take it.
    pub(super) fn handle_join(
        &mut self,
        now: Time,
        member: MemberIndex,
        handle: H,
    ) -> Option<ServerId> {
        if self.is_stopped {
            return None;
        }
        let seat = Seat { member, handle, meter: Meter::default() };
        let server = self.balancer.handle_join(now).expect("there is a seat for every member");
        let index = server.index().as_usize();
        if index < self.seats.len() {
            self.seats[index] = seat;
        } else {
            self.seats.push(seat);
        }
        let known = &mut self.members[member];
        known.server = Some(server);
        known.left_out = None;
        known.joined += 1;
        self.carry_out(now);
        Some(server)
    }

    /// The member that was `server` has ended.
    pub(super) fn handle_end(
        &mut self,
        now: Time,
        member: MemberIndex,
        server: ServerId,
        reason: &str,
    ) -> Ended {
        let known = &mut self.members[member];
        if known.server != Some(server) {
            return Ended::Unknown;
        }
        known.server = None;
        let ended = known.judge(now, self.replacing, reason);
        self.balancer.handle_leave(now, server).expect("a member in the pool is known");
        self.carry_out(now);
        ended
    }

    /// A member will not be made anew.
    pub(super) fn handle_left_out(&mut self, member: MemberIndex, reason: String) {
        self.members[member].left_out = Some(reason);
    }

    /// The members that are left out. They count as on their way back.
    pub(super) fn take_left_out(&mut self) -> Vec<MemberIndex> {
        let members = self.members.iter_mut().enumerate();
        let left_out = members.filter_map(|(index, member)| {
            member.left_out.take()?;
            member.replaced_at.clear();
            Some(index)
        });
        left_out.collect()
    }

    /// The members that are in the pool.
    pub(super) fn handles(&self) -> impl Iterator<Item = &H> {
        let servers = self.members.iter().filter_map(|member| member.server);
        servers.map(|server| &self.seats[server.index().as_usize()].handle)
    }

    /// Nobody is served any more; held calls are told so. Returns the members.
    pub(super) fn handle_stop(&mut self, now: Time) -> Vec<H> {
        self.is_stopped = true;
        let servers: Vec<ServerId> =
            self.members.iter_mut().filter_map(|member| member.server.take()).collect();
        for &server in &servers {
            self.balancer.handle_leave(now, server).expect("a member in the pool is known");
        }
        // Whoever leaves may change what others are given, or that they are refused.
        self.carry_out(now);
        let wakers = self.waiting.values_mut().filter_map(|waiting| waiting.waker.take());
        self.wakes.extend(wakers);
        servers.iter().map(|server| self.seats[server.index().as_usize()].handle.clone()).collect()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Finds a member for a call.
    pub(super) fn handle_call(
        &mut self,
        now: Time,
        asked: Routing,
        features: Features,
        deadline: Time,
    ) -> Result<(Routed, Placed<H>), PoolError> {
        let routed = resolve(asked, &self.levels);
        let placed = self.place(now, routed.used, features, deadline);
        match placed {
            Ok(_) => {
                self.asked[asked as usize] += 1;
                self.used[routed.used as usize] += 1;
            }
            Err(_) => self.refused += 1,
        }
        self.carry_out(now);
        placed.map(|placed| (routed, placed))
    }

    /// The member that a held call has been given; `waker` is woken when it is.
    ///
    /// # Errors
    /// [`PoolError::Stopped`] or [`PoolError::TooLate`]; the call still has to be
    /// given up.
    pub(super) fn poll_held(
        &mut self,
        ticket: Ticket,
        waker: &Waker,
    ) -> Result<Option<Sent<H>>, PoolError> {
        if self.is_stopped {
            return Err(PoolError::Stopped);
        }
        let waiting = self.waiting.get_mut(&ticket).expect("a held call waits until it is ended");
        match std::mem::replace(&mut waiting.stage, Held::Waits) {
            Held::Waits => {}
            Held::Assigned(sent) => {
                self.waiting.remove(&ticket);
                return Ok(Some(sent));
            }
            Held::Refused => {
                waiting.stage = Held::Refused;
                return Err(PoolError::TooLate);
            }
        }
        if !waiting.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            waiting.waker = Some(waker.clone());
        }
        Ok(None)
    }

    /// A held call's caller gave up.
    pub(super) fn handle_held_given_up(&mut self, now: Time, ticket: Ticket) {
        let waiting = self.waiting.remove(&ticket).expect("a held call waits until it is ended");
        match waiting.stage {
            Held::Assigned(sent) => self.handle_finished(now, &sent, Outcome::Cancelled),
            Held::Waits => self.end(now, ticket, Outcome::Cancelled),
            Held::Refused => {}
        }
    }

    /// A call that went to a member has ended.
    pub(super) fn handle_finished(&mut self, now: Time, sent: &Sent<H>, outcome: Outcome) {
        let member = &mut self.members[sent.member];
        match outcome {
            Outcome::Done => member.done += 1,
            Outcome::Failed => member.failed += 1,
            Outcome::Cancelled => member.cancelled += 1,
        }
        if self.is_metered {
            let meter = &mut self.seats[sent.server.index().as_usize()].meter;
            meter.handle_finished(sent.met, now.since(sent.at));
        }
        self.end(now, sent.ticket, outcome);
    }

    /// Whom to wake, once the desk is let go of.
    pub(super) fn take_wakes(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.wakes)
    }

    pub(super) fn levels(&self) -> EnabledLevels {
        self.levels
    }

    /// Those that are in the pool now.
    pub(super) fn members(&self) -> Vec<H> {
        let servers = self.members.iter().filter_map(|member| member.server);
        servers.map(|server| self.seats[server.index().as_usize()].handle.clone()).collect()
    }

    pub(super) fn key(&self, member: MemberIndex) -> Arc<str> {
        self.members[member].key.clone()
    }

    pub(super) fn counts(&self, now: Time) -> PoolCounts {
        let counts = self.balancer.counts();
        PoolCounts {
            placed: counts.placed,
            refused: self.refused,
            in_flight: self.balancer.in_flight_count(),
            held: self.balancer.held_count(),
            done: counts.done,
            failed: counts.failed,
            cancelled: counts.cancelled,
            too_late: counts.expired,
            levels: Routing::ALL.map(|level| LevelCounts {
                level,
                asked: self.asked[level as usize],
                used: self.used[level as usize],
            }),
            members: self.members.iter().map(|member| self.counts_of(now, member)).collect(),
        }
    }

    fn counts_of(&self, now: Time, member: &Member) -> MemberCounts {
        let view = self.balancer.view(now);
        MemberCounts {
            key: member.key.to_string(),
            in_flight: member.server.map_or(0, |server| view.in_flight(server.index())),
            done: member.done,
            failed: member.failed,
            cancelled: member.cancelled,
            replaced: member.joined.saturating_sub(1),
            left_out: member.left_out.clone(),
        }
    }

    fn place(
        &mut self,
        now: Time,
        level: Routing,
        features: Features,
        deadline: Time,
    ) -> Result<Placed<H>, PoolError> {
        if self.is_stopped {
            return Err(PoolError::Stopped);
        }
        let arrival = Arrival { features, deadline, ..Arrival::new(0) };
        let by = match level {
            Routing::Basic => BY_BASIC,
            Routing::Optimized => BY_OPTIMIZED,
            Routing::Adaptive | Routing::Swarm => BY_LAYERS,
        };
        match self.balancer.handle_request_by(by, now, &arrival, &mut self.rng) {
            Ok(Placement::Sent { ticket, server }) => {
                Ok(Placed::Sent(self.send(now, by, ticket, server)))
            }
            Ok(Placement::Held { ticket }) => {
                self.waiting.insert(ticket, Waiting { by, waker: None, stage: Held::Waits });
                Ok(Placed::Held(ticket))
            }
            Err(PickError::Empty) => Err(PoolError::NoMember),
            Err(PickError::TooLate) => Err(PoolError::TooLate),
            Err(PickError::HeldFull { held_max }) => Err(PoolError::HeldFull { held_max }),
            Err(PickError::InFlightFull { in_flight_max }) => {
                Err(PoolError::InFlightFull { in_flight_max })
            }
            Err(error) => unreachable!("the strategies are ours: {error}"),
        }
    }

    #[inline]
    fn send(&mut self, now: Time, by: usize, ticket: Ticket, server: ServerId) -> Sent<H> {
        let level = if by == BY_LAYERS { self.level_used() } else { Level::Reactive };
        let seat = &mut self.seats[server.index().as_usize()];
        let met = if self.is_metered { seat.meter.handle_arrived() } else { 0 };
        let (member, handle) = (seat.member, seat.handle.clone());
        Sent { ticket, member, handle, level, server, at: now, met }
    }

    fn end(&mut self, now: Time, ticket: Ticket, outcome: Outcome) {
        self.balancer.handle_finished(now, ticket, outcome).expect("each call ends once");
        self.carry_out(now);
    }

    /// Does what the balancer asks for: held calls get their members, probes
    /// their answers.
    #[inline]
    fn carry_out(&mut self, now: Time) {
        while let Some(effect) = self.balancer.poll_effect() {
            match effect {
                Effect::Assign { ticket, server } => {
                    let by = self.waiting.get(&ticket).expect("held calls wait").by;
                    let sent = self.send(now, by, ticket, server);
                    let waiting = self.waiting.get_mut(&ticket).expect("held calls wait");
                    waiting.stage = Held::Assigned(sent);
                    self.wakes.extend(waiting.waker.take());
                }
                Effect::Refuse { ticket } => {
                    let waiting = self.waiting.get_mut(&ticket).expect("held calls wait");
                    waiting.stage = Held::Refused;
                    self.wakes.extend(waiting.waker.take());
                }
                Effect::Probe(server) => {
                    let meter = &self.seats[server.index().as_usize()].meter;
                    let report = meter.report(now, ReportCause::Probed);
                    // A late one does no harm.
                    let _ = self.balancer.handle_report(now, server, report);
                }
                other => unreachable!("no effect like {other:?} is known here"),
            }
        }
    }
}

/// Who picks at the optimized level.
fn optimized(spec: &PoolSpec, rng: &Rng) -> Box<dyn Strategy> {
    match spec.is_choosing {
        true => Box::new(Choosing::new(rng.fork("choosing"))),
        false => strategy(spec.optimized),
    }
}

impl Member {
    fn new(key: Arc<str>) -> Member {
        Member {
            key,
            server: None,
            replaced_at: VecDeque::new(),
            joined: 0,
            left_out: None,
            done: 0,
            failed: 0,
            cancelled: 0,
        }
    }

    /// Whether it is to be replaced, now that it has ended.
    fn judge(&mut self, now: Time, intensity: Intensity, reason: &str) -> Ended {
        let in_window = |at: &Time| now.since(*at) <= intensity.within;
        while self.replaced_at.front().is_some_and(|at| !in_window(at)) {
            self.replaced_at.pop_front();
        }
        if self.replaced_at.len() >= intensity.restarts_max as usize {
            self.left_out = Some(reason.to_owned());
            return Ended::LeftOut;
        }
        self.replaced_at.push_back(now);
        Ended::Replace
    }
}

#[cfg(test)]
mod tests;
