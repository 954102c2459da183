//! Levels, layers and adaptations, seen and switched by clients: of pools and of kinds.

use std::time::Duration;

use nexus::adaptive::{AdapterSpec, Readings};
use nexus::{
    EnabledLevels, EventName, KindLayers, Kv, KvRules, Level, Pool, PoolSpec, Reactive,
    ReactiveAgent, ReactiveKind, Routing, Server, Time,
};
use serde_json::{Value, json};

use crate::support::{Cart, Gated, Pass, Served, serve, settings};

const POOL: &str = "/v1/agents/nexus.pool/stores";

fn learns() -> PoolSpec {
    let levels = EnabledLevels::BASIC.with(Routing::Optimized).with(Routing::Adaptive);
    PoolSpec::new().levels(levels)
}

fn pool<A: nexus::Agent>(served: &Served, name: &str, spec: PoolSpec) -> Pool<A> {
    let node = served.running.as_ref().expect("it runs").node();
    Pool::spawn(node, name, 2, spec).expect("the names are free")
}

fn put(routing: &str) -> Value {
    json!({"type": "update", "name": "put", "args": {"key": "k", "value": 1}, "routing": routing})
}

#[test]
fn a_pool_serves_by_the_routing_that_a_request_asks_for_and_says_who_did() {
    let served = serve();
    let stores = pool::<Kv>(&served, "stores", learns());
    let check = |routing: &str, used: &str, level: &str| {
        let answer = served.ask("POST", POOL, &put(routing));
        assert_eq!(answer.status, 200, "{answer:?}");
        let pool = &answer.json()["pool"];
        let routed = (&pool["routing"]["asked"], &pool["routing"]["used"], &pool["level"]);
        assert_eq!(routed, (&json!(routing), &json!(used), &json!(level)));
        pool["member"].as_str().expect("it is a name").to_owned()
    };
    let in_turn = [check("basic", "basic", "reactive"), check("basic", "basic", "reactive")];
    assert!(in_turn.contains(&"kv/stores-0".to_owned()), "{in_turn:?}");
    assert!(in_turn.contains(&"kv/stores-1".to_owned()), "{in_turn:?}");
    check("optimized", "optimized", "reactive");
    // Until the trial knows how long calls take it has no layer on.
    check("adaptive", "adaptive", "reactive");
    check("swarm", "adaptive", "reactive");
    assert_eq!(stores.counts().done, 5);

    let looked = served.get(POOL).json();
    assert_eq!(looked["metrics"]["handled"], json!(5));
    let state = &looked["state"];
    assert_eq!((&state["kind"], &state["member_count"]), (&json!("kv"), &json!(2)));
    assert_eq!(state["enabled"], json!(["basic", "optimized", "adaptive"]));
    assert_eq!(state["counts"]["levels"][0], json!({"level": "basic", "asked": 2, "used": 2}));
    assert_eq!(state["counts"]["members"][1]["key"], json!("stores-1"));
    let list = served.get("/v1/agents?kind=nexus.pool&where=level+%3D+%22adaptive%22").json();
    assert_eq!(list["agents"][0]["key"], json!("stores"), "{list}");
    assert!(served.get("/v1/status").json()["kinds"]["nexus.pool"].is_object());
}

#[test]
fn a_pool_tells_why_and_is_set_to_a_level() {
    let served = serve();
    let stores = pool::<Kv>(&served, "stores", learns());
    let why = served.get(&format!("{POOL}/why")).json();
    assert_eq!(why["level"], json!({"asked": "adaptive", "used": "adaptive", "reason": null}));
    assert_eq!(why["pool"]["ladder"]["layers"][0]["stage"], json!("trying"));
    assert_eq!(why["pool"]["speeds"], json!({"stores-0": 1.0, "stores-1": 1.0}));
    assert!(why["pool"]["model"]["model"]["kind"].is_string(), "{why}");
    assert!(why["pool"]["measured"]["phase"].is_object() && why["events"].is_array(), "{why}");

    let set = |level: &str| served.ask("PUT", &format!("{POOL}/level"), &json!({"level": level}));
    let proactive = json!({"asked": "proactive", "used": "proactive", "reason": null});
    assert_eq!(set("proactive").json(), json!({"level": proactive}));
    assert_eq!(stores.why().ladder.expect("it has one").asked, Level::Proactive);
    let fell = set("emergent").json();
    assert_eq!(fell["level"]["used"], json!("adaptive"));
    assert_eq!(fell["level"]["reason"], json!("emergent: not part of this build"));
    set("best").fails(400, "bad_request", "no", "no");
    assert_eq!(served.get(POOL).json()["level"]["asked"], json!("emergent"), "as it was");
}

