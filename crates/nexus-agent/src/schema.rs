//! The shape of a message as JSON, found by watching its own `Deserialize`.
//!
//! So that every message has a schema with nothing more to derive: a type is
//! read from a reader that makes values up and notes what it is asked for.
//! Types whose `Deserialize` asks for whatever comes have no shape that could
//! be found so, and are described as anything.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_reflection::{
    ContainerFormat, Format, Named, Registry, Samples, Tracer, TracerConfig, VariantFormat,
};

/// Times a type is read: each pass finds one more variant of each enum in it.
/// A guess; an enum with more is described by those that were found.
const PASSES: usize = 128;

/// Types nested in each other that are written out; deeper ones are anything.
/// Types that hold themselves end here.
const DEPTH_MAX: usize = 12;

/// Variants that were met by name alone have numbers from here on. Their enum has
/// others that were not met: inside a list or an option it is read only once.
const PROVISIONAL_MIN: u32 = u32::MAX - u16::MAX as u32;

/// A JSON schema (draft 2020-12), with an example that fits it.
#[derive(Clone, PartialEq, Debug)]
pub struct Schema {
    /// The schema.
    pub schema: Value,
    /// A value that fits it.
    pub example: Value,
}

impl Schema {
    /// Fits everything.
    pub fn anything() -> Schema {
        Schema { schema: json!({}), example: Value::Null }
    }
}

/// The schema of `T`.
pub(crate) fn of<T: DeserializeOwned>() -> Schema {
    let Some((format, registry)) = trace::<T>() else { return Schema::anything() };
    let mut schema = describe(&format, &registry, 0);
    relax::<T>(&mut schema);
    schema
}

fn trace<T: DeserializeOwned>() -> Option<(Format, Registry)> {
    let mut traced = read_often::<T>(&[])?;
    for _ in 0..DEPTH_MAX {
        let known: Vec<String> = traced.1.keys().cloned().collect();
        traced = read_often::<T>(&known)?;
        if traced.1.len() == known.len() {
            break;
        }
    }
    Some(traced)
}

/// Reads a `T` again and again. Each time an enum among `names` shows another
/// variant; the others show their first.
fn read_often<T: DeserializeOwned>(names: &[String]) -> Option<(Format, Registry)> {
    let config = TracerConfig::default().is_human_readable(true);
    let (mut tracer, samples) = (Tracer::new(config), Samples::new());
    let mut format = None;
    for _ in 0..if names.is_empty() { 1 } else { PASSES } {
        for name in names {
            tracer.check_incomplete_enum(name);
        }
        match tracer.trace_type_once::<T>(&samples) {
            Ok((traced, _)) => format = Some(traced),
            Err(_) => break,
        }
    }
    Some((format?, tracer.registry_unchecked()))
}

/// Takes fields off `required` that may be left out: serde alone knows which.
fn relax<T: DeserializeOwned>(schema: &mut Schema) {
    let Value::Object(example) = &schema.example else { return };
    let optional = |name: &str| {
        let mut without = example.clone();
        without.remove(name);
        T::deserialize(Value::Object(without)).is_ok()
    };
    if let Some(Value::Array(required)) = schema.schema.get_mut("required") {
        required.retain(|name| !name.as_str().is_some_and(optional));
    }
}

fn describe(format: &Format, registry: &Registry, depth: usize) -> Schema {
    if depth > DEPTH_MAX {
        return Schema::anything();
    }
    let inner = |format: &Format| describe(format, registry, depth + 1);
    match format {
        Format::Variable(_) => Schema::anything(),
        Format::TypeName(name) => match registry.get(name) {
            Some(container) => describe_container(container, registry, depth + 1),
            None => Schema::anything(),
        },
        Format::Unit => plain(json!({"type": "null"}), Value::Null),
        Format::Bool => plain(json!({"type": "boolean"}), json!(true)),
        Format::I8 => integer(i8::MIN.into(), i8::MAX.into()),
        Format::I16 => integer(i16::MIN.into(), i16::MAX.into()),
        Format::I32 => integer(i32::MIN.into(), i32::MAX.into()),
        Format::I64 => plain(json!({"type": "integer", "format": "int64"}), json!(1)),
        Format::I128 => plain(json!({"type": "integer"}), json!(1)),
        Format::U8 => integer(0, u8::MAX.into()),
        Format::U16 => integer(0, u16::MAX.into()),
        Format::U32 => integer(0, u32::MAX.into()),
        Format::U64 => {
            plain(json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}), json!(1))
        }
        Format::U128 => plain(json!({"type": "integer", "minimum": 0}), json!(1)),
        Format::F32 | Format::F64 => plain(json!({"type": "number"}), json!(1.5)),
        Format::Char => {
            plain(json!({"type": "string", "minLength": 1, "maxLength": 1}), json!("x"))
        }
        Format::Str => plain(json!({"type": "string"}), json!("text")),
        Format::Bytes => {
            let byte = integer(0, u8::MAX.into()).schema;
            plain(json!({"type": "array", "items": byte}), json!([1]))
        }
        Format::Option(some) => {
            let some = inner(some);
            plain(json!({"anyOf": [some.schema, {"type": "null"}]}), some.example)
        }
        Format::Seq(item) => list(inner(item)),
        Format::Map { key: _, value } => {
            let value = inner(value);
            plain(
                json!({"type": "object", "additionalProperties": value.schema}),
                json!({"key": value.example}),
            )
        }
        Format::Tuple(items) => tuple(items.iter().map(inner).collect()),
        Format::TupleArray { content, size } => {
            let item = inner(content);
            let schema =
                json!({"type": "array", "items": item.schema, "minItems": size, "maxItems": size});
            plain(schema, Value::Array(vec![item.example; *size]))
        }
    }
}

