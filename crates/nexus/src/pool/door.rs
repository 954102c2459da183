//! The door: the desk under its lock, and the members behind it.
//!
//! Whatever is decided is decided at the desk; here its members are spawned,
//! watched and stopped, and whoever waits is woken, always with the lock released.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_agent::{Agent, Event, Handle, SpawnError, System};
use nexus_base::{EventName, Level, Rng, Time};
use nexus_coord::balance::ServerId;
use nexus_coord::{EnabledLevels, Routing};
use nexus_intel::safety::LadderEffect;

use super::desk::{Desk, Ended, MemberIndex};
use super::hall::Hall;
use super::layers::{Layers, layers};
use super::{
    HELD_MAX, IN_FLIGHT_MAX, LayerError, MEMBERS_MAX, POOLS, PoolCounts, PoolSpawnError, PoolSpec,
    named,
};

/// What the clones of a pool share.
pub(super) struct Door<A: Agent> {
    pub(super) system: Arc<System>,
    pub(super) hall: Handle<Hall>,
    desk: Mutex<Desk<Handle<A>>>,
}

impl<A: Agent> Door<A> {
    pub(super) fn open(
        system: &Arc<System>,
        name: &str,
        count: usize,
        spec: &PoolSpec,
    ) -> Result<Arc<Door<A>>, PoolSpawnError> {
        check(count, spec)?;
        let hall = spawn::<Hall>(system, name)?;
        let keys: Vec<Arc<str>> =
            (0..count).map(|member| format!("{name}-{member}").into()).collect();
        let members = spawn_all(system, &keys).inspect_err(|_| hall.stop())?;
        let seed = spec.seed.unwrap_or_else(|| hall.id().low());
        let layers = make_layers(system.driver().now(), spec, seed).expect("they were checked");
        let desk = Mutex::new(Desk::new(spec, seed, keys, layers));
        let door = Arc::new(Door { system: system.clone(), hall, desk });
        for (member, handle) in members.into_iter().enumerate() {
            door.let_in(member, handle);
        }
        door.show_level();
        named::enter(system, name, &door);
        let stopped = Arc::downgrade(&door);
        door.hall.on_down(move |_| {
            if let Some(door) = stopped.upgrade() {
                door.end();
            }
        });
        Ok(door)
    }

    pub(super) fn now(&self) -> Time {
        self.system.driver().now()
    }

