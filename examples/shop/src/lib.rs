//! Carts and the stock they take from.

use std::collections::BTreeMap;

use nexus::prelude::*;
use nexus::{Accepts, AskError};
use serde_json::{Value, json};

/// What is there of one article; the key is its name.
pub struct Stock {
    pieces: u32,
}

impl Agent for Stock {
    const KIND: &'static str = "stock";

    fn new(_article: &str) -> Self {
        Stock { pieces: 0 }
    }

    fn with_args(_article: &str, args: &Value) -> Result<Self, String> {
        let pieces = args["pieces"].as_u64().and_then(|pieces| pieces.try_into().ok());
        let pieces = pieces.ok_or("give {\"pieces\": N}, a number of things")?;
        Ok(Stock { pieces })
    }

    fn summary(&self) -> Value {
        json!({"pieces": self.pieces})
    }

    fn accepts(kind: &mut Accepts<Self>) {
        kind.message::<Take>().message::<PutBack>();
    }
}

/// Takes pieces off the shelf; replies with how many there were, if too few.
#[derive(Message)]
#[message(name = "Take", reply = Result<(), u32>)]
pub struct Take {
    /// How many.
    pub pieces: u32,
}

impl Handler<Take> for Stock {
    async fn handle(&mut self, take: Take, _cx: &mut Context<Self>) -> Result<(), u32> {
        self.pieces = self.pieces.checked_sub(take.pieces).ok_or(self.pieces)?;
        Ok(())
    }
}

/// Puts pieces back on the shelf.
#[derive(Message)]
#[message(name = "PutBack")]
pub struct PutBack {
    /// How many.
    pub pieces: u32,
}

impl Handler<PutBack> for Stock {
    async fn handle(&mut self, put: PutBack, _cx: &mut Context<Self>) {
        self.pieces = self.pieces.saturating_add(put.pieces);
    }
}

/// What one customer has chosen; the key is the customer's name.
pub struct Cart {
    items: BTreeMap<String, u32>,
}

impl Agent for Cart {
    const KIND: &'static str = "cart";

    fn new(_customer: &str) -> Self {
        Cart { items: BTreeMap::new() }
    }

    fn summary(&self) -> Value {
        json!({"items": self.items})
    }

    fn accepts(kind: &mut Accepts<Self>) {
        kind.message::<AddItem>().message::<Items>().message::<Clear>();
    }
}

/// Puts pieces of an article into the cart, if the stock has them.
#[derive(Message)]
#[message(name = "AddItem", reply = Added)]
pub struct AddItem {
    /// Its name.
    pub article: String,
    /// How many.
    pub pieces: u32,
}

/// What became of an [`AddItem`].
#[derive(Wire, Clone, PartialEq, Eq, Debug)]
pub enum Added {
    /// They are in the cart, which has so many of it now.
    Now(u32),
    /// There were only so many, and none was taken.
    Only(u32),
    /// The stock could not be asked, for this reason; none was taken, or that is unknown.
    NoAnswer(String),
}

impl Handler<AddItem> for Cart {
    async fn handle(&mut self, add: AddItem, cx: &mut Context<Self>) -> Added {
        let Some(stock) = cx.find::<Stock>(&add.article) else { return Added::Only(0) };
        match stock.ask(Take { pieces: add.pieces }).await {
            Ok(Ok(())) => {
                let pieces = self.items.entry(add.article).or_default();
                *pieces += add.pieces;
                Added::Now(*pieces)
            }
            Ok(Err(there)) => Added::Only(there),
            Err(error) => Added::NoAnswer(error.to_string()),
        }
    }
}

/// What is in the cart.
#[derive(Message)]
#[message(name = "Items", reply = Vec<(String, u32)>)]
pub struct Items;

impl Handler<Items> for Cart {
    async fn handle(&mut self, _: Items, _cx: &mut Context<Self>) -> Vec<(String, u32)> {
        self.items.iter().map(|(article, pieces)| (article.clone(), *pieces)).collect()
    }
}

/// Puts everything back; replies with how many pieces that were.
#[derive(Message)]
#[message(name = "Clear", reply = u32)]
pub struct Clear;

impl Handler<Clear> for Cart {
    async fn handle(&mut self, _: Clear, cx: &mut Context<Self>) -> u32 {
        let mut back = 0;
        for (article, pieces) in std::mem::take(&mut self.items) {
            let put = match cx.find::<Stock>(&article) {
                Some(stock) => stock.ask(PutBack { pieces }).await,
                None => Err(AskError::NotRunning),
            };
            match put {
                Ok(()) => back += pieces,
                // Nobody takes it back: it stays where it is.
                Err(_) => drop(self.items.insert(article, pieces)),
            }
        }
        back
    }
}
