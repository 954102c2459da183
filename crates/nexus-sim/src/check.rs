//! Checking a scenario: every seed is run, and run again in another process.
//!
//! What makes a run depend on more than its seed is often the same within one
//! process: addresses, hash seeds, process ids, the environment. So the second
//! run is this same test, started anew with a note of what the first run came
//! to; it says whether it came to the same.

mod compare;
mod note;
mod place;
mod second_run;

use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use crate::builder::Builder;
use crate::seeds::named_seed;
use crate::{TraceHash, World};
use note::{Asked, Found};
use place::Place;
use second_run::SecondRun;

/// Runs `scenario` in a fresh world for each seed, twice: the second time in
/// another process. `NEXUS_SEED=n` has it run seed `n` only.
///
/// ```
/// # extern crate nexus_agent as nexus;
/// use std::time::Duration;
///
/// nexus_sim::check(nexus_sim::seeds(4), |world| {
///     // Spawn agents, tell and ask them, and assert what they promise.
///     world.run_for(Duration::from_secs(60));
/// });
/// ```
///
/// # Panics
/// If the scenario does, having printed the seed and the command that runs it
/// again; and if a second run differs from the first, with the first event in
/// which it does.
#[track_caller]
pub fn check<F: Fn(&mut World)>(seeds: impl IntoIterator<Item = u64>, scenario: F) {
    Check::over(seeds).run(scenario);
}

/// A check with more said about it than [`check`] does.
#[derive(Debug)]
#[must_use = "nothing is checked until it is run"]
pub struct Check {
    seeds: Vec<u64>,
    make: fn(Builder) -> Builder,
    twice: bool,
}

impl Check {
    /// A check of these seeds, or of the one named by `NEXUS_SEED`.
    pub fn over(seeds: impl IntoIterator<Item = u64>) -> Check {
        let seeds = match named_seed() {
            Some(seed) => vec![seed],
            None => seeds.into_iter().collect(),
        };
        Check { seeds, make: |builder| builder, twice: true }
    }

    /// Has worlds made differently.
    pub fn world(mut self, make: fn(Builder) -> Builder) -> Check {
        self.make = make;
        self
    }

    /// Leaves out the second run, where the test cannot be started by its name.
    pub fn once(mut self) -> Check {
        self.twice = false;
        self
    }

    /// Carries it out.
    ///
    /// # Panics
    /// As [`check`].
    #[track_caller]
    pub fn run<F: Fn(&mut World)>(&self, scenario: F) {
        let place = Place::here::<F>(Location::caller());
        if let Some(asked) = Asked::read() {
            // We are the second run of some check. If not of this one, it has
            // been passed in the first run, and what follows it is wanted.
            if asked.place == place.to_string() {
                self.answer(&asked, &scenario);
            }
            return;
        }
        let firsts = self.first_runs(&place, &scenario);
        if self.twice {
            self.run_again(&place, &firsts, &scenario);
        }
    }

    fn first_runs(&self, place: &Place, scenario: &impl Fn(&mut World)) -> Vec<Came> {
        self.seeds.iter().map(|&seed| self.first_run(place, seed, scenario)).collect()
    }

    fn first_run(&self, place: &Place, seed: u64, scenario: &impl Fn(&mut World)) -> Came {
        let (world, ended) = self.play(seed, false, scenario);
        let came = Came::of(&world);
        drop(world);
        if let Err(panic) = ended {
            eprintln!("the scenario failed with seed {seed}, after {} events", came.events);
            eprintln!("to run it again: {}", place.command(seed));
            resume_unwind(panic);
        }
        came
    }

    fn run_again(&self, place: &Place, firsts: &[Came], scenario: &impl Fn(&mut World)) {
        let asked = Asked { place: place.to_string(), firsts: firsts.to_vec() };
        let found = match SecondRun::of(place).ask(&asked) {
            Ok(found) => found,
            Err(why) => panic!("the second run of this check did not happen: {why}"),
        };
        if let Found::Differs { seed, came, records, panic } = found {
            let (world, _) = self.play(seed, true, scenario);
            let difference = compare::first_difference(&lines(&world), &records);
            panic!(
                "seed {seed} does not decide what happens: run again in another process, it \
                 came to {}, not to {}\n{difference}{}\nto run it again: {}",
                came.hash,
                firsts.iter().find(|one| one.seed == seed).map_or(came.hash, |one| one.hash),
                panic
                    .map(|panic| format!("\nthe second run panicked: {panic}"))
                    .unwrap_or_default(),
                place.command(seed)
            );
        }
    }

    /// Plays the scenario in a world of `seed`. Never inlined: how deep asks
    /// nest in place depends on the stack from here on, which must be the same
    /// for the first run and the second.
    #[inline(never)]
    fn play(
        &self,
        seed: u64,
        records: bool,
        scenario: &impl Fn(&mut World),
    ) -> (World, std::thread::Result<()>) {
        let mut spec = (self.make)(World::builder(seed));
        spec.detail.records = records;
        let mut world = spec.build();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            scenario(&mut world);
            world.check_books();
        }));
        (world, ended)
    }

    /// Is the second run: runs every seed, says what was found, and ends the process.
    fn answer(&self, asked: &Asked, scenario: &impl Fn(&mut World)) -> ! {
        for first in &asked.firsts {
            let (world, ended) = self.play(first.seed, true, scenario);
            let (came, panic) = (Came::of(&world), ended.err().map(|panic| text_of(&*panic)));
            if came != *first || panic.is_some() {
                let (seed, records) = (first.seed, lines(&world));
                Found::Differs { seed, came, records, panic }.write();
                std::process::exit(0);
            }
        }
        Found::Same.write();
        std::process::exit(0)
    }
}

/// What a run of one seed came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Came {
    seed: u64,
    hash: TraceHash,
    events: u64,
}

impl Came {
    fn of(world: &World) -> Came {
        Came { seed: world.seed(), hash: world.trace_hash(), events: world.events() }
    }
}

fn lines(world: &World) -> Vec<String> {
    world.records().iter().map(ToString::to_string).collect()
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a text").to_owned()
}