    /// The highest level that a member is set to.
    pub(super) fn level(&self) -> Level {
        self.lock().handles().map(Handle::level).max().unwrap_or_default()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Desk<Handle<A>>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the desk something, then wakes whom that concerns.
    #[inline]
    pub(super) fn at_desk<R>(&self, tell: impl FnOnce(&mut Desk<Handle<A>>) -> R) -> R {
        let mut desk = self.lock();
        let answer = tell(&mut desk);
        let news = if desk.has_news() { desk.take_news(self.now()) } else { Vec::new() };
        let wakes = desk.take_wakes();
        drop(desk);
        for waker in wakes {
            waker.wake();
        }
        for LadderEffect::Event { at, name, detail } in news {
            let agent = format!("{POOLS}/{}", self.hall.key());
            self.system.driver().observe(Event { at, name, agent, detail });
        }
        answer
    }

    pub(super) fn counts(&self) -> PoolCounts {
        let now = self.now();
        self.lock().counts(now)
    }

    /// Asks the layers for a level from here on.
    pub(super) fn set_level(&self, level: Level) -> Result<(), LayerError> {
        let now = self.now();
        self.at_desk(|desk| desk.set_level(now, level))?;
        self.show_level();
        Ok(())
    }

    /// Enables a layer or takes it away.
    pub(super) fn set_layer(&self, layer: Level, is_enabled: bool) -> Result<(), LayerError> {
        let now = self.now();
        self.at_desk(|desk| desk.set_layer(now, layer, is_enabled))
    }

    /// These levels are enabled from here on.
    pub(super) fn set_levels(&self, levels: EnabledLevels) {
        let now = self.now();
        self.at_desk(|desk| desk.set_levels(now, levels));
        self.show_level();
    }

    /// Who lists agents finds the pool by the level it asks for.
    fn show_level(&self) {
        let mut desk = self.lock();
        let (level, is_stopped) = (desk.level().asked, desk.is_stopped());
        drop(desk);
        if !is_stopped {
            self.hall.set_level(level);
        }
    }

    /// Stops the members and refuses calls from here on.
    pub(super) fn stop(&self) {
        if self.end() {
            self.hall.stop();
        }
    }

    /// Does so, unless that was done before; whether it was not. From here on its names
    /// may be somebody else's, and a handle finds who has the name.
    fn end(&self) -> bool {
        let now = self.now();
        let members = self.at_desk(|desk| (!desk.is_stopped()).then(|| desk.handle_stop(now)));
        members.iter().flatten().for_each(Handle::stop);
        members.is_some()
    }

    /// Makes the members anew that are left out; how many.
    pub(super) fn refill(self: &Arc<Door<A>>) -> usize {
        let left_out = self.lock().take_left_out();
        left_out.into_iter().filter(|&member| self.make_anew(member)).count()
    }

    fn let_in(self: &Arc<Door<A>>, member: MemberIndex, handle: Handle<A>) {
        let now = self.now();
        let joined = self.at_desk(|desk| desk.handle_join(now, member, handle.clone()));
        let Some(server) = joined else { return handle.stop() };
        let door = Arc::downgrade(self);
        handle.on_down(move |down| {
            if let Some(door) = door.upgrade() {
                door.handle_down(member, server, &down.reason);
            }
        });
    }

    fn handle_down(self: &Arc<Door<A>>, member: MemberIndex, server: ServerId, reason: &str) {
        let now = self.now();
        match self.at_desk(|desk| desk.handle_end(now, member, server, reason)) {
            Ended::Unknown => {}
            Ended::LeftOut => self.report_left_out(member, reason),
            Ended::Replace => {
                // Its constructor is the user's, and this may be anybody's stack.
                let door = Arc::downgrade(self);
                let make = async move {
                    if let Some(door) = door.upgrade() {
                        door.make_anew(member);
                    }
                };
                if let Err(error) = self.system.task(make) {
                    self.leave_out(member, &error);
                }
            }
        }
    }

    fn make_anew(self: &Arc<Door<A>>, member: MemberIndex) -> bool {
        let key = self.lock().key(member);
        match spawn_or_find::<A>(&self.system, &key) {
            Ok(handle) => {
                self.let_in(member, handle);
                self.observe(EventName::AgentRestarted, member, |pool| {
                    format!("made anew for pool {pool}")
                });
                true
            }
            Err(error) => {
                self.leave_out(member, &error);
                false
            }
        }
    }

    fn leave_out(&self, member: MemberIndex, error: &SpawnError) {
        let reason = error.to_string();
        self.lock().handle_left_out(member, reason.clone());
        self.report_left_out(member, &reason);
    }

    fn report_left_out(&self, member: MemberIndex, reason: &str) {
        self.observe(EventName::SupervisorGaveUp, member, |pool| {
            format!("left out of pool {pool} until it is refilled: {reason}")
        });
    }

    fn observe(&self, name: EventName, member: MemberIndex, detail: impl FnOnce(&str) -> String) {
        let driver = self.system.driver();
        if driver.wants(name) {
            let agent = format!("{}/{}", A::KIND, self.lock().key(member));
            let detail = detail(self.hall.key());
            driver.observe(Event { at: driver.now(), name, agent, detail });
        }
    }
}

impl<A: Agent> Drop for Door<A> {
    fn drop(&mut self) {
        self.stop();
        named::leave(&self.system, self.hall.key());
    }
}

fn check(count: usize, spec: &PoolSpec) -> Result<(), PoolSpawnError> {
    if !(1..=MEMBERS_MAX).contains(&count) {
        return Err(PoolSpawnError::Members(count));
    }
    if !(1..=IN_FLIGHT_MAX).contains(&spec.in_flight_max) {
        return Err(PoolSpawnError::InFlight(spec.in_flight_max));
    }
    if spec.held_max > HELD_MAX {
        return Err(PoolSpawnError::Held(spec.held_max));
    }
    // Made once for the sake of what it says, before anything is spawned.
    make_layers(Time::ZERO, spec, 0).map(drop)
}

fn make_layers(now: Time, spec: &PoolSpec, seed: u64) -> Result<Option<Layers>, PoolSpawnError> {
    let is_wanted = spec.levels.has(Routing::Adaptive);
    is_wanted.then(|| layers(now, spec, &Rng::new(seed))).transpose()
}

fn spawn<A: Agent>(system: &Arc<System>, key: &str) -> Result<Handle<A>, PoolSpawnError> {
    system.spawn(key).map_err(|source| {
        let name = format!("{}/{key}", A::KIND);
        PoolSpawnError::Spawn { name, source }
    })
}

/// All of them, or none.
fn spawn_all<A: Agent>(
    system: &Arc<System>,
    keys: &[Arc<str>],
) -> Result<Vec<Handle<A>>, PoolSpawnError> {
    let mut members = Vec::with_capacity(keys.len());
    for key in keys {
        match spawn(system, key) {
            Ok(member) => members.push(member),
            Err(error) => {
                members.iter().for_each(Handle::stop);
                return Err(error);
            }
        }
    }
    Ok(members)
}

/// Somebody else may have made it anew first: it is the member all the same.
fn spawn_or_find<A: Agent>(system: &Arc<System>, key: &str) -> Result<Handle<A>, SpawnError> {
    system.spawn(key).or_else(|error| match error {
        SpawnError::AlreadyRunning { .. } => system.find(key).ok_or(error),
        error => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use nexus_coord::Routing;

    use super::*;
    use crate::pool::{Pool, PoolError};
    use crate::{Kv, NodeSpec, Request};

    #[test]
    fn stopping_the_hall_stops_the_pool() {
        let node = NodeSpec::new().workers(1).start().expect("one worker can be started");
        let pool = Pool::<Kv>::spawn(&node, "p", 2, PoolSpec::new()).expect("the names are free");
        let hall = node.find::<Hall>("p").expect("it stands for the pool");
        let (ended, end) = std::sync::mpsc::channel();
        // Told after the pool has been.
        hall.on_down(move |_| ended.send(()).expect("the test waits"));
        hall.stop();
        end.recv().expect("it ends");
        let get = Request::query("get", serde_json::json!({"key": "k"}));
        let error = node.block_on(pool.ask(get, Routing::Basic)).expect_err("it is stopped");
        assert_eq!(error, PoolError::Stopped);
    }
}