#[test]
fn layers_of_a_pool_come_and_go() {
    let served = serve();
    let _stores = pool::<Kv>(&served, "stores", learns());
    let set =
        |layer: &str, body: Value| served.ask("PUT", &format!("{POOL}/layers/{layer}"), &body);
    let off = set("adaptive", json!({"enabled": false})).json();
    assert_eq!((&off["enabled"], &off["layer"]["stage"]), (&json!(false), &json!("off")));
    assert_eq!(off["level"]["used"], json!("proactive"));
    assert_eq!(off["level"]["reason"], json!("adaptive: switched off by an operator"));
    let events = served.running.as_ref().expect("it runs").node().events().into_iter();
    let told = events.filter(|event| event.name == EventName::LayerSteppedDown);
    let told: Vec<_> = told.map(|event| (event.agent, event.detail)).collect();
    assert!(
        matches!(&told[..], [(pool, detail)] if pool == "nexus.pool/stores"
            && detail.contains("switched off by an operator")),
        "{told:?}"
    );
    let on = set("adaptive", json!({"enabled": true})).json();
    assert_eq!(
        (&on["layer"]["stage"], &on["level"]["used"]),
        (&json!("trying"), &json!("adaptive"))
    );

    let bad = |layer: &str, body: Value| {
        set(layer, body).fails(400, "bad_request", "no", "no")["message"].to_string()
    };
    assert!(bad("best", json!({"enabled": true})).contains("proactive, adaptive, emergent"));
    assert!(bad("reactive", json!({"enabled": false})).contains("cannot be enabled, disabled"));
    bad("adaptive", json!({}));
    bad("adaptive", json!({"enabled": "no"}));
    bad("adaptive", json!({"enabled": true, "now": true}));
    assert_eq!(served.get(POOL).json()["level"]["used"], json!("adaptive"), "nothing changed");
}

#[test]
fn a_pool_without_layers_says_that_it_has_none() {
    let served = serve();
    let _stores = pool::<Kv>(&served, "stores", PoolSpec::new());
    let why = served.get(&format!("{POOL}/why")).json();
    assert_eq!(why["pool"], json!({"used": "reactive"}));
    assert_eq!(why["level"]["reason"], Value::Null);
    for (path, body) in
        [("level", json!({"level": "adaptive"})), ("layers/adaptive", json!({"enabled": true}))]
    {
        let answer = served.ask("PUT", &format!("{POOL}/{path}"), &body);
        let error = answer.fails(409, "conflict", "no", "no");
        assert!(error["message"].to_string().contains("the pool has no layers"), "{error}");
    }
    let answer = served.ask("POST", POOL, &put("adaptive")).json();
    assert_eq!(answer["pool"]["routing"]["used"], json!("optimized"));
    assert_eq!(answer["pool"]["routing"]["reason"], json!("adaptive is not enabled"));
}

#[test]
fn typed_messages_go_through_a_pool_too() {
    let served = serve();
    let _carts = pool::<Cart>(&served, "stores", learns());
    let put = json!({"item": "pear", "count": 2});
    let answer = served.send("nexus.pool/stores", "put", &put).json();
    assert_eq!((&answer["value"], &answer["pool"]["member"]), (&json!(2), &json!("cart/stores-0")));
    let bad = |name: &str, args: Value| {
        let answer = served.send("nexus.pool/stores", name, &args);
        answer.fails(400, "bad_request", "no", "no")
    };
    let error = bad("put", json!({"item": "pear", "count": "two"}));
    assert_eq!(error["detail"]["path"], json!("args.count"));
    let error = bad("pull", json!({}));
    assert!(error["message"].to_string().contains("agents of kind cart"), "{error}");
    let query = json!({"type": "query", "name": "get", "args": {"key": "k"}});
    served.ask("POST", "/v1/agents/nexus.pool/stores", &query).fails(
        400,
        "bad_request",
        "no",
        "no",
    );
    // What a handler does to a request is told as if it had been asked itself.
    served
        .send("nexus.pool/stores", "boom", &json!({}))
        .fails(500, "crashed", "unknown", "refresh");
}

#[test]
fn a_request_under_one_key_goes_through_a_pool_once() {
    let served = serve();
    let stores = pool::<Kv>(&served, "stores", learns());
    let add = json!({"type": "action", "name": "add", "args": {"key": "n", "by": 1}}).to_string();
    let ask = || served.client().ask("POST", POOL, &["Idempotency-Key: one"], &add);
    let (first, second) = (ask(), ask());
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!((first.json(), stores.counts().placed), (second.json(), 1));
}

#[test]
fn a_full_pool_refuses_and_nothing_changed() {
    let served = serve();
    let gated = pool::<Gated>(&served, "stores", PoolSpec::new().in_flight_max(1));
    let node = served.running.as_ref().expect("it runs").node();
    let waits = gated.ask(Pass, Routing::Basic);
    std::thread::scope(|scope| {
        scope.spawn(|| node.block_on(waits).expect("it passes when the gate is opened"));
        served.gate.wait_for(1);
        let answer = served.send("nexus.pool/stores", "pass", &json!({}));
        let error = answer.fails(429, "mailbox_full", "no", "later");
        assert!(error["message"].to_string().contains("1 calls are in flight"), "{error}");
        served.gate.open();
    });
}

