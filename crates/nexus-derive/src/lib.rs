//! `#[derive(Message)]` and `#[derive(Wire)]`: what lets a type be sent takes
//! one line to write.
//!
//! A derived type gets its id, its version and its codec. The codec is serde's,
//! but the crate that derives need not know serde: the derive repeats the type
//! as a private shadow, has serde derive on that (its `remote` pattern), and
//! forwards. Separate from `nexus-agent` because Rust wants procedural macros
//! in a crate of their own. Read [`macro@Message`] first.
#![forbid(unsafe_code)]

mod expand;
mod options;

use proc_macro::TokenStream;

/// Makes a struct or an enum a message.
///
/// Implements `Message`, `Wire`, `Serialize` and `Deserialize`; derive none of
/// these beside it. Every field must itself have serde's two traits, as the
/// primitives and everything derived here do. Generic types are refused, since
/// one name could not tell their instances apart.
///
/// Keys of `#[message(...)]`, all optional:
///
/// | key | meaning | if absent |
/// | --- | --- | --- |
/// | `reply = Type` | what the handler answers with | `()` |
/// | `name = "cart.add"` | hashed into the wire id; never change it | the type's name |
/// | `version = 2` | 0 to 65,535, raised when the bytes change their meaning | 1 |
/// | `priority = 200` | 0 to 255, higher is shed later | 128 |
/// | `crate = "path"` | where the `nexus` crate is found | `::nexus` |
///
/// `#[serde(...)]` attributes on the type, its variants and its fields work as
/// they do with serde's own derive, except `crate`, `remote`, `from`,
/// `try_from`, `into` and `bound`.
#[proc_macro_derive(Message, attributes(message, serde))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    expand::message(input.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes a struct or an enum something a handler may reply with.
///
/// Like [`macro@Message`] without the reply and the priority: the keys of
/// `#[wire(...)]` are `name`, `version` and `crate`.
#[proc_macro_derive(Wire, attributes(wire, serde))]
pub fn derive_wire(input: TokenStream) -> TokenStream {
    expand::wire(input.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}
