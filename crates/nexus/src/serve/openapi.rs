//! The description of all this for programs, with the messages of the kinds
//! that are served.

use nexus_agent::{ErrorCode, MessageFacts};
use nexus_base::EventName;
use serde_json::{Map, Value, json};

use super::host::Host;
use crate::Request;
use crate::pool::POOLS;

/// The description, made once: kinds do not change while a node serves.
pub(super) fn document(host: &Host) -> Vec<u8> {
    let bytes = || serde_json::to_vec_pretty(&describe(host)).expect("it is plain data");
    host.openapi.get_or_init(bytes).clone()
}

fn describe(host: &Host) -> Value {
    let mut kinds = super::kinds(host);
    kinds.retain(|&kind| kind != POOLS);
    let mut paths = general_paths(&kinds);
    let mut schemas = general_schemas();
    for kind in &kinds {
        let messages = host.system().messages(kind).unwrap_or_default();
        let path = format!("/v1/agents/{kind}/{{key}}");
        paths.insert(path, kind_path(kind, &messages, &mut schemas));
    }
    let secured = host.tokens.is_some();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Nexus node {}", host.name),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Agents by name: create them, ask them, look at them.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas, "parameters": parameters()},
    });
    if secured {
        document["components"]["securitySchemes"] =
            json!({"token": {"type": "http", "scheme": "bearer"}});
        document["security"] = json!([{"token": []}]);
    }
    document
}

fn parameters() -> Value {
    json!({
        "key": {
            "name": "key", "in": "path", "required": true,
            "description": "Which agent of the kind: any text, percent-encoded, of up to 1,024 bytes.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 1_024},
            "example": "42",
        },
        "force": {
            "name": "force", "in": "query", "required": false,
            "description": "Drop a handler that waits instead of waiting for it.",
            "schema": {"type": "boolean"},
        },
        "idempotency": {
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "A second request under the same key gets the answer of the first.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255,
                       "pattern": "^[!-~]+$"},
        },
    })
}

