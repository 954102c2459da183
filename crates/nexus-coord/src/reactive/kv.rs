//! The built-in key-value requests.

use serde::Deserialize;
use serde_json::Value;

use super::{Reactive, ReactiveError, Staged, State};

pub(super) fn register(reactive: Reactive) -> Reactive {
    reactive
        .with_query("get", get)
        .with_update("put", put)
        .with_update("cas", cas)
        .with_action("add", add)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Get {
    key: String,
    #[serde(default)]
    default: Value,
}

fn get(state: &State, args: &Value) -> Result<Value, ReactiveError> {
    let Get { key, default } = read("get", args)?;
    Ok(state.get(&key).cloned().unwrap_or(default))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    key: String,
    #[serde(deserialize_with = "given")]
    value: Value,
}

fn put(staged: &mut Staged<'_>, args: &Value) -> Result<Value, ReactiveError> {
    let Put { key, value } = read("put", args)?;
    staged.put(&key, value.clone())?;
    Ok(value)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cas {
    key: String,
    #[serde(deserialize_with = "given")]
    expect: Value,
    #[serde(deserialize_with = "given")]
    value: Value,
}

/// Compare and swap. A key that is not there counts as holding null.
fn cas(staged: &mut Staged<'_>, args: &Value) -> Result<Value, ReactiveError> {
    let Cas { key, expect, value } = read("cas", args)?;
    let found = staged.get(&key).unwrap_or(&Value::Null);
    if *found != expect {
        return Err(ReactiveError::Conflict { found: found.clone(), key });
    }
    staged.put(&key, value.clone())?;
    Ok(value)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    key: String,
    by: i64,
}

/// Adds to an integer. A key that is not there counts as holding zero.
fn add(staged: &mut Staged<'_>, args: &Value) -> Result<Value, ReactiveError> {
    let Add { key, by } = read("add", args)?;
    let held = match staged.get(&key) {
        None => 0,
        Some(value) => {
            value.as_i64().ok_or_else(|| ReactiveError::NotAnInteger { key: key.clone() })?
        }
    };
    let sum =
        held.checked_add(by).ok_or_else(|| ReactiveError::Overflow { key: key.clone(), by })?;
    staged.put(&key, Value::from(sum))?;
    Ok(Value::from(sum))
}

fn read<'a, T: Deserialize<'a>>(name: &'static str, args: &'a Value) -> Result<T, ReactiveError> {
    T::deserialize(args).map_err(|source| {
        // Only now: to keep track of the path takes longer than to read.
        let path = serde_path_to_error::deserialize::<_, T>(args).err();
        let path = path.map(|error| error.path().to_string()).filter(|path| path != ".");
        ReactiveError::BadArgs { name, path: path.unwrap_or_default(), source }
    })
}

/// Unlike a plain `Value`, which takes a missing field for null, insists on the field.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer)
}
