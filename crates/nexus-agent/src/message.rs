//! What may be sent: typed messages, each with a stable id, a version and a codec.
//!
//! The id is hashed from a name that never changes, not from a Rust path, so
//! that renaming a type does not break those who speak to it.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The stable id of a message or reply type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WireId(u64);

impl WireId {
    /// The id of the type called `name` (FNV-1a, 64 bits).
    ///
    /// # Source
    /// Fowler, Noll, Vo; parameters from RFC 9923.
    pub const fn named(name: &str) -> WireId {
        let bytes = name.as_bytes();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        WireId(hash)
    }

    /// The id of a type built from this one and `part`: a list of carts, say.
    pub const fn with(self, part: WireId) -> WireId {
        WireId((self.0.rotate_left(5) ^ part.0).wrapping_mul(0x0000_0100_0000_01b3))
    }

    /// The number itself, as written on the wire.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// A type that may cross a mailbox, a disk or a network: its bytes are
/// postcard's, its shape is named by [`Wire::ID`] and [`Wire::VERSION`].
///
/// Derive it with `#[derive(Wire)]`; messages derive [`Message`], which includes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent: it has no stable id and codec",
    label = "cannot cross a mailbox",
    note = "derive it: `#[derive(Message)]` for what is sent, `#[derive(Wire)]` for what is \
            inside a message or in its reply; maps and sets are `BTreeMap` and `BTreeSet`, \
            whose bytes come in one order"
)]
pub trait Wire: Serialize + DeserializeOwned + Send + 'static {
    /// The same in every version of the program.
    const ID: WireId;
    /// Raised when the bytes change their meaning.
    const VERSION: u16 = 1;

    /// What stands in the `Err` of a [`Result`]; nothing for all else. So that
    /// whoever passes a reply on, its type forgotten, can tell that it failed.
    fn as_err(&self) -> Option<&dyn Any> {
        None
    }
}

/// A message and the reply it is answered with.
///
/// ```
/// # extern crate nexus_agent as nexus;
/// use nexus::Message;
///
/// #[derive(Message)]
/// #[message(reply = u64)]
/// struct Add {
///     amount: u64,
/// }
/// assert_eq!(Add::NAME, "Add");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "derive it: `#[derive(Message)]`, with `#[message(reply = ...)]` if it is answered \
            with more than `()`"
)]
pub trait Message: Wire {
    /// What the handler returns; `()` unless the derive says otherwise.
    type Reply: Wire;
    /// For people: logs, errors, traces.
    const NAME: &'static str;

    /// Under [`crate::Overflow::ShedLowest`] the message of lowest priority goes
    /// first. Called while the mailbox is locked: it must not send.
    fn priority(&self) -> u8 {
        128
    }
}

macro_rules! wire_primitives {
    ($($kind:ty => $name:literal),* $(,)?) => {
        $(impl Wire for $kind { const ID: WireId = WireId::named($name); })*
    };
}

wire_primitives! {
    () => "unit", bool => "bool", char => "char", String => "string",
    u8 => "u8", u16 => "u16", u32 => "u32", u64 => "u64", u128 => "u128",
    i8 => "i8", i16 => "i16", i32 => "i32", i64 => "i64", i128 => "i128",
    f32 => "f32", f64 => "f64", Duration => "duration",
}

impl<T: Wire> Wire for Option<T> {
    const ID: WireId = WireId::named("option").with(T::ID);
}

impl<T: Wire> Wire for Vec<T> {
    const ID: WireId = WireId::named("list").with(T::ID);
}

impl<K: Wire + Ord, V: Wire> Wire for BTreeMap<K, V> {
    const ID: WireId = WireId::named("map").with(K::ID).with(V::ID);
}

impl<T: Wire + Ord> Wire for BTreeSet<T> {
    const ID: WireId = WireId::named("set").with(T::ID);
}

impl<T: Wire, const N: usize> Wire for [T; N]
where
    [T; N]: Serialize + DeserializeOwned,
{
    const ID: WireId = WireId::named("array").with(T::ID).with(WireId(N as u64));
}

impl<T: Wire> Wire for Box<T> {
    const ID: WireId = T::ID;
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    const ID: WireId = WireId::named("result").with(T::ID).with(E::ID);

    fn as_err(&self) -> Option<&dyn Any> {
        self.as_ref().err().map(|error| error as &dyn Any)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    const ID: WireId = WireId::named("pair").with(A::ID).with(B::ID);
}

impl<A: Wire, B: Wire, C: Wire> Wire for (A, B, C) {
    const ID: WireId = WireId::named("triple").with(A::ID).with(B::ID).with(C::ID);
}

impl<A: Wire, B: Wire, C: Wire, D: Wire> Wire for (A, B, C, D) {
    const ID: WireId = WireId::named("four").with(A::ID).with(B::ID).with(C::ID).with(D::ID);
}
