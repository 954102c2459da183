//! Your agents in a seeded world: write them as for production, and let every
//! seed try another order of events. A failure prints its seed and the command
//! that runs it again.

// In a program of yours this line is not needed: it depends on `nexus`.
extern crate nexus_agent as nexus;

use std::time::Duration;

use nexus::{Agent, Context, Handler, Message};
use nexus_base::Rng;
use nexus_sim::{World, check, seeds};

/// One account for each owner, found by name.
struct Account {
    balance: u64,
}

impl Agent for Account {
    const KIND: &'static str = "account";

    fn new(_owner: &str) -> Account {
        Account { balance: 0 }
    }
}

#[derive(Message)]
#[message(reply = u64)]
struct Deposit(u64);

impl Handler<Deposit> for Account {
    async fn handle(&mut self, Deposit(amount): Deposit, _: &mut Context<Self>) -> u64 {
        self.balance += amount;
        self.balance
    }
}

/// Takes what is there, or nothing.
#[derive(Message)]
#[message(reply = bool)]
struct Withdraw(u64);

impl Handler<Withdraw> for Account {
    async fn handle(&mut self, Withdraw(amount): Withdraw, cx: &mut Context<Self>) -> bool {
        let Some(rest) = self.balance.checked_sub(amount) else { return false };
        // A slow ledger. Nobody sees the account meanwhile: one message at a time.
        cx.sleep(Duration::from_millis(cx.random(|rng| rng.below(20)))).await;
        self.balance = rest;
        true
    }
}

struct Teller;

impl Agent for Teller {
    const KIND: &'static str = "teller";

    fn new(_name: &str) -> Teller {
        Teller
    }
}

#[derive(Message)]
struct Transfer {
    from: String,
    to: String,
    amount: u64,
}

impl Handler<Transfer> for Teller {
    async fn handle(&mut self, transfer: Transfer, cx: &mut Context<Self>) {
        let Transfer { from, to, amount } = transfer;
        let from = cx.find::<Account>(&from).expect("accounts are never closed");
        let to = cx.find::<Account>(&to).expect("accounts are never closed");
        if from.ask(Withdraw(amount)).await == Ok(true) {
            to.ask(Deposit(amount)).await.expect("there is time enough");
        }
    }
}

const OWNERS: [&str; 3] = ["ada", "bob", "eve"];

fn money(world: &mut World) -> u64 {
    let accounts = OWNERS.map(|owner| world.find::<Account>(owner).expect("opened"));
    accounts.map(|account| world.ask(&account, Deposit(0)).expect("it answers")).iter().sum()
}

#[test]
fn money_is_moved_and_neither_made_nor_lost() {
    check(seeds(50), |world| {
        for owner in OWNERS {
            let account = world.spawn::<Account>(owner);
            world.ask(&account, Deposit(100)).expect("it answers");
        }
        let tellers = ["one", "two"].map(|name| world.spawn::<Teller>(name));
        let mut rng = Rng::new(world.seed()).fork("transfers");
        for number in 0..100 {
            let [from, to] = [(); 2].map(|()| OWNERS[rng.below(3) as usize].to_owned());
            let transfer = Transfer { from, to, amount: rng.below(150) };
            world.tell(&tellers[number % 2], transfer).expect("there is room");
            world.run_for(Duration::from_millis(rng.below(10)));
        }
        world.run_until_idle();
        assert_eq!(money(world), 300);
    });
}

/// Time is virtual: what happens at night happens at once.
#[test]
fn a_year_passes_in_no_time() {
    check([1], |world| {
        world.spawn::<Account>("ada");
        for day in 1..=365 {
            world.at(nexus_base::Time::ZERO.after(Duration::from_secs(86_400) * day), |world| {
                let account = world.find::<Account>("ada").expect("opened");
                account.try_tell(Deposit(1)).expect("there is room");
            });
        }
        world.run_until_idle();
        let account = world.find::<Account>("ada").expect("opened");
        assert_eq!(world.ask(&account, Deposit(0)), Ok(365));
    });
}
