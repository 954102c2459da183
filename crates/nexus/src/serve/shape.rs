//! Lists that stand where objects are asked for.
//!
//! Readers made by derive take a list for an object, field by field in the order they are
//! written in the code. What clients may send would then change with that order, and be
//! other than the schema says.

use serde_json::Value;

/// Where in `value`, which is called `name`, a list stands for what `schema` says is an
/// object: `name.items[1]`.
pub(super) fn list_for_object(name: &str, schema: &Value, value: &Value) -> Option<String> {
    let mut path = vec![name.to_owned()];
    find(schema, value, &mut path).then(|| path.concat())
}

/// Leaves the path in `path` if there is such a list. Goes no deeper than the schema.
fn find(schema: &Value, value: &Value, path: &mut Vec<String>) -> bool {
    let any_of = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array());
    for alternative in any_of.flatten().filter(|one| fits(one, value)) {
        if find(alternative, value, path) {
            return true;
        }
    }
    match value {
        Value::Array(_) if schema["type"] == "object" => true,
        Value::Array(items) => {
            let each = |at: usize| schema["prefixItems"].get(at).unwrap_or(&schema["items"]);
            let mut items = items.iter().enumerate();
            items.any(|(at, item)| within(each(at), item, format!("[{at}]"), path))
        }
        Value::Object(fields) => fields.iter().any(|(name, field)| {
            let known = schema["properties"].get(name);
            let field_schema = known.unwrap_or(&schema["additionalProperties"]);
            within(field_schema, field, format!(".{name}"), path)
        }),
        _ => false,
    }
}

fn within(schema: &Value, value: &Value, step: String, path: &mut Vec<String>) -> bool {
    if schema.is_null() {
        return false;
    }
    path.push(step);
    if find(schema, value, path) {
        return true;
    }
    path.pop();
    false
}

/// Whether an alternative may be the one that is meant: of a variant with content its name
/// says so. A list is never a variant.
fn fits(alternative: &Value, value: &Value) -> bool {
    let Some(properties) = alternative["properties"].as_object() else { return true };
    match value {
        Value::Object(fields) => fields.keys().any(|name| properties.contains_key(name)),
        _ => alternative["additionalProperties"] != false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_for_an_object_is_found_wherever_it_is() {
        let item = json!({"type": "object", "properties": {"sku": {"type": "string"}}});
        let schema = json!({"type": "object", "properties": {
            "item": item,
            "items": {"type": "array", "items": item},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}, item]},
            "by_name": {"type": "object", "additionalProperties": item},
            "maybe": {"anyOf": [item, {"type": "null"}]},
            "pay": {"oneOf": [
                {"const": "cash"},
                {"type": "object", "properties": {"card": item}, "additionalProperties": false},
            ]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "anything": {},
        }});
        let check = |value: Value| list_for_object("args", &schema, &value);
        let found = |path: &str| Some(path.to_owned());
        assert_eq!(check(json!([])), found("args"));
        assert_eq!(check(json!({"item": ["a"]})), found("args.item"));
        assert_eq!(check(json!({"items": [{"sku": "a"}, ["b"]]})), found("args.items[1]"));
        assert_eq!(check(json!({"pair": [1, ["b"]]})), found("args.pair[1]"));
        assert_eq!(
            check(json!({"by_name": {"a": {"sku": "a"}, "b": []}})),
            found("args.by_name.b")
        );
        assert_eq!(check(json!({"maybe": ["a"]})), found("args.maybe"));
        assert_eq!(check(json!({"pay": {"card": ["a"]}})), found("args.pay.card"));
        for fine in [
            json!({"item": {"sku": "a"}, "items": [], "pair": [1, {"sku": "a"}]}),
            json!({"maybe": null, "pay": "cash", "tags": ["a"], "anything": [[1], {"a": []}]}),
            json!({"pay": {"card": {"sku": "a"}}, "maybe": {"sku": "a"}, "other": [1]}),
        ] {
            assert_eq!(check(fine.clone()), None, "{fine}");
        }
    }
}
