//! Agents that have to do with locks.

use std::time::Duration;

use nexus_agent::{
    Accepts, Agent, Campaign, Context, Fence, Handler, Message, NewestFence, Residence, Turn,
};
use serde::{Deserialize, Serialize};

/// What a lock protects.
#[derive(Default, Serialize, Deserialize)]
pub struct Vault {
    newest: NewestFence,
    value: u64,
}

impl Agent for Vault {
    const KIND: &'static str = "vault";
    fn new(_key: &str) -> Vault {
        Vault::default()
    }
    fn residence() -> Residence<Vault> {
        Residence::snapshot()
    }
    fn accepts(kind: &mut Accepts<Vault>) {
        kind.message::<Put>();
    }
}

/// Puts a value in, and answers what is in then.
#[derive(Message)]
#[message(reply = u64)]
pub struct Put(pub Fence, pub u64);

impl Handler<Put> for Vault {
    async fn handle(&mut self, put: Put, _: &mut Context<Vault>) -> u64 {
        if self.newest.admit(put.0).is_ok() {
            self.value = put.1;
        }
        self.value
    }
}

/// Takes locks and lets them go.
pub struct Holder;

impl Agent for Holder {
    const KIND: &'static str = "holder";
    fn new(_key: &str) -> Holder {
        Holder
    }
    fn residence() -> Residence<Holder> {
        Residence::strict()
    }
    fn accepts(kind: &mut Accepts<Holder>) {
        kind.message::<Hold>();
    }
}

/// Holds the vault's lock for some seconds, puts a value in and lets the lock go; answers what
/// has come of it, in words.
#[derive(Message)]
#[message(reply = String)]
pub struct Hold {
    pub seconds: u64,
    pub value: u64,
}

impl Handler<Hold> for Holder {
    async fn handle(&mut self, hold: Hold, cx: &mut Context<Holder>) -> String {
        let ttl = Duration::from_secs(2);
        let mut lock = match cx.lock("vault", ttl).await {
            Ok(lock) => lock,
            Err(error) => return error.to_string(),
        };
        for _ in 0..hold.seconds {
            cx.sleep(Duration::from_secs(1)).await;
            lock = match cx.renew(&lock).await {
                Ok(lock) => lock,
                Err(error) => return error.to_string(),
            };
        }
        let (fence, is_held) = (lock.fence(), lock.is_held(cx.now()));
        let put = cx.call::<Vault, _>("main", Put(fence, hold.value)).await;
        let looked = cx.look_at_lock("vault").await;
        let is_seen = looked.is_ok_and(|seen| seen.is_some_and(|seen| seen.fence == fence));
        let is_free = cx.unlock(lock).await;
        format!("{put:?} {is_held} {is_seen} {is_free:?}")
    }
}

/// Campaigns for something.
pub struct Planner {
    campaign: Campaign,
}

impl Agent for Planner {
    const KIND: &'static str = "planner";
    fn new(_key: &str) -> Planner {
        Planner { campaign: Campaign::new("plans", Duration::from_secs(3)) }
    }
    fn residence() -> Residence<Planner> {
        Residence::strict()
    }
    fn accepts(kind: &mut Accepts<Planner>) {
        kind.message::<Beat>().message::<Resign>();
    }
}

/// One beat of its campaign: what came of it, and with which fence.
#[derive(Message)]
#[message(reply = (String, Option<Fence>))]
pub struct Beat;

/// It leads no more.
#[derive(Message)]
#[message(reply = bool)]
pub struct Resign;

impl Handler<Beat> for Planner {
    async fn handle(&mut self, _: Beat, cx: &mut Context<Planner>) -> (String, Option<Fence>) {
        let (word, fence) = match self.campaign.beat(cx).await {
            Turn::Won(fence) => ("won", Some(fence)),
            Turn::Leads(fence) => ("leads", Some(fence)),
            Turn::Lost(fence) => ("lost", Some(fence)),
            Turn::Waits(_) => ("waits", None),
        };
        (word.to_owned(), fence)
    }
}

impl Handler<Resign> for Planner {
    async fn handle(&mut self, _: Resign, cx: &mut Context<Planner>) -> bool {
        self.campaign.resign(cx).await.is_ok()
    }
}

/// A singleton: the only one of its name in the cluster. It works by itself once it was told
/// to begin, wherever its shard is led.
#[derive(Default, Serialize, Deserialize)]
pub struct Ticker {
    ticks: u64,
}

impl Agent for Ticker {
    const KIND: &'static str = "ticker";
    fn new(_key: &str) -> Ticker {
        Ticker::default()
    }
    fn residence() -> Residence<Ticker> {
        Residence::snapshot()
    }
    fn accepts(kind: &mut Accepts<Ticker>) {
        kind.message::<Tick>().message::<Ticks>();
    }
}

/// One round of its work. The first one makes it begin.
#[derive(Message)]
pub struct Tick;

/// How many rounds there were.
#[derive(Message)]
#[message(reply = u64)]
pub struct Ticks;

impl Handler<Tick> for Ticker {
    async fn handle(&mut self, _: Tick, cx: &mut Context<Ticker>) {
        self.ticks += 1;
        // Takes the place of the one before, so however often it is begun it ticks once.
        cx.remind("tick", Duration::from_secs(1), Tick);
    }
}

impl Handler<Ticks> for Ticker {
    async fn handle(&mut self, _: Ticks, _: &mut Context<Ticker>) -> u64 {
        self.ticks
    }
}