fn describe_container(container: &ContainerFormat, registry: &Registry, depth: usize) -> Schema {
    let inner = |format: &Format| describe(format, registry, depth);
    match container {
        ContainerFormat::UnitStruct => plain(json!({"type": "null"}), Value::Null),
        ContainerFormat::NewTypeStruct(format) => inner(format),
        ContainerFormat::TupleStruct(formats) => tuple(formats.iter().map(inner).collect()),
        ContainerFormat::Struct(fields) => object(fields, registry, depth),
        ContainerFormat::Enum(variants) => {
            let partly = variants.keys().any(|index| *index >= PROVISIONAL_MIN);
            let described: Vec<Schema> = variants
                .values()
                .map(|variant| describe_variant(variant, registry, depth))
                .collect();
            let example = described.first().map_or(Value::Null, |first| first.example.clone());
            let variants: Vec<Value> = described.into_iter().map(|one| one.schema).collect();
            let schema = if partly { json!({}) } else { json!({"oneOf": variants}) };
            plain(schema, example)
        }
    }
}

fn describe_variant(variant: &Named<VariantFormat>, registry: &Registry, depth: usize) -> Schema {
    let inner = |format: &Format| describe(format, registry, depth);
    let content = match &variant.value {
        VariantFormat::Unit => return plain(json!({"const": variant.name}), json!(variant.name)),
        VariantFormat::Variable(_) => Schema::anything(),
        VariantFormat::NewType(format) => inner(format),
        VariantFormat::Tuple(formats) => tuple(formats.iter().map(inner).collect()),
        VariantFormat::Struct(fields) => object(fields, registry, depth),
    };
    let schema = json!({
        "type": "object",
        "properties": {&variant.name: content.schema},
        "required": [variant.name],
        "additionalProperties": false,
    });
    plain(schema, json!({&variant.name: content.example}))
}

fn object(fields: &[Named<Format>], registry: &Registry, depth: usize) -> Schema {
    let (mut properties, mut example) = (Map::new(), Map::new());
    for field in fields {
        let described = describe(&field.value, registry, depth);
        properties.insert(field.name.clone(), described.schema);
        example.insert(field.name.clone(), described.example);
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| !matches!(field.value, Format::Option(_)))
        .map(|field| field.name.as_str())
        .collect();
    let schema = json!({"type": "object", "properties": properties, "required": required});
    plain(schema, Value::Object(example))
}

fn plain(schema: Value, example: Value) -> Schema {
    Schema { schema, example }
}

fn integer(minimum: i64, maximum: i64) -> Schema {
    plain(json!({"type": "integer", "minimum": minimum, "maximum": maximum}), json!(1))
}

fn list(item: Schema) -> Schema {
    plain(json!({"type": "array", "items": item.schema}), json!([item.example]))
}

fn tuple(items: Vec<Schema>) -> Schema {
    let count = items.len();
    let (schemas, examples): (Vec<Value>, Vec<Value>) =
        items.into_iter().map(|item| (item.schema, item.example)).unzip();
    let schema =
        json!({"type": "array", "prefixItems": schemas, "minItems": count, "maxItems": count});
    plain(schema, Value::Array(examples))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    struct Order {
        sku: String,
        count: u8,
        #[serde(default)]
        gift: bool,
        note: Option<String>,
        pay: Pay,
        tags: Vec<(u16, f64)>,
        refunds: Vec<Pay2>,
        discount: Option<Pay3>,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    enum Pay2 {
        Cash,
        Voucher(u32),
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    enum Pay3 {
        Half,
        Of(u32),
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is looked at")]
    enum Pay {
        Cash,
        Card { number: String },
        Later(u32),
    }

    #[test]
    fn fields_variants_and_what_may_be_left_out_are_found() {
        let found = of::<Order>();
        assert_eq!(found.schema["required"], json!(["sku", "count", "pay", "tags", "refunds"]));
        let properties = &found.schema["properties"];
        assert_eq!(properties["count"], json!({"type": "integer", "minimum": 0, "maximum": 255}));
        assert_eq!(properties["note"], json!({"anyOf": [{"type": "string"}, {"type": "null"}]}));
        assert_eq!(properties["pay"]["oneOf"].as_array().map(Vec::len), Some(3));
        assert_eq!(properties["pay"]["oneOf"][0], json!({"const": "Cash"}));
        // All of them are not known, so none is said to be all.
        assert_eq!(properties["refunds"]["items"], json!({}));
        assert_eq!(properties["discount"]["anyOf"][0], json!({}));
        Order::deserialize(found.example).expect("the example fits");
    }

    #[derive(Deserialize)]
    struct Tree {
        #[allow(dead_code, reason = "only its shape is looked at")]
        branches: Vec<Tree>,
    }

    #[test]
    fn a_type_that_holds_itself_comes_to_an_end() {
        assert_eq!(of::<Tree>().schema["properties"]["branches"]["type"], "array");
    }

    #[test]
    fn what_takes_anything_is_described_as_anything() {
        assert_eq!(of::<Value>(), Schema::anything());
        assert_eq!(of::<u8>().example, json!(1));
    }
}
