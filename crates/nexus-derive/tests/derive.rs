//! What the derives promise, against a copy of the traits in `nexus-agent`
//! just large enough to hold them.

use std::collections::BTreeMap;
use std::fmt::Debug;

use nexus_derive::{Message, Wire};

mod nexus {
    pub mod __private {
        pub use serde;
    }

    #[derive(PartialEq, Debug)]
    pub struct WireId(&'static str);

    impl WireId {
        pub const fn named(name: &'static str) -> WireId {
            WireId(name)
        }
    }

    pub trait Wire: serde::Serialize + serde::de::DeserializeOwned + Send + 'static {
        const ID: WireId;
        const VERSION: u16 = 1;
    }

    impl Wire for () {
        const ID: WireId = WireId("unit");
    }

    impl Wire for u64 {
        const ID: WireId = WireId("u64");
    }

    pub trait Message: Wire {
        type Reply: Wire;
        const NAME: &'static str;

        fn priority(&self) -> u8 {
            128
        }
    }
}

use nexus::{Message as _, Wire as _, WireId};

/// A value keeps its meaning through bytes, and the bytes are those serde's own
/// derive would write.
fn check<T: nexus::Wire + PartialEq + Debug>(value: T, expected: &[u8]) {
    let bytes = postcard::to_allocvec(&value).expect("every value here can be encoded");
    assert_eq!(bytes, expected);
    assert_eq!(postcard::from_bytes::<T>(&bytes).expect("own bytes decode"), value);
}

#[derive(Message, PartialEq, Debug)]
#[message(reply = u64, crate = "crate::nexus")]
struct Add(u64);

#[derive(Message, PartialEq, Debug)]
#[message(crate = "crate::nexus")]
struct Clear;

#[derive(Message, PartialEq, Debug)]
#[message(name = "cart.put", version = 2, crate = "crate::nexus")]
#[message(priority = 0xC8, reply = Totals)]
struct Put {
    /// Documentation is not carried into the shadow.
    item: Item,
    labels: BTreeMap<String, Vec<Item>>,
    #[serde(skip)]
    cached: Option<u64>,
    #[serde(rename = "n", default)]
    count: u8,
}

#[derive(Wire, Clone, PartialEq, Debug)]
#[wire(name = "cart.item", version = 3, crate = "crate::nexus")]
struct Item {
    id: u32,
    r#type: String,
    parts: Vec<Self>,
}

#[derive(Wire, Clone, Copy, Default, PartialEq, Debug)]
#[wire(crate = "crate::nexus")]
#[repr(u8)]
enum Level {
    #[default]
    Low = 10,
    High = 20,
}

#[derive(Wire, PartialEq, Debug)]
#[wire(crate = "crate::nexus")]
#[serde(rename_all = "lowercase")]
enum Totals {
    None,
    One(u8),
    Pair(u8, Level),
    Named { sum: u64, next: Box<Self> },
}

#[test]
fn every_shape_keeps_its_meaning_through_bytes() {
    check(Add(300), &[0xAC, 2]);
    check(Clear, &[]);
    check(Level::Low, &[0]);
    check(Level::High, &[1]);
    check(Totals::None, &[0]);
    check(Totals::One(7), &[1, 7]);
    check(Totals::Pair(7, Level::High), &[2, 7, 1]);
    check(Totals::Named { sum: 9, next: Box::new(Totals::None) }, &[3, 9, 0]);
}

#[test]
fn derived_types_nest() {
    let part = Item { id: 2, r#type: "b".into(), parts: vec![] };
    let item = Item { id: 1, r#type: "a".into(), parts: vec![part.clone()] };
    let labels = BTreeMap::from([("x".to_owned(), vec![part])]);
    let put = Put { item, labels, cached: None, count: 5 };
    check(put, &[1, 1, b'a', 1, 2, 1, b'b', 0, 1, 1, b'x', 1, 2, 1, b'b', 0, 5]);
}

#[test]
fn a_skipped_field_is_not_sent() {
    let item = Item { id: 1, r#type: String::new(), parts: vec![] };
    let put = Put { item, labels: BTreeMap::new(), cached: Some(1), count: 0 };
    let bytes = postcard::to_allocvec(&put).expect("this can be encoded");
    let received: Put = postcard::from_bytes(&bytes).expect("own bytes decode");
    assert_eq!(received, Put { cached: None, ..put });
}

#[test]
fn keys_and_defaults_reach_the_traits() {
    assert_eq!(Add::ID, WireId::named("Add"));
    assert_eq!((Add::NAME, Add::VERSION, Add(1).priority()), ("Add", 1, 128));
    assert_eq!(Put::ID, WireId::named("cart.put"));
    assert_eq!((Put::NAME, Put::VERSION), ("cart.put", 2));
    assert_eq!((Item::ID, Item::VERSION), (WireId::named("cart.item"), 3));
    assert_eq!(<<Put as nexus::Message>::Reply as nexus::Wire>::ID, WireId::named("Totals"));
    assert_eq!(<<Clear as nexus::Message>::Reply as nexus::Wire>::ID, WireId::named("unit"));
    let item = Item { id: 1, r#type: String::new(), parts: vec![] };
    let put = Put { item, labels: BTreeMap::new(), cached: None, count: 0 };
    assert_eq!(put.priority(), 200);
}

#[test]
fn a_public_type_may_hide_its_fields() {
    check(outside::Public { hidden: 1, shown: 2 }, &[1, 2]);
}

mod outside {
    use nexus_derive::Message;

    #[derive(Message, PartialEq, Debug)]
    #[message(crate = "crate::nexus")]
    pub struct Public {
        pub(super) hidden: u8,
        /// Documentation is not carried into the shadow.
        pub shown: u8,
    }
}

#[test]
fn a_type_inside_a_function_works() {
    #[derive(Message, PartialEq, Debug)]
    #[message(crate = "crate::nexus")]
    struct r#Local {
        level: Level,
    }
    check(Local { level: Level::High }, &[1]);
}
