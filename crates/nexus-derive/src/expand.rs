//! The code a derive writes.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Data, DeriveInput, Field, LitStr, Path, Type, Variant, parse_quote};

use crate::options::{MESSAGE, Options, WIRE};

pub fn message(input: TokenStream) -> syn::Result<TokenStream> {
    let input = parse(input)?;
    let options = Options::parse(&input.attrs, MESSAGE)?;
    let wire = wire_impls(&input, &options);
    let message = message_impl(&input, &options);
    Ok(quote! { #wire #message })
}

pub fn wire(input: TokenStream) -> syn::Result<TokenStream> {
    let input = parse(input)?;
    let options = Options::parse(&input.attrs, WIRE)?;
    Ok(wire_impls(&input, &options))
}

fn parse(input: TokenStream) -> syn::Result<DeriveInput> {
    let input: DeriveInput = syn::parse2(input)?;
    if let Some(parameter) = input.generics.params.first() {
        let text = "a message or reply type cannot be generic: its wire id names one type, \
                    so derive on a concrete type that holds the generic one";
        return Err(syn::Error::new_spanned(parameter, text));
    }
    if let Data::Union(union) = &input.data {
        let text = "a union cannot be sent: its bytes do not say which field they mean";
        return Err(syn::Error::new_spanned(union.union_token, text));
    }
    Ok(input)
}

fn message_impl(input: &DeriveInput, options: &Options) -> TokenStream {
    let (kind, root, name) = (&input.ident, options.root(), wire_name(input, options));
    let reply = options.reply.clone().unwrap_or_else(|| parse_quote!(()));
    let priority = options.priority.as_ref().map(|priority| {
        quote! {
            #[inline]
            fn priority(&self) -> u8 {
                #priority
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #root::Message for #kind {
            type Reply = #reply;
            const NAME: &'static str = #name;
            #priority
        }
    }
}

fn wire_impls(input: &DeriveInput, options: &Options) -> TokenStream {
    let (kind, root, name) = (&input.ident, options.root(), wire_name(input, options));
    let version = options.version.as_ref().map(|number| quote!(const VERSION: u16 = #number;));
    let codec = codec_impls(input, &parse_quote!(#root::__private::serde));
    quote! {
        #[automatically_derived]
        impl #root::Wire for #kind {
            const ID: #root::WireId = #root::WireId::named(#name);
            #version
        }
        #codec
    }
}

fn wire_name(input: &DeriveInput, options: &Options) -> LitStr {
    let default = || LitStr::new(&input.ident.unraw().to_string(), input.ident.span());
    options.name.clone().unwrap_or_else(default)
}

/// Serde's traits for the input, by way of a shadow of it. Inside `const _`, so
/// that nothing but the traits can be seen from outside.
fn codec_impls(input: &DeriveInput, serde: &Path) -> TokenStream {
    let (kind, shadow) = (&input.ident, shadow(input, serde));
    let shadow_kind = &shadow.ident;
    quote! {
        const _: () = {
            #shadow

            #[automatically_derived]
            impl #serde::Serialize for #kind {
                fn serialize<S: #serde::Serializer>(
                    &self,
                    serializer: S,
                ) -> ::core::result::Result<S::Ok, S::Error> {
                    #shadow_kind::serialize(self, serializer)
                }
            }

            #[automatically_derived]
            impl<'de> #serde::Deserialize<'de> for #kind {
                fn deserialize<D: #serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    #shadow_kind::deserialize(deserializer)
                }
            }
        };
    }
}

/// The input again, under another name and with serde's derives. Of its
/// attributes only serde's stay: others (`#[default]`, `#[repr]`) speak to
/// derives and layouts the shadow does not have.
fn shadow(input: &DeriveInput, serde: &Path) -> DeriveInput {
    let mut shadow = input.clone();
    Shadowing { kind: &input.ident }.visit_derive_input_mut(&mut shadow);
    shadow.ident = format_ident!("__NexusShadowOf{}", input.ident);
    // In front: an attribute may not come before the derive that knows it.
    shadow.attrs.splice(0..0, serde_attributes(&shadow, &input.ident, serde));
    shadow
}

fn serde_attributes(shadow: &DeriveInput, kind: &Ident, serde: &Path) -> Vec<Attribute> {
    let (remote, name) = (kind.to_string(), kind.unraw().to_string());
    let serde_text = serde.to_token_stream().to_string();
    let mut attributes = vec![
        parse_quote!(#[derive(#serde::Serialize, #serde::Deserialize)]),
        parse_quote!(#[serde(crate = #serde_text, remote = #remote)]),
        parse_quote!(#[allow(dead_code, non_camel_case_types, clippy::all)]),
    ];
    // Formats that write type names shall not see the shadow's.
    if !shadow.attrs.iter().any(renames) {
        attributes.push(parse_quote!(#[serde(rename = #name)]));
    }
    attributes
}

fn renames(attribute: &Attribute) -> bool {
    let tokens = attribute.meta.to_token_stream().into_iter();
    let groups = tokens.filter_map(|token| match token {
        TokenTree::Group(group) => Some(group.stream()),
        _ => None,
    });
    groups.flatten().any(|token| matches!(token, TokenTree::Ident(key) if key == "rename"))
}

/// Turns a copy of the input into its shadow: drops foreign attributes and
/// visibility, and lets `Self` go on meaning the input.
struct Shadowing<'a> {
    kind: &'a Ident,
}

impl VisitMut for Shadowing<'_> {
    fn visit_derive_input_mut(&mut self, input: &mut DeriveInput) {
        input.vis = syn::Visibility::Inherited;
        keep_serde(&mut input.attrs);
        visit_mut::visit_data_mut(self, &mut input.data);
    }

    fn visit_variant_mut(&mut self, variant: &mut Variant) {
        keep_serde(&mut variant.attrs);
        variant.discriminant = None;
        visit_mut::visit_fields_mut(self, &mut variant.fields);
    }

    fn visit_field_mut(&mut self, field: &mut Field) {
        field.vis = syn::Visibility::Inherited;
        keep_serde(&mut field.attrs);
        let kind = replace_self(field.ty.to_token_stream(), self.kind);
        field.ty = Type::Verbatim(kind);
    }
}

fn keep_serde(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| attribute.path().is_ident("serde"));
}

fn replace_self(tokens: TokenStream, kind: &Ident) -> TokenStream {
    tokens.into_iter().map(|token| replace_self_in(token, kind)).collect()
}

fn replace_self_in(token: TokenTree, kind: &Ident) -> TokenTree {
    match token {
        TokenTree::Ident(ident) if ident == "Self" => {
            let mut kind = kind.clone();
            kind.set_span(ident.span());
            TokenTree::Ident(kind)
        }
        TokenTree::Group(group) => {
            let mut replaced = Group::new(group.delimiter(), replace_self(group.stream(), kind));
            replaced.set_span(group.span());
            TokenTree::Group(replaced)
        }
        token => token,
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    type Derive = fn(TokenStream) -> syn::Result<TokenStream>;

    fn refused(derive: Derive, input: TokenStream) -> String {
        derive(input).expect_err("the derive refuses this").to_string()
    }

    #[test]
    fn an_unknown_key_is_named_beside_the_valid_ones() {
        assert_eq!(
            refused(
                super::message,
                quote!(
                    #[message(replay = u64)]
                    struct Add;
                )
            ),
            "unknown key `replay`; \
             `#[message(...)]` takes `reply`, `name`, `version`, `priority`, `crate`",
        );
        assert_eq!(
            refused(
                super::wire,
                quote!(
                    #[wire(reply = u64)]
                    struct Add;
                )
            ),
            "unknown key `reply`; `#[wire(...)]` takes `name`, `version`, `crate`",
        );
        assert_eq!(
            refused(
                super::wire,
                quote!(
                    #[wire(a::b = 1)]
                    struct Add;
                )
            ),
            "unknown key `a::b`; `#[wire(...)]` takes `name`, `version`, `crate`",
        );
    }

    #[test]
    fn a_bad_value_is_refused() {
        for (attribute, expected) in [
            (quote!(priority = 256), "bad `priority`: number too large to fit in target type"),
            (quote!(version = 65_536), "bad `version`: number too large to fit in target type"),
            (quote!(priority = "high"), "expected integer literal"),
            (quote!(name = ""), "a name cannot be empty"),
            (quote!(reply = u8, reply = u8), "`reply` is given twice"),
        ] {
            let text = refused(
                super::message,
                quote!(
                    #[message(#attribute)]
                    struct Add;
                ),
            );
            assert_eq!(text, expected, "{attribute}");
        }
    }

    #[test]
    fn a_type_that_has_no_one_shape_is_refused() {
        for (input, expected) in [
            (
                quote!(
                    struct Add<T>(T);
                ),
                "a message or reply type cannot be generic",
            ),
            (
                quote!(
                    struct Add<'a>(&'a str);
                ),
                "a message or reply type cannot be generic",
            ),
            (quote!(union Add { a: u8 }), "a union cannot be sent"),
        ] {
            let text = refused(super::message, input);
            assert!(text.starts_with(expected), "{text}");
        }
    }

    #[test]
    fn the_error_points_at_the_key() {
        let input = "#[message(reply = u8, oops = 1)] struct Add;";
        let error = super::message(input.parse().expect("this is Rust")).expect_err("refused");
        let column = input.find("oops").expect("the key is in the text");
        assert_eq!(error.span().start().column, column);
    }

    #[test]
    fn without_keys_the_defaults_of_the_traits_apply() {
        let code = super::message(quote!(
            struct Add;
        ))
        .expect("this is valid")
        .to_string();
        assert!(code.contains("impl :: nexus :: Message for Add"), "{code}");
        assert!(!code.contains("VERSION") && !code.contains("priority"), "{code}");
    }
}
