//! An account that pays others by letter. Its events are kept.

use std::collections::BTreeMap;

use nexus_agent::{Accepts, Agent, Context, Handler, Journaled, Message, Residence, Wire};
use serde::{Deserialize, Serialize};

/// What each account has at first.
pub(crate) const FIRST_BALANCE: u64 = 1_000;

/// Money, and the letters about it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Account {
    balance: u64,
    /// Letters sent, by receiver.
    sent: BTreeMap<String, u64>,
    /// The last letter received, by sender.
    got: BTreeMap<String, u64>,
    /// Letters that were not the next of their sender.
    strays: u64,
}

/// What happens to an account.
#[derive(Wire)]
pub(crate) enum Happened {
    /// It paid another one.
    Paid { to: String, amount: u64 },
    /// It was paid by another one.
    Got { from: String, number: u64, amount: u64 },
}

impl Agent for Account {
    const KIND: &'static str = "account";

    fn new(_: &str) -> Account {
        let (sent, got) = (BTreeMap::new(), BTreeMap::new());
        Account { balance: FIRST_BALANCE, sent, got, strays: 0 }
    }

    fn residence() -> Residence<Account> {
        Residence::journal().idle_after(super::IDLE_AFTER)
    }

    fn accepts(kind: &mut Accepts<Account>) {
        kind.message::<Pay>().message::<Deposit>().message::<Report>();
    }
}

impl Journaled for Account {
    type Event = Happened;

    fn apply(&mut self, event: Happened) {
        match event {
            Happened::Paid { to, amount } => {
                self.balance -= amount;
                *self.sent.entry(to).or_default() += 1;
            }
            Happened::Got { from, number, amount } => {
                self.balance += amount;
                let last = self.got.entry(from).or_default();
                self.strays += u64::from(*last + 1 != number);
                *last = number;
            }
        }
    }
}

/// So much is to go to another account; whether it was there.
#[derive(Message)]
#[message(reply = bool)]
pub(crate) struct Pay {
    pub(crate) to: String,
    pub(crate) amount: u64,
}

/// The letter that brings it.
#[derive(Message)]
pub(crate) struct Deposit {
    from: String,
    /// Its number among the letters of that sender to this receiver.
    number: u64,
    amount: u64,
}

/// What an account has: its balance, and how many letters were out of order.
#[derive(Message)]
#[message(reply = (u64, u64))]
pub(crate) struct Report;

impl Handler<Pay> for Account {
    async fn handle(&mut self, Pay { to, amount }: Pay, cx: &mut Context<Account>) -> bool {
        if self.balance < amount {
            return false;
        }
        cx.record(self, Happened::Paid { to: to.clone(), amount });
        let from = cx.key().to_owned();
        let number = self.sent.get(&to).copied().unwrap_or(0);
        cx.send::<Account, _>(&to, Deposit { from, number, amount });
        true
    }
}

impl Handler<Deposit> for Account {
    async fn handle(&mut self, deposit: Deposit, cx: &mut Context<Account>) {
        let Deposit { from, number, amount } = deposit;
        cx.record(self, Happened::Got { from, number, amount });
    }
}

impl Handler<Report> for Account {
    async fn handle(&mut self, _: Report, _: &mut Context<Account>) -> (u64, u64) {
        (self.balance, self.strays)
    }
}
