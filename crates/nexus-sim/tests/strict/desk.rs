//! The desk: a host that writes down what it is told.

use std::sync::{Arc, Mutex};

use nexus::{
    Activation, AskError, Call, Deliver, Host, KeptState, Letter, Message, StepOutput, StopReason,
    Wire, decode, encode,
};
use nexus_base::{AgentId, Time};
use nexus_sim::World;

/// What a host is told.
pub enum Told {
    Stepped(StepOutput),
    Undelivered(u64, AskError),
    Ended(u64, StopReason),
    Letter(Letter),
    Call(Call),
}

#[derive(Default)]
pub struct Desk(Mutex<Vec<Told>>);

impl Desk {
    /// A desk that is the host of `world`.
    pub fn of(world: &World) -> Arc<Desk> {
        let desk = Arc::new(Desk::default());
        world.system().set_host(desk.clone());
        desk
    }

    fn note(&self, told: Told) {
        self.0.lock().expect("nobody panics here").push(told);
    }

    /// What it was told since it was last asked.
    pub fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics here"))
    }

    /// The only thing it was told since, which is a step.
    pub fn step(&self) -> StepOutput {
        match <[Told; 1]>::try_from(self.take()) {
            Ok([Told::Stepped(step)]) => step,
            Ok([other]) => panic!("not a step: {}", words(&other)),
            Err(all) => panic!("not one step: {:?}", all.iter().map(words).collect::<Vec<_>>()),
        }
    }

    /// In words, since it was last asked.
    pub fn words(&self) -> Vec<String> {
        self.take().iter().map(words).collect()
    }
}

/// What was told, in a few words.
pub fn words(told: &Told) -> String {
    match told {
        Told::Stepped(step) => {
            let delivery = step.delivery.map_or_else(|| "-".to_owned(), |it| it.to_string());
            format!("stepped {delivery}")
        }
        Told::Undelivered(number, why) => format!("undelivered {number}: {}", why.code()),
        Told::Ended(activation, reason) => format!("ended {activation}: {reason}"),
        Told::Letter(letter) => format!("letter to {}/{}", letter.kind, letter.key),
        Told::Call(call) => format!("call of {}/{}", call.letter.kind, call.letter.key),
    }
}

impl Host for Desk {
    fn stepped(&self, output: StepOutput) {
        self.note(Told::Stepped(output));
    }

    fn undelivered(&self, delivery: u64, error: AskError) {
        self.note(Told::Undelivered(delivery, error));
    }

    fn ended(&self, _: AgentId, activation: u64, reason: StopReason) {
        self.note(Told::Ended(activation, reason));
    }

    fn letter(&self, letter: Letter) {
        self.note(Told::Letter(letter));
    }

    fn call(&self, call: Call) {
        self.note(Told::Call(call));
    }
}

/// Activates `kind/one` as number 7 in term 3.
pub fn activate(world: &World, kind: &str, state: Option<KeptState<'_>>) {
    let activation = Activation { kind, key: "one", number: 7, term: 3, state };
    world.system().activate(activation).expect("it can be read");
}

/// Delivers a message to `kind/one`, and lets the world come to rest.
pub fn deliver<M: Message>(world: &mut World, kind: &str, number: u64, message: M) {
    put(world, kind, number, message);
    world.run_until_idle();
}

/// Delivers a message to `kind/one`.
pub fn put<M: Message>(world: &World, kind: &str, number: u64, message: M) {
    let (bytes, deadline) = (encode(&message), Time::MAX);
    let message = M::NAME;
    let deliver = Deliver { kind, key: "one", message, bytes: &bytes, deadline, number };
    world.system().deliver(deliver);
}

/// The reply in a step.
pub fn reply<R: Wire>(step: &StepOutput) -> R {
    let reply = step.reply.as_ref().expect("it answers a delivered message");
    decode(reply.as_ref().expect("it has bytes")).expect("it is of that type")
}