#[test]
fn a_pool_is_its_program_s_to_make_and_to_stop() {
    let served = serve();
    let stores = pool::<Kv>(&served, "stores", learns());
    for method in ["PUT", "DELETE"] {
        let answer = served.ask(method, POOL, &Value::Null);
        assert_eq!(answer.header("allow"), Some("GET, POST"));
        let error = answer.fails(405, "bad_request", "no", "no");
        assert!(error["message"].to_string().contains("the program that has them"), "{error}");
    }
    assert_eq!(served.ask("POST", POOL, &put("basic")).status, 200);
    stores.stop();
    crate::support::eventually("the pool is gone", || served.get(POOL).status == 404);
    served.ask("POST", POOL, &put("basic")).fails(404, "unknown_agent", "no", "refresh");
    // Another one of the name is found, also when the first is dropped.
    crate::support::eventually("its members are gone", || {
        served.get("/v1/agents?kind=kv").json()["agents"] == json!([])
    });
    let _again = pool::<Kv>(&served, "stores", PoolSpec::new());
    drop(stores);
    let why = served.get(&format!("{POOL}/why")).json();
    assert_eq!(why["pool"], json!({"used": "reactive"}));
}

/// A kind with layers.
struct Ruled;

impl ReactiveKind for Ruled {
    const KIND: &'static str = "ruled";

    fn rules() -> &'static Reactive {
        KvRules::rules()
    }

    fn layers() -> Option<KindLayers> {
        Some(KindLayers::new(AdapterSpec::default()).expect("it holds together"))
    }
}

#[test]
fn a_kind_s_layers_are_switched_and_its_adaptations_taken_back_by_id() {
    let running = Server::new().settings(settings()).kind::<ReactiveAgent<Ruled>>().kind::<Kv>();
    let running = running.start().expect("the port is free");
    let address = running.listens();
    let served = Served { running: Some(running), address, gate: Default::default() };
    served.create("ruled/a");
    let layer = |enabled: bool| {
        let body = json!({"enabled": enabled});
        served.ask("PUT", "/v1/agents/ruled/a/layers/adaptive", &body).json()
    };
    assert_eq!(layer(true)["layer"]["stage"], json!("trying"));
    let set = served.ask("PUT", "/v1/agents/ruled/a/level", &json!({"level": "adaptive"}));
    assert_eq!(set.json()["level"]["used"], json!("adaptive"));
    let node = served.running.as_ref().expect("it runs").node();
    let layers = KindLayers::of(node.system(), "ruled").expect("it has some");
    for second in 0..12_u32 {
        let cpu = Some(0.95 + f64::from(second) * 1e-6);
        let now = Time::ZERO.after(Duration::from_secs(u64::from(second)));
        layers.handle_readings(now, &Readings { cpu, ..Default::default() }).expect("they can be");
    }
    // The node's own sensors may have more adapted: it is this one that matters.
    let has_first = |adaptations: &Value| {
        let all = adaptations.as_array().expect("there is a list");
        all.iter().any(|adaptation| adaptation["id"] == json!("a-1"))
    };
    let in_force = || served.get("/v1/agents/ruled/a/why").json()["layers"]["adaptations"].take();
    assert!(has_first(&in_force()), "{}", in_force());

    let roll = |id: Value| served.ask("POST", "/v1/agents/ruled/a/rollback", &json!({"id": id}));
    let error = roll(json!(99)).fails(404, "not_found", "no", "no");
    assert!(error["message"].to_string().contains("there is no adaptation a-99"), "{error}");
    for id in [json!("3"), json!("b-1"), json!(-1), json!(null)] {
        let error = roll(id).fails(400, "bad_request", "no", "no");
        assert!(error["message"].to_string().contains("a-1"), "it says how ids look: {error}");
    }
    assert!(has_first(&in_force()), "nothing changed");
    let rolled = roll(json!(1)).json();
    assert_eq!(rolled["rolled_back"], json!("a-1"));
    assert!(!has_first(&rolled["adaptations"]) && rolled["knobs"]["complexity"].is_f64());
    assert!(!has_first(&in_force()), "it is taken back");
    roll(json!("a-1")).fails(409, "conflict", "no", "no");

    let off = layer(false);
    assert_eq!(off["level"]["used"], json!("reactive"));
    assert_eq!(off["level"]["reason"], json!("adaptive: switched off by an operator"));
    served.create("kv/a");
    for (method, path, body) in [
        ("POST", "rollback", json!({"id": 1})),
        ("PUT", "layers/adaptive", json!({"enabled": true})),
    ] {
        let of = |agent: &str| served.ask(method, &format!("/v1/agents/{agent}/{path}"), &body);
        of("kv/a").fails(409, "conflict", "no", "no");
        of("kv/b").fails(404, "unknown_agent", "no", "refresh");
    }
}
