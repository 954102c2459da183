//! Everything at once: whatever agents do to each other, nothing hangs and
//! nothing is lost uncounted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus::{
    Agent, Context, Delivery, DeliveryHook, Gate, Handle, Handler, Intensity, KindSpec,
    MailboxSpec, Message, OnCancel, Overflow, StepOutput, Strategy, SupervisorId, SupervisorSpec,
};
use nexus_base::{AgentId, Rng, Time};
use nexus_sim::{World, check, seeds};
use serde::{Deserialize, Serialize};

/// Agents there are.
const AGENTS: u64 = 6;

/// One kind for each overflow policy; odd ones drop cancelled handlers.
#[allow(dead_code, reason = "counted, not read")]
struct Actor<const POLICY: u8>(Arc<()>);

const POLICIES: [Overflow; 5] = [
    Overflow::Refuse,
    Overflow::Wait,
    Overflow::DropOldest,
    Overflow::DropNewest,
    Overflow::ShedLowest,
];

const NAMES: [&str; 5] = ["refuse", "wait", "oldest", "newest", "shed"];

impl<const POLICY: u8> Agent for Actor<POLICY> {
    const KIND: &'static str = NAMES[POLICY as usize];
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(POLICIES[POLICY as usize]).len_max(3);
    const ON_CANCEL: OnCancel = if POLICY % 2 == 1 { OnCancel::Drop } else { OnCancel::Finish };
    const DEADLINE: Duration = Duration::from_nanos(500);
    fn new(_: &str) -> Self {
        unreachable!("made by the scenario")
    }
}

/// What an actor is to do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Act {
    Nothing,
    Sleep(u16),
    Ask(u8),
    AskQueued(u8),
    AskBriefly(u8, u16),
    Tell(u8),
    Later(u16),
    Stop(u8),
    Kill(u8),
    Restart(u8),
    Link(u8),
    Panic,
    Spawn(u8),
    StopMyself,
}

fn any_act(rng: &mut Rng) -> Act {
    let who = rng.below(AGENTS * 5) as u8;
    let time = rng.below(300) as u16;
    match rng.below(40) {
        0..5 => Act::Nothing,
        5..10 => Act::Sleep(time),
        10..16 => Act::Ask(who),
        16..19 => Act::AskQueued(who),
        19..22 => Act::AskBriefly(who, time),
        22..28 => Act::Tell(who),
        28..30 => Act::Later(time),
        30 => Act::Stop(who),
        31 => Act::Kill(who),
        32 => Act::Restart(who),
        33 => Act::Link(who),
        34 => Act::Panic,
        35 => Act::StopMyself,
        _ => Act::Spawn(who),
    }
}

/// Do these, one after the other, passing the rest on.
#[derive(Clone, Message)]
#[message(reply = u32)]
struct Script {
    acts: Vec<Act>,
    depth: u8,
}

fn any_script(rng: &mut Rng, depth: u8) -> Script {
    let acts = (0..rng.below(5)).map(|_| any_act(rng)).collect();
    Script { acts, depth }
}

/// Calls `$call` with the handle of actor `$who`, if it is there.
macro_rules! with_actor {
    ($cx:expr, $who:expr, |$handle:ident| $call:expr) => {{
        let (kind, key) = ($who % 5, ($who / 5).to_string());
        match kind {
            0 => {
                if let Some($handle) = $cx.find::<Actor<0>>(&key) {
                    $call
                }
            }
            1 => {
                if let Some($handle) = $cx.find::<Actor<1>>(&key) {
                    $call
                }
            }
            2 => {
                if let Some($handle) = $cx.find::<Actor<2>>(&key) {
                    $call
                }
            }
            3 => {
                if let Some($handle) = $cx.find::<Actor<3>>(&key) {
                    $call
                }
            }
            _ => {
                if let Some($handle) = $cx.find::<Actor<4>>(&key) {
                    $call
                }
            }
        }
    }};
}

impl<const POLICY: u8> Handler<Script> for Actor<POLICY> {
    async fn handle(&mut self, script: Script, cx: &mut Context<Self>) -> u32 {
        let depth = script.depth;
        let next = |cx: &Context<Self>| {
            cx.random(|rng| {
                if depth == 0 { Script { acts: vec![], depth } } else { any_script(rng, depth - 1) }
            })
        };
        for act in script.acts {
            match act {
                Act::Nothing => {}
                Act::Sleep(nanos) => cx.sleep(Duration::from_nanos(nanos.into())).await,
                Act::Ask(who) => with_actor!(cx, who, |actor| drop(actor.ask(next(cx)).await)),
                Act::AskQueued(who) => {
                    with_actor!(cx, who, |actor| drop(actor.ask(next(cx)).queued().await));
                }
                Act::AskBriefly(who, nanos) => with_actor!(cx, who, |actor| {
                    drop(actor.ask(next(cx)).within(Duration::from_nanos(nanos.into())).await);
                }),
                Act::Tell(who) => with_actor!(cx, who, |actor| drop(actor.try_tell(next(cx)))),
                Act::Later(nanos) => {
                    let timer = cx.after(Duration::from_nanos(nanos.into()), next(cx));
                    if nanos % 3 == 0 {
                        timer.cancel();
                    }
                }
                Act::Stop(who) => with_actor!(cx, who, |actor| actor.stop()),
                Act::Kill(who) => with_actor!(cx, who, |actor| actor.kill()),
                Act::Restart(who) => with_actor!(cx, who, |actor| actor.restart()),
                Act::Link(who) => with_actor!(cx, who, |actor| cx.link(&actor)),
                Act::Panic => panic!("as the test wants it"),
                Act::Spawn(who) => drop(spawn_in(cx, who)),
                Act::StopMyself => cx.stop(),
            }
        }
        depth.into()
    }
}