fn errors(statuses: &[u16]) -> Map<String, Value> {
    let described = json!({
        "description": "Not done; `changed` says whether anything may have changed.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    let always = [400, 401, 403, 408, 413, 429, 431, 500, 503];
    let all = always.iter().chain(statuses);
    all.map(|status| (status.to_string(), described.clone())).collect()
}

fn answers(status: &str, schema: Value, others: &[u16]) -> Value {
    let mut answers = errors(others);
    let content = json!({"application/json": {"schema": schema}});
    answers.insert(status.to_owned(), json!({"description": "Done.", "content": content}));
    Value::Object(answers)
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn key_parameter() -> Value {
    json!([{"$ref": "#/components/parameters/key"}])
}

fn general_paths(kinds: &[&'static str]) -> Map<String, Value> {
    let kinds: Vec<&str> = kinds.iter().copied().chain([POOLS]).collect();
    let kind = json!({
        "name": "kind", "in": "path", "required": true,
        "description": "The kind of the agent; that of agents that stand for pools is nexus.pool.",
        "schema": {"type": "string", "enum": kinds},
    });
    let named = json!([kind, {"$ref": "#/components/parameters/key"}]);
    let layer = json!({
        "name": "layer", "in": "path", "required": true, "description": "Which layer.",
        "schema": {"type": "string", "enum": ["proactive", "adaptive", "emergent"]},
    });
    let of_layer = json!([kind, {"$ref": "#/components/parameters/key"}, layer]);
    let query = |name: &str, description: &str, schema: Value| {
        json!({"name": name, "in": "query", "required": false,
               "description": description, "schema": schema})
    };
    let page_size = json!({"type": "integer", "minimum": 1, "maximum": 1_000});
    let object = json!({"type": "object"});
    let flag = json!({"type": "string", "enum": ["", "0", "1", "true", "false"]});
    let text = json!({"schema": {"type": "string"}});
    let event_names: Vec<&str> = EventName::ALL.iter().map(|name| name.as_str()).collect();
    let mut happened = answers("200", object.clone(), &[]);
    happened["200"]["content"]["text/event-stream"] = text.clone();
    let mut figures = errors(&[]);
    figures.insert(
        "200".to_owned(),
        json!({"description": "The form that `Accept` asks for.",
        "content": {"application/openmetrics-text": text, "text/plain": text}}),
    );
    let paths = json!({
        "/v1/agents": {"get": {
            "operationId": "listAgents",
            "summary": "A page of agents",
            "parameters": [
                query("kind", "Only this kind.", json!({"type": "string"})),
                query("limit", "Agents on the page, at most.", page_size.clone()),
                query("after", "The `next` of the page before.",
                      json!({"type": "string", "pattern": "^([0-9a-fA-F]{32})?$"})),
                query("where", "A filter, such as `mailbox > 10 and kind = \"cart\"`.",
                      json!({"type": "string", "maxLength": 1_024})),
                query("state", "1 to have each agent say what its state is.", flag.clone()),
            ],
            "responses": answers("200", reference("Page"), &[404]),
        }},
        "/v1/agents/{kind}/{key}/level": {"put": {
            "operationId": "setLevel",
            "summary": "Set an agent's level",
            "parameters": named,
            "requestBody": {"required": true, "content": {"application/json": {"schema": {
                "type": "object",
                "properties": {"level": reference("Level")},
                "required": ["level"],
                "additionalProperties": false,
            }}}},
            "responses": answers("200", json!({
                "type": "object", "properties": {"level": reference("LevelUsed")},
                "required": ["level"]}), &[404, 409]),
        }},
        "/v1/agents/nexus.pool/{key}": {
            "get": {
                "operationId": "lookAtPool",
                "summary": "Look at a pool: its level, and as its state what became of its calls",
                "parameters": key_parameter(),
                "responses": answers("200", reference("Agent"), &[404]),
            },
            "post": {
                "operationId": "askPool",
                "summary": "Send a request to the member of a pool that its routing picks",
                "description": "The body is what the members take, one of their messages or a query, \
                                update or action.",
                "parameters": [{"$ref": "#/components/parameters/key"},
                               {"$ref": "#/components/parameters/idempotency"}],
                "requestBody": {"required": true,
                                "content": {"application/json": {"schema": object}}},
                "responses": answers("200", reference("Answer"), &[404, 409, 504]),
            },
        },
        "/v1/agents/{kind}/{key}/layers/{layer}": {"put": {
            "operationId": "setLayer",
            "summary": "Enable a layer of a pool or of an agent's kind, or take it away",
            "description": "A layer of a kind is that of all its agents. Requests inside it finish.",
            "parameters": of_layer,
            "requestBody": {"required": true, "content": {"application/json": {"schema": {
                "type": "object",
                "properties": {"enabled": {"type": "boolean"}},
                "required": ["enabled"],
                "additionalProperties": false,
            }}}},
            "responses": answers("200", json!({
                "type": "object",
                "properties": {"enabled": {"type": "boolean"}, "layer": object,
                               "level": reference("LevelUsed")},
                "required": ["enabled", "layer", "level"]}), &[404, 409]),
        }},
        "/v1/agents/{kind}/{key}/rollback": {"post": {
            "operationId": "rollBack",
            "summary": "Take an adaptation of an agent's kind back",
            "parameters": named,
            "requestBody": {"required": true, "content": {"application/json": {"schema": {
                "type": "object",
                "properties": {"id": {
                    "type": ["integer", "string"], "minimum": 0, "pattern": "^a-[1-9][0-9]*$",
                    "description": "As `why` shows it, `a-3`, or its number alone."}},
                "required": ["id"],
                "additionalProperties": false,
            }}}},
            "responses": answers("200", json!({
                "type": "object",
                "properties": {"rolled_back": {"type": "string"}, "knobs": object,
                               "adaptations": {"type": "array"}},
                "required": ["rolled_back", "knobs", "adaptations"]}), &[404, 409]),
        }},
        "/v1/agents/{kind}/{key}/why": {"get": {
            "operationId": "why",
            "summary": "Why an agent is as it is",
            "parameters": named,
            "responses": answers("200", object.clone(), &[404]),
        }},
        "/v1/events": {"get": {
            "operationId": "listEvents",
            "summary": "What happened; with follow=1 a stream of server-sent events",
            "parameters": [
                query("name", "Only events of this name.",
                      json!({"type": "string", "enum": event_names})),
                query("agent", "Only events of this agent, as kind/key.", json!({"type": "string"})),
                query("after", "The `next` of the page before.",
                      json!({"type": "integer", "minimum": 0, "maximum": u64::MAX})),
                query("limit", "Events on the page, at most.", page_size),
                query("follow", "1 for a stream of server-sent events, from now or from `after`.",
                      flag.clone()),
                {"name": "Last-Event-ID", "in": "header", "required": false,
                 "description": "The number of the last event that a stream has told; \
                                 counts for more than `after`.",
                 "schema": {"type": "string", "pattern": "^[0-9]{1,19}$"}},
            ],
            "responses": happened,
        }},
        "/v1/status": {"get": {
            "operationId": "status", "summary": "The node in figures",
            "responses": answers("200", object.clone(), &[]),
        }},
        "/v1/drain": {"post": {
            "operationId": "drain",
            "summary": "Take no new work, finish what has begun, and end",
            "responses": answers("202", json!({
                "type": "object", "properties": {"draining": {"const": true}},
                "required": ["draining"]}), &[]),
        }},
        "/healthz": {"get": {
            "operationId": "health", "summary": "Whether the process lives",
            "responses": answers("200", object.clone(), &[]),
        }},
        "/readyz": {"get": {
            "operationId": "ready", "summary": "Whether the node takes work",
            "responses": answers("200", object, &[]),
        }},
        "/metrics": {"get": {
            "operationId": "metrics", "summary": "Figures for Prometheus",
            "responses": figures,
        }},
    });
    match paths {
        Value::Object(paths) => paths,
        _ => unreachable!("it is an object"),
    }
}

fn kind_path(kind: &str, messages: &[MessageFacts], schemas: &mut Map<String, Value>) -> Value {
    let variants: Vec<Value> =
        messages.iter().map(|message| request_of(kind, message, schemas)).collect();
    let request = match variants.as_slice() {
        [] => json!({"type": "object"}),
        [one] => one.clone(),
        many => json!({"oneOf": many}),
    };
    let id = |verb: &str| format!("{verb}_{}", identifier(kind));
    let mut created = errors(&[409]);
    for (status, text) in [("200", "It was there."), ("201", "Created.")] {
        let content = json!({"application/json": {"schema": reference("Agent")}});
        created.insert(status.to_owned(), json!({"description": text, "content": content}));
    }
    json!({
        "put": {
            "operationId": id("create"),
            "summary": format!("Create an agent of kind {kind}"),
            "parameters": key_parameter(),
            "requestBody": {"required": false, "content": {"application/json": {"schema": {
                "type": "object",
                "properties": {"args": {"type": "object", "description": "What it starts with."}},
                "additionalProperties": false,
            }}}},
            "responses": created,
        },
        "post": {
            "operationId": id("ask"),
            "summary": format!("Ask an agent of kind {kind}"),
            "parameters": [{"$ref": "#/components/parameters/key"},
                           {"$ref": "#/components/parameters/idempotency"}],
            "requestBody": {"required": true,
                            "content": {"application/json": {"schema": request}}},
            "responses": answers("200", reference("Answer"), &[404, 409, 504]),
        },
        "get": {
            "operationId": id("look"),
            "summary": format!("Look at an agent of kind {kind}"),
            "parameters": key_parameter(),
            "responses": answers("200", reference("Agent"), &[404]),
        },
        "delete": {
            "operationId": id("stop"),
            "summary": format!("Stop an agent of kind {kind}"),
            "description": "200 if it has ended, 202 if it has yet to finish a message.",
            "parameters": [{"$ref": "#/components/parameters/key"},
                           {"$ref": "#/components/parameters/force"}],
            "responses": stopped(),
        },
    })
}

fn stopped() -> Value {
    let mut responses = answers("200", json!({"type": "object"}), &[400, 404]);
    responses["202"] = responses["200"].clone();
    responses["202"]["description"] = json!("It is stopping.");
    responses
}

/// The body that sends one message; its arguments become a schema of their own.
fn request_of(kind: &str, message: &MessageFacts, schemas: &mut Map<String, Value>) -> Value {
    if message.name == <Request as nexus_agent::Message>::NAME {
        return reference("Request");
    }
    let args = (message.args)();
    let reply = (message.reply)();
    let name = format!("{}.{}", identifier(kind), identifier(message.name));
    let needs_args = !takes_nothing(&args.schema);
    schemas.insert(name.clone(), args.schema);
    schemas.insert(format!("{name}.reply"), reply.schema);
    json!({
        "type": "object",
        "title": message.name,
        "description": format!("Message {} in version {}.", message.name, message.version),
        "properties": {
            "type": {"const": "message"},
            "name": {"const": message.name},
            "args": reference(&name),
            "deadline_ms": {"type": "integer", "minimum": 1, "maximum": 86_400_000},
            "routing": reference("Routing"),
            "features": reference("Features"),
        },
        "required": if needs_args { &["type", "name", "args"][..] } else { &["type", "name"] },
        "additionalProperties": false,
        "example": {"type": "message", "name": message.name, "args": args.example},
    })
}

/// Whether a message can be made of an object without fields, which is what one
/// without arguments is read from.
fn takes_nothing(schema: &Value) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => schema["required"].as_array().is_none_or(Vec::is_empty),
        None | Some("null") => true,
        Some(_) => false,
    }
}

/// Names of components may hold few characters.
fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn general_schemas() -> Map<String, Value> {
    let number = json!({"type": "number"});
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let schemas = json!({
        "Level": {"type": "string", "enum": ["reactive", "proactive", "adaptive", "emergent"]},
        "LevelUsed": {
            "type": "object",
            "properties": {"asked": reference("Level"), "used": reference("Level"),
                           "reason": {"type": ["string", "null"]}},
            "required": ["asked", "used", "reason"],
        },
        "Routing": {"type": "string", "enum": ["basic", "optimized", "adaptive", "swarm"]},
        "Features": {
            "type": "object",
            "properties": {
                "complexity": {"type": "number", "minimum": 0, "maximum": 1_000_000},
                "priority": {"type": "number", "minimum": 0, "maximum": 1},
                "resources": {"type": "number", "minimum": 0, "maximum": 1_000_000},
            },
            "additionalProperties": false,
        },
        "Request": {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["query", "update", "action"]},
                "name": {"type": "string", "minLength": 1, "maxLength": 256},
                "args": {"type": "object"},
                "routing": reference("Routing"),
                "deadline_ms": {"type": "integer", "minimum": 1, "maximum": 86_400_000},
                "features": reference("Features"),
            },
            "required": ["type", "name"],
            "additionalProperties": false,
            "example": {"type": "query", "name": "get", "args": {"key": "k", "default": 0}},
        },
        "Answer": {
            "type": "object",
            "properties": {"value": {}, "level": reference("LevelUsed"),
                           "node": {"type": "string"}, "term": {"type": ["integer", "null"]},
                           "pool": reference("ThroughPool")},
            "required": ["value", "level", "node", "term"],
        },
        "ThroughPool": {
            "type": "object",
            "description": "Only where a pool was asked: the member that served, the level of the \
                            layers that placed the request, and how it was routed.",
            "properties": {
                "member": {"type": "string"}, "level": reference("Level"),
                "routing": {
                    "type": "object",
                    "properties": {"asked": reference("Routing"), "used": reference("Routing"),
                                   "reason": {"type": ["string", "null"]}},
                    "required": ["asked", "used", "reason"],
                },
            },
            "required": ["member", "level", "routing"],
        },
        "Agent": {
            "type": "object",
            "properties": {
                "kind": {"type": "string"}, "key": {"type": "string"}, "id": {"type": "string"},
                "phase": {"type": "string"}, "mailbox": {"type": "integer"},
                "epoch": {"type": "integer"}, "level": reference("LevelUsed"),
                "metrics": {"type": "object", "properties": {
                    "handled": {"type": "integer"}, "errors": {"type": "integer"},
                    "age_s": number, "rate_per_s": number}},
                "metadata": {"type": ["object", "null"]}, "state": {},
                "node": {"type": "string"}, "term": {"type": ["integer", "null"]},
            },
            "required": ["kind", "key", "id", "phase", "mailbox", "epoch", "level", "metrics"],
        },
        "Page": {
            "type": "object",
            "properties": {"agents": {"type": "array", "items": reference("Agent")},
                           "next": {"type": ["string", "null"]},
                           "scanned": {"type": "integer"}},
            "required": ["agents", "next", "scanned"],
        },
        "Problem": {
            "type": "object",
            "properties": {"error": {
                "type": "object",
                "properties": {
                    "code": {"type": "string", "enum": codes},
                    "message": {"type": "string"},
                    "changed": {"type": "string", "enum": ["no", "yes", "unknown"]},
                    "retry": {"type": "string", "enum": ["no", "later", "refresh"]},
                    "detail": {"type": "object"},
                },
                "required": ["code", "message", "changed", "retry", "detail"],
            }},
            "required": ["error"],
        },
    });
    match schemas {
        Value::Object(schemas) => schemas,
        _ => unreachable!("it is an object"),
    }
}
