//! What `#[message(...)]` and `#[wire(...)]` say.

use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, LitInt, LitStr, Path, Type, parse_quote};

/// Which derive is speaking, and so which attribute it reads.
#[derive(Clone, Copy)]
pub struct Dialect {
    attribute: &'static str,
    keys: &'static [&'static str],
}

pub const MESSAGE: Dialect =
    Dialect { attribute: "message", keys: &["reply", "name", "version", "priority", "crate"] };

pub const WIRE: Dialect = Dialect { attribute: "wire", keys: &["name", "version", "crate"] };

/// The values given, each `None` where the default applies.
#[derive(Default)]
pub struct Options {
    pub reply: Option<Type>,
    pub name: Option<LitStr>,
    pub version: Option<LitInt>,
    pub priority: Option<LitInt>,
    root: Option<Path>,
}

impl Options {
    pub fn parse(attributes: &[Attribute], dialect: Dialect) -> syn::Result<Options> {
        let mut options = Options::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident(dialect.attribute)) {
            attribute.parse_nested_meta(|meta| options.take(&meta, dialect))?;
        }
        Ok(options)
    }

    /// The path of the crate that has `Message` and `Wire`.
    pub fn root(&self) -> Path {
        self.root.clone().unwrap_or_else(|| parse_quote!(::nexus))
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>, dialect: Dialect) -> syn::Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        if !dialect.keys.contains(&key.as_str()) {
            return Err(unknown(meta, dialect));
        }
        match key.as_str() {
            "reply" => once(&mut self.reply, meta, meta.value()?.parse()?),
            "name" => once(&mut self.name, meta, name(meta)?),
            "version" => once(&mut self.version, meta, integer::<u16>(meta)?),
            "priority" => once(&mut self.priority, meta, integer::<u8>(meta)?),
            _ => once(&mut self.root, meta, meta.value()?.parse::<LitStr>()?.parse()?),
        }
    }
}

fn once<T>(option: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> syn::Result<()> {
    if option.replace(value).is_some() {
        return Err(meta.error(format!("`{}` is given twice", text(&meta.path))));
    }
    Ok(())
}

fn name(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let name: LitStr = meta.value()?.parse()?;
    if name.value().is_empty() {
        return Err(syn::Error::new(name.span(), "a name cannot be empty"));
    }
    Ok(name)
}

/// A literal that fits `N`; without a suffix, so that it takes any type.
fn integer<N>(meta: &ParseNestedMeta<'_>) -> syn::Result<LitInt>
where
    N: std::str::FromStr + std::fmt::Display,
    N::Err: std::fmt::Display,
{
    let literal: LitInt = meta.value()?.parse()?;
    let number: N = literal.base10_parse().map_err(|error| {
        syn::Error::new(literal.span(), format!("bad `{}`: {error}", text(&meta.path)))
    })?;
    Ok(LitInt::new(&number.to_string(), literal.span()))
}

fn unknown(meta: &ParseNestedMeta<'_>, dialect: Dialect) -> syn::Error {
    let Dialect { attribute, keys } = dialect;
    let (key, keys) = (text(&meta.path), keys.join("`, `"));
    let message = format!("unknown key `{key}`; `#[{attribute}(...)]` takes `{keys}`");
    syn::Error::new(meta.path.span(), message)
}

fn text(path: &Path) -> String {
    quote::quote!(#path).to_string().replace(' ', "")
}
