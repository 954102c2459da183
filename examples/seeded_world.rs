//! Your own agents in a seeded world: a race found, replayed and shown to be gone.
//!
//! `cargo test --example seeded_world` runs the tests below, and
//! `cargo run --release --example seeded_world` shows what they are about.
//!
//! Buyers crowd a shop with few tickets. A careless buyer first looks whether
//! there is one left and then takes it; in between somebody else may. Under
//! threads that goes wrong once in a while. Here the seed decides who comes
//! first, so the seeds that go wrong can be found, and go wrong every time.

use nexus::prelude::*;
use nexus_sim::World;

const TICKETS: u32 = 2;
const BUYERS: u32 = 3;

struct Shop {
    left: u32,
    sold: u32,
}

impl Agent for Shop {
    const KIND: &'static str = "shop";
    fn new(_key: &str) -> Self {
        Shop { left: TICKETS, sold: 0 }
    }
}

#[derive(Message)]
#[message(reply = u32)]
struct Left;

impl Handler<Left> for Shop {
    async fn handle(&mut self, _: Left, _cx: &mut Context<Self>) -> u32 {
        self.left
    }
}

/// Takes a ticket without looking: the buyer has.
#[derive(Message)]
struct Take;

impl Handler<Take> for Shop {
    async fn handle(&mut self, _: Take, _cx: &mut Context<Self>) {
        self.left = self.left.saturating_sub(1);
        self.sold += 1;
    }
}

/// Looks and takes in one message, between which nothing comes.
#[derive(Message)]
#[message(reply = bool)]
struct TakeIfLeft;

impl Handler<TakeIfLeft> for Shop {
    async fn handle(&mut self, _: TakeIfLeft, _cx: &mut Context<Self>) -> bool {
        let lucky = self.left > 0;
        if lucky {
            self.left -= 1;
            self.sold += 1;
        }
        lucky
    }
}

#[derive(Message)]
#[message(reply = u32)]
struct Sold;

impl Handler<Sold> for Shop {
    async fn handle(&mut self, _: Sold, _cx: &mut Context<Self>) -> u32 {
        self.sold
    }
}

struct Buyer;

impl Agent for Buyer {
    const KIND: &'static str = "buyer";
    fn new(_key: &str) -> Self {
        Buyer
    }
}

#[derive(Message, Clone, Copy)]
enum Buy {
    Carelessly,
    Carefully,
}

impl Handler<Buy> for Buyer {
    async fn handle(&mut self, buy: Buy, cx: &mut Context<Self>) {
        let shop = cx.find::<Shop>("tickets").expect("the shop is open");
        let answer = match buy {
            Buy::Carefully => shop.ask(TakeIfLeft).await.map(drop),
            Buy::Carelessly => match shop.ask(Left).await {
                Ok(0) => Ok(()),
                Ok(_) => shop.ask(Take).await,
                Err(error) => Err(error),
            },
        };
        answer.expect("the shop answers");
    }
}

/// Opens the shop and tells everybody to buy.
fn rush(world: &mut World, buy: Buy) {
    world.spawn::<Shop>("tickets");
    for number in 1..=BUYERS {
        let buyer = world.spawn::<Buyer>(&number.to_string());
        world.tell(&buyer, buy).expect("an empty mailbox has room");
    }
}

/// How many tickets are sold in the end.
fn sold(world: &mut World) -> u32 {
    world.run_until_idle();
    let shop = world.find::<Shop>("tickets").expect("the shop is still open");
    world.ask(&shop, Sold).expect("the shop answers")
}

fn oversells(seed: &u64) -> bool {
    let mut world = World::new(*seed);
    rush(&mut world, Buy::Carelessly);
    sold(&mut world) > TICKETS
}

fn main() {
    let seeds: Vec<u64> = (1..=20).filter(oversells).collect();
    println!("careless buyers: of the seeds 1 to 20 these sell more than {TICKETS}: {seeds:?}");

    let Some(&seed) = seeds.first() else { return };
    let mut world = World::builder(seed).records().build();
    rush(&mut world, Buy::Carelessly);
    println!("\nseed {seed} sells {}, as it does every time:", sold(&mut world));
    for record in world.records() {
        println!("  {record}");
    }
    println!("\nits trace is {}", world.trace_hash());
}

#[cfg(test)]
mod tests {
    use nexus_sim::{check, seeds};

    use super::*;

    /// Each seed is run twice, the second time in another process, which must
    /// come to the same trace.
    #[test]
    fn careful_buyers_never_get_more_than_there_is() {
        check(seeds(100), |world| {
            rush(world, Buy::Carefully);
            assert_eq!(sold(world), TICKETS);
        });
    }

    /// If this fails, the test above proves nothing.
    #[test]
    fn careless_buyers_are_found_out() {
        assert!((1..=20).any(|seed| oversells(&seed)), "no seed out of twenty oversells");
    }
}
