//! Arguments in a form that is the same whenever they mean the same.

use std::fmt::Write;

use serde_json::Value;

/// As JSON has it; most texts have nothing to escape.
fn write_text(to: &mut String, text: &str) {
    let is_plain = text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    match is_plain {
        true => to.extend(["\"", text, "\""]),
        false => to.push_str(&Value::from(text).to_string()),
    }
}

/// Writes `value` behind what is in `to` already, as text without blanks and with the
/// names of each object in order, whichever way they were sent. As deep as the value is
/// nested; JSON is read 128 levels deep at most.
///
/// Numbers are told apart by how they were written: `1` and `1.0` make two texts, so that
/// a repeated query may miss, and never meets another's answer.
pub fn write_canonical(to: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(to, index);
                write_canonical(to, item);
            }
            to.push(']');
        }
        Value::String(text) => write_text(to, text),
        Value::Object(fields) => {
            to.push('{');
            // They are in order already unless another crate has serde_json keep
            // them as they were sent.
            if fields.keys().is_sorted() {
                write_fields(to, fields.iter());
            } else {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_unstable_by_key(|(name, _)| *name);
                write_fields(to, fields.into_iter());
            }
            to.push('}');
        }
        plain => write!(to, "{plain}").expect("a string takes any text"),
    }
}

fn write_fields<'a>(to: &mut String, fields: impl Iterator<Item = (&'a String, &'a Value)>) {
    for (index, (name, field)) in fields.enumerate() {
        separate(to, index);
        write_text(to, name);
        to.push(':');
        write_canonical(to, field);
    }
}

fn separate(to: &mut String, index: usize) {
    if index > 0 {
        to.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_is_the_same_text() {
        let check = |sent: &str, expected: &str| {
            let value = serde_json::from_str(sent).expect("is JSON");
            let mut text = "kept".to_owned();
            write_canonical(&mut text, &value);
            assert_eq!(text.strip_prefix("kept"), Some(expected));
        };
        check(
            r#" {"b": [1, {"z": null, "y": "a\"b"}], "a": true} "#,
            r#"{"a":true,"b":[1,{"y":"a\"b","z":null}]}"#,
        );
        check(r#"{"\u0001\"": "\\", "é": "/"}"#, r#"{"\u0001\"":"\\","é":"/"}"#);
        check("{}", "{}");
        check("[]", "[]");
        check("[1, 1.0]", "[1,1.0]");
    }
}