fn spawn_in<A: Agent>(cx: &Context<A>, who: u8) -> bool {
    let key = (who / 5).to_string();
    match who % 5 {
        0 => cx.spawn::<Actor<0>>(&key).is_ok(),
        1 => cx.spawn::<Actor<1>>(&key).is_ok(),
        2 => cx.spawn::<Actor<2>>(&key).is_ok(),
        3 => cx.spawn::<Actor<3>>(&key).is_ok(),
        _ => cx.spawn::<Actor<4>>(&key).is_ok(),
    }
}

/// Sees everything and does nothing.
struct Looker;

impl DeliveryHook for Looker {
    fn delivered(&self, _: Delivery) {}
    fn resumed(&self, _: AgentId, _: Time) {}
}

/// Lets steps out late, or never.
#[derive(Clone, Default)]
struct Sluice(Arc<Mutex<VecDeque<StepOutput>>>);

impl Gate for Sluice {
    fn hold(&self, output: StepOutput) {
        self.0.lock().expect("nobody panics here").push_back(output);
    }
}

impl Sluice {
    /// Lets the oldest step out, or has it vanish; false if there is none.
    fn open(&self, rng: &mut Rng) -> bool {
        let step = self.0.lock().expect("nobody panics here").pop_front();
        let Some(step) = step else { return false };
        if rng.below(8) > 0 {
            step.outbox.release();
        }
        true
    }
}

/// Actors of one policy, each under one of the supervisors.
fn spawn_all<const POLICY: u8>(
    world: &World,
    supervisors: &[SupervisorId],
    spec: KindSpec<Actor<POLICY>>,
) -> Vec<Handle<Actor<POLICY>>> {
    world.register(spec);
    let spawn = |key: u64| {
        let supervisor = supervisors[key as usize % supervisors.len()];
        world.system().spawn_under(supervisor, &key.to_string()).expect("the name is free")
    };
    (0..AGENTS).map(spawn).collect()
}

fn supervisors(world: &World) -> Vec<SupervisorId> {
    let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
    let mut parent = None;
    let mut supervisor = |strategy| {
        let intensity = Intensity { restarts_max: 2, within: Duration::from_nanos(300) };
        let spec = SupervisorSpec { strategy, intensity, ..SupervisorSpec::default() };
        let made = world.system().supervisor(parent, spec).expect("its parent is there");
        parent = Some(made);
        made
    };
    strategies.map(&mut supervisor).to_vec()
}

/// Tells and asks from outside, some of them given up.
fn play<const POLICY: u8>(
    world: &mut World,
    rng: &mut Rng,
    sluice: &Sluice,
    actors: Vec<Handle<Actor<POLICY>>>,
) {
    for actor in actors {
        for _ in 0..4 {
            let script = any_script(rng, 3);
            if rng.below(3) == 0 {
                drop(actor.try_tell(script));
            } else {
                let actor = actor.clone();
                let task = world.task(async move { actor.ask(script).await.is_ok() });
                let task = task.expect("the node takes work");
                if rng.below(4) == 0 {
                    world.after(Duration::from_nanos(rng.below(400)), move |_| task.cancel());
                }
            }
            world.run_for(Duration::from_nanos(rng.below(30)));
            sluice.open(rng);
        }
    }
}

fn jumble(world: &mut World, token: &Arc<()>) {
    let mut rng = Rng::new(world.seed()).fork("jumble");
    let sluice = Sluice::default();
    let (one, two, three, four, five) =
        (token.clone(), token.clone(), token.clone(), token.clone(), token.clone());
    let of = supervisors(world);
    let refuse = spawn_all::<0>(
        world,
        &of,
        KindSpec::from_fn(move |_| Actor(one.clone())).hook(Arc::new(Looker)),
    );
    let wait = spawn_all::<1>(world, &of, KindSpec::from_fn(move |_| Actor(two.clone())));
    let oldest = spawn_all::<2>(world, &of, KindSpec::from_fn(move |_| Actor(three.clone())));
    let newest = spawn_all::<3>(
        world,
        &of,
        KindSpec::from_fn(move |_| Actor(four.clone())).gate(Arc::new(sluice.clone())),
    );
    let shed = spawn_all::<4>(world, &of, KindSpec::from_fn(move |_| Actor(five.clone())));
    play(world, &mut rng, &sluice, refuse);
    play(world, &mut rng, &sluice, wait);
    play(world, &mut rng, &sluice, oldest);
    play(world, &mut rng, &sluice, newest);
    play(world, &mut rng, &sluice, shed);
    world.run_until_idle();
    while sluice.open(&mut rng) {
        world.run_until_idle();
    }
    let busy = world.system().busy();
    assert!(busy.is_empty(), "all is done: {busy:?}");
    for (kind, counts) in world.system().counts() {
        let there = world.system().list(Some(kind), None, 100).len() as u64;
        assert_eq!((counts.queued(), counts.agents()), (0, there), "{kind}");
    }
}

#[test]
fn nothing_hangs_and_nothing_is_lost() {
    check(seeds(150), |world| jumble(world, &Arc::default()));
}

#[test]
fn a_world_that_ends_leaves_nothing_behind() {
    for seed in seeds(50) {
        let token = Arc::default();
        let mut world = World::new(seed);
        jumble(&mut world, &token);
        drop(world);
        assert_eq!(Arc::strong_count(&token), 1, "seed {seed}");
    }
}
